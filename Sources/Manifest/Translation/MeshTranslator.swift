// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Mesh

/// What a set of objects means for the mesh.
package struct Translation: Equatable, Sendable {
    /// The mesh.
    package var model: MeshModel
    /// What is wrong with objects that are readable each by itself.
    package var findings: [Finding]
}

/// Translates objects to the mesh they describe; a pure function of its input, whose order does not matter.
package func translate(_ store: ObjectStore, options: TranslationOptions = TranslationOptions()) -> Translation {
    var translator = MeshTranslator(store, options)
    translator.translate()
    return Translation(model: translator.model, findings: translator.findings)
}

/// The state of one translation.
struct MeshTranslator {
    /// A pod that is a workload.
    struct PodWorkload {
        let uid: String
        let pod: PodObject
        let metadata: ObjectMetadata
        let namespace: String
    }

    let options: TranslationOptions
    var model: MeshModel
    var findings: [Finding]
    /// Labels by namespace, the one that names it included.
    var namespaceLabels: [String: [String: String]] = [:]
    /// Locality by node.
    var nodeLocalities: [String: Locality] = [:]
    var pods: [PodWorkload] = []
    /// Index in `pods` by `namespace/name`.
    var podIndex: [String: Int] = [:]
    private let entries: [ObjectStore.Entry]

    init(_ store: ObjectStore, _ options: TranslationOptions) {
        self.options = options
        (entries, findings) = store.merged()
        model = MeshModel(rootNamespaces: options.rootNamespaces)
    }

    /// The entries of one kind, in the order of their names.
    func entries(_ kind: ObjectKind) -> [ObjectStore.Entry] {
        entries.filter { $0.object.key.kind == kind }
    }

    mutating func translate() {
        translateNamespaces()
        translateNodes()
        translatePods()
        translateServices()
        translateServiceEntries()
        translateWaypoints()
        translatePolicies()
        translateRoutes()
    }

    /// Makes bindings and destination policies of the objects that only waypoints read.
    private mutating func translateRoutes() {
        var routes = RouteTranslator(services: model.services, options: options)
        routes.takeDestinationRules(entries(.destinationRule))
        routes.bindGatewayRoutes { entries($0) }
        routes.bindVirtualServices(entries(.virtualService))
        routes.bindLinkerd(splits: entries(.trafficSplit), profiles: entries(.serviceProfile))
        model.routes = routes.bindings.sorted { RouteTranslator.isBefore($0.key, $1.key) }.map(\.value)
        model.destinationPolicies = routes.policies.values.sorted {
            ($0.service.hostname, $0.service.namespace) < ($1.service.hostname, $1.service.namespace)
        }
        findings += routes.findings
    }

    private mutating func translateNamespaces() {
        for entry in entries(.namespace) {
            let name = entry.object.key.name
            var labels = entry.object.metadata.labels
            let waypoint = binding(labels, namespace: name)
            if waypoint != .inherit { model.namespaces.append(MeshNamespace(name: name, waypoint: waypoint)) }
            labels["kubernetes.io/metadata.name"] = name
            namespaceLabels[name] = labels
        }
    }

    private mutating func translateNodes() {
        for entry in entries(.node) {
            let labels = entry.object.metadata.labels
            nodeLocalities[entry.object.key.name] = Locality(
                region: labels["topology.kubernetes.io/region"]
                    ?? labels["failure-domain.beta.kubernetes.io/region"] ?? "",
                zone: labels["topology.kubernetes.io/zone"] ?? labels["failure-domain.beta.kubernetes.io/zone"] ?? "",
                subzone: labels["topology.istio.io/subzone"] ?? "")
        }
    }

    private mutating func translatePolicies() {
        for entry in entries(.authorizationPolicy) {
            guard case .authorizationPolicy(let object) = entry.object.body else { continue }
            if !object.isForWaypoints, !object.isAudit { model.authorizationPolicies.append(object.policy) }
        }
        var peerAuthentications: [(entry: ObjectStore.Entry, policy: PeerAuthentication)] = []
        for entry in entries(.peerAuthentication) {
            guard case .peerAuthentication(let policy) = entry.object.body else { continue }
            model.peerAuthentications.append(policy)
            peerAuthentications.append((entry, policy))
        }
        reportShadowed(peerAuthentications)
    }

    /// Of peer authentications for the same workloads the oldest counts, as in Istio; the others say nothing any more.
    private mutating func reportShadowed(_ all: [(entry: ObjectStore.Entry, policy: PeerAuthentication)]) {
        var first: [PeerAuthenticationScope: String] = [:]
        let ordered = all.sorted { left, right in
            (left.policy.creationTimestamp, left.policy.namespace, left.policy.name)
                < (right.policy.creationTimestamp, right.policy.namespace, right.policy.name)
        }
        for (entry, policy) in ordered {
            let isForMesh = policy.selector.isEmpty && options.rootNamespaces.contains(policy.namespace)
            let scope = PeerAuthenticationScope(
                namespace: isForMesh ? nil : policy.namespace, selector: policy.selector)
            if let winner = first[scope] {
                findings.append(
                    entry.finding(.warning, "no effect: \(winner) is for the same workloads and comes before it"))
            } else {
                first[scope] = entry.object.key.description
            }
        }
    }

    /// The workloads that a peer authentication is for; nil as namespace is the mesh.
    private struct PeerAuthenticationScope: Hashable {
        var namespace: String?
        var selector: [String: String]
    }

    /// The waypoint that labels ask for (`istio.io/use-waypoint`, `istio.io/use-waypoint-namespace`).
    func binding(_ labels: [String: String], namespace: String) -> WaypointBinding {
        guard let name = labels["istio.io/use-waypoint"], !name.isEmpty else { return .inherit }
        if name == "none" { return .none }
        let other = labels["istio.io/use-waypoint-namespace"] ?? ""
        return .gateway(namespace: other.isEmpty ? namespace : other, name: name)
    }
}
