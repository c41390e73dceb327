// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
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
    return translator.translate()
}

/// Translates a set of objects to the mesh they describe, once as a whole, or that and then what changes.
///
/// What one object means is told by functions that both use; the fields keep what is needed to find out what else a changed
/// object touches.
package struct MeshTranslator: Sendable {
    /// A pod that is a workload.
    struct PodWorkload {
        let uid: String
        let pod: PodObject
        let metadata: ObjectMetadata
    }

    let options: TranslationOptions
    /// The objects.
    package var store: ObjectStore
    /// The mesh while it is translated as a whole; empty at other times.
    var model: MeshModel
    var findings = TranslationFindings()
    /// Labels by namespace, the one that names it included.
    var namespaceLabels: [String: [String: String]] = [:]
    /// Locality by node.
    var nodeLocalities: [String: Locality] = [:]
    /// What is known of each Service that is one of the mesh.
    var units: [ObjectKey: ServiceUnit] = [:]
    /// The selectors of Services that have no EndpointSlice, by name.
    var selectors = SelectorIndex<String>()
    /// The EndpointSlices of each Service.
    var slices: [ObjectKey: Set<ObjectKey>] = [:]
    /// Services with an endpoint that names none of our pods, by its address.
    var unitsByAddress: [IPAddress: Set<ObjectKey>] = [:]
    /// Workloads by address, for endpoints that name no pod; made when it is needed.
    var podsByAddress: [IPAddress: String]?
    var fixed = FixedParts()

    /// Takes the objects to begin with.
    package init(_ store: ObjectStore, _ options: TranslationOptions) {
        self.options = options
        self.store = store
        model = MeshModel(rootNamespaces: options.rootNamespaces)
    }

    /// Begins with nothing.
    package init(_ options: TranslationOptions) {
        self.init(ObjectStore(), options)
    }

    /// The entries of one kind, in the order of their names.
    func entries(_ kind: ObjectKind) -> [ObjectStore.Entry] { store.entries(kind) }

    /// Translates all objects.
    package mutating func translate() -> Translation {
        self = MeshTranslator(store, options)
        findings.duplicates = store.shadowFindings
        translateNamespaces()
        translateNodes()
        translatePods()
        translateServices()
        translateServiceEntries()
        translateWaypoints()
        translatePolicies()
        fixed.entryServices = model.services.filter { !$0.isCanonical }
        model.routes = routes(among: model.services)
        podsByAddress = nil
        defer { model = MeshModel(rootNamespaces: options.rootNamespaces) }
        return Translation(model: model, findings: findings.all)
    }

    /// Makes bindings and destination policies of the objects that only waypoints read.
    mutating func routes(among services: [Service]) -> MeshRoutes {
        var routes = RouteTranslator(services: services, options: options)
        routes.takeDestinationRules(entries(.destinationRule))
        routes.bindGatewayRoutes { entries($0) }
        routes.bindVirtualServices(entries(.virtualService))
        routes.bindLinkerd(splits: entries(.trafficSplit), profiles: entries(.serviceProfile))
        var result = MeshRoutes()
        result.bindings = routes.bindings.sorted { RouteTranslator.isBefore($0.key, $1.key) }.map(\.value)
        result.destinationPolicies = routes.policies.values.sorted {
            ($0.service.hostname, $0.service.namespace) < ($1.service.hostname, $1.service.namespace)
        }
        findings.routes = routes.findings
        return result
    }

    private mutating func translateNamespaces() {
        for entry in entries(.namespace) {
            let name = entry.object.key.name
            let waypoint = binding(entry.object.metadata.labels, namespace: name)
            if waypoint != .inherit { model.namespaces.append(MeshNamespace(name: name, waypoint: waypoint)) }
            setLabels(ofNamespace: name, entry)
        }
    }

    mutating func setLabels(ofNamespace name: String, _ entry: ObjectStore.Entry?) {
        namespaceLabels[name] = entry?.object.metadata.labels
        namespaceLabels[name]?["kubernetes.io/metadata.name"] = name
    }

    private mutating func translateNodes() {
        for entry in store.unordered(.node) { nodeLocalities[entry.object.key.name] = Self.locality(entry) }
    }

    /// Where a node is.
    static func locality(_ node: ObjectStore.Entry) -> Locality {
        let labels = node.object.metadata.labels
        return Locality(
            region: labels["topology.kubernetes.io/region"]
                ?? labels["failure-domain.beta.kubernetes.io/region"] ?? "",
            zone: labels["topology.kubernetes.io/zone"] ?? labels["failure-domain.beta.kubernetes.io/zone"] ?? "",
            subzone: labels["topology.istio.io/subzone"] ?? "")
    }

    private mutating func translatePolicies() {
        for entry in entries(.authorizationPolicy) {
            if let policy = Self.authorizationPolicy(entry) { model.authorizationPolicies.append(policy) }
        }
        for entry in entries(.peerAuthentication) {
            if let policy = Self.peerAuthentication(entry) { model.peerAuthentications.append(policy) }
        }
        reportShadowed()
    }

    /// What the node enforces of an authorization policy; nil when nothing.
    static func authorizationPolicy(_ entry: ObjectStore.Entry?) -> AuthorizationPolicy? {
        guard case .authorizationPolicy(let object)? = entry?.object.body, !object.isForWaypoints, !object.isAudit
        else { return nil }
        return object.policy
    }

    static func peerAuthentication(_ entry: ObjectStore.Entry?) -> PeerAuthentication? {
        guard case .peerAuthentication(let policy)? = entry?.object.body else { return nil }
        return policy
    }

    /// Of peer authentications for the same workloads the oldest counts, as in Istio; the others say nothing any more.
    mutating func reportShadowed() {
        let all = entries(.peerAuthentication).compactMap { entry in
            Self.peerAuthentication(entry).map { (entry: entry, policy: $0) }
        }
        var first: [PeerAuthenticationScope: String] = [:]
        findings.peerAuthentications = []
        let ordered = all.sorted { left, right in
            (left.policy.creationTimestamp, left.policy.namespace, left.policy.name)
                < (right.policy.creationTimestamp, right.policy.namespace, right.policy.name)
        }
        for (entry, policy) in ordered {
            let isForMesh = policy.selector.isEmpty && options.rootNamespaces.contains(policy.namespace)
            let scope = PeerAuthenticationScope(
                namespace: isForMesh ? nil : policy.namespace, selector: policy.selector)
            if let winner = first[scope] {
                findings.peerAuthentications.append(
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
