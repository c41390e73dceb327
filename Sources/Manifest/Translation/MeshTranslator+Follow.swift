// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Mesh

/// What is known of objects a change of which has everything translated anew: there are few of them.
struct FixedParts: Sendable {
    /// Waypoints that can be used.
    var usableWaypoints: Set<WaypointBinding> = []
    /// Hostnames that Gateways name as their addresses.
    var waypointHosts: Set<String> = []
    /// Whether a Gateway chooses namespaces by their labels.
    var selectsNamespaces = false
    /// How proxies of Gateways are handed connections.
    var tunnels: [ObjectKey: ApplicationTunnel] = [:]
    /// Hosts of ServiceEntries in lower case, which a Service may have too.
    var entryHosts: Set<String> = []
    /// Selectors of ServiceEntries.
    var entrySelectors = SelectorIndex<Int>()
    /// Services of ServiceEntries.
    var entryServices: [Service] = []
}

// What one changed object touches: a pod its own workload and the services that select it or name it in their slices; a
// service and its slices that service; a policy itself; a node the pods on it; the label that enrols a namespace its pods.
// A route touches all routes, which are translated again, and so does a service that is another.
// Everything else changes rarely and has the mesh translated as a whole: then the answer cannot be stale.
extension MeshTranslator {
    /// What changes have touched.
    private struct Touched {
        var pods: Set<ObjectKey> = []
        /// Namespaces of which all pods are touched.
        var namespaces: Set<String> = []
        /// Nodes that are elsewhere now.
        var nodes: Set<String> = []
        var services: Set<ObjectKey> = []
        /// Pods that endpoints of slices may or may not be any more: names by namespace, and addresses.
        var movedPods: [String: Set<String>] = [:]
        var movedAddresses: Set<IPAddress> = []
        var hasPeerAuthentications = false
        var hasRoutes = false
        /// Workloads that services have brought and bring no more.
        var goneWorkloads: Set<String> = []
    }

    /// Translates what has changed in `store` since the last call.
    ///
    /// The first call translates everything.
    ///
    /// - Returns: nil when nothing has changed; a change may be one in appearance only.
    /// - Complexity: of a change, as what it touches; a pod that comes or goes also costs a look through the slices of its
    ///   namespace.
    package mutating func follow() -> MeshUpdate? {
        guard let changes = store.takeChanges() else { return .whole(translate().model) }
        var touched = Touched()
        var change = MeshChange()
        for (key, old) in changes {
            guard sort(key, old, &touched, &change) else { return .whole(translate().model) }
        }
        spread(&touched)
        for key in touched.pods {
            guard refresh(pod: key, changes[key] ?? store.entry(key), &touched, &change) else {
                return .whole(translate().model)
            }
        }
        spreadMoves(&touched)
        for key in touched.services {
            guard refresh(service: key, &touched, &change) else { return .whole(translate().model) }
        }
        for uid in touched.goneWorkloads where change.workloads[uid] == nil {
            change.workloads.updateValue(nil, forKey: uid)
        }
        if touched.hasPeerAuthentications { reportShadowed() }
        if touched.hasRoutes { change.routes = routes(among: routableServices) }
        findings.duplicates = store.shadowFindings
        podsByAddress = nil
        return change.isEmpty ? nil : .change(change)
    }

    /// Everything that is wrong now.
    package var currentFindings: [Finding] { findings.all }

    /// Notes what a changed object touches.
    ///
    /// - Returns: false when that is not known.
    private mutating func sort(
        _ key: ObjectKey, _ old: ObjectStore.Entry?, _ touched: inout Touched, _ change: inout MeshChange
    ) -> Bool {
        let new = store.entry(key)
        let policyKey = MeshChange.PolicyKey(namespace: key.namespace, name: key.name)
        switch key.kind {
        case .serviceAccount, .secret, .configMap: break
        case .namespace: return sort(namespace: key.name, old, new, &touched)
        case .node:
            let locality = new.map(Self.locality)
            if nodeLocalities[key.name] == locality { break }
            nodeLocalities[key.name] = locality
            touched.nodes.insert(key.name)
        case .pod: touched.pods.insert(key)
        case .service:
            touched.services.insert(key)
            if hasRoutes, service(old) != service(new) { touched.hasRoutes = true }
        case .endpointSlice:
            if let service = Self.service(ofSlice: old) {
                slices[service]?.remove(key)
                if slices[service]?.isEmpty == true { slices[service] = nil }
                touched.services.insert(service)
            }
            if let service = Self.service(ofSlice: new) {
                slices[service, default: []].insert(key)
                touched.services.insert(service)
            }
        case .authorizationPolicy:
            change.authorizationPolicies.updateValue(Self.authorizationPolicy(new), forKey: policyKey)
        case .peerAuthentication:
            change.peerAuthentications.updateValue(Self.peerAuthentication(new), forKey: policyKey)
            touched.hasPeerAuthentications = true
        case .httpRoute, .grpcRoute, .tcpRoute, .tlsRoute, .referenceGrant, .virtualService, .destinationRule,
            .trafficSplit, .serviceProfile:
            // Who reads no routes keeps nothing of them but their names.
            if !Self.isSame(old, new) { touched.hasRoutes = true }
        case .gatewayClass, .gateway, .backendTLSPolicy, .requestAuthentication, .serviceEntry, .workloadEntry,
            .telemetry:
            return Self.isSame(old, new)
        }
        return true
    }

    /// Whether there is anything that depends on what services there are.
    private var hasRoutes: Bool {
        let kinds: [ObjectKind] = [
            .httpRoute, .grpcRoute, .tcpRoute, .tlsRoute, .virtualService, .destinationRule, .trafficSplit,
            .serviceProfile,
        ]
        return kinds.contains { !store.keys($0).isEmpty }
    }

    /// The services that routes may speak of, in the order in which a whole mesh has them.
    private var routableServices: [Service] { entries(.service).compactMap { service($0) } + fixed.entryServices }

    /// A Service as the mesh has it; nil for none.
    private func service(_ entry: ObjectStore.Entry?) -> Service? {
        guard let entry, case .service(let object) = entry.object.body, !object.isExternalName else { return nil }
        return service(entry.object.key, object, entry.object.metadata)
    }

    private mutating func sort(
        namespace: String, _ old: ObjectStore.Entry?, _ new: ObjectStore.Entry?, _ touched: inout Touched
    ) -> Bool {
        if let old, let new, old.object.metadata.labels == new.object.metadata.labels, old.file == new.file,
            old.object.line == new.object.line
        {
            return true
        }
        for labels in [old, new].compactMap({ $0?.object.metadata.labels }) {
            guard binding(labels, namespace: namespace) == .inherit else { return false }
        }
        if fixed.selectsNamespaces { return false }
        setLabels(ofNamespace: namespace, new)
        let label = Self.enrollmentLabel
        if old?.object.metadata.labels[label] != new?.object.metadata.labels[label] {
            touched.namespaces.insert(namespace)
        }
        return true
    }

    /// Whether two versions of an object cannot be told apart in the mesh.
    private static func isSame(_ old: ObjectStore.Entry?, _ new: ObjectStore.Entry?) -> Bool {
        guard let old, let new else { return old == nil && new == nil }
        guard old.file == new.file, old.object.line == new.object.line, old.object.metadata == new.object.metadata
        else { return false }
        switch (old.object.body, new.object.body) {
        case (.metadataOnly, .metadataOnly): return true
        case (.gateway(let old), .gateway(let new)): return old == new
        case (.serviceEntry(let old), .serviceEntry(let new)): return old == new
        case (.workloadEntry(let old), .workloadEntry(let new)): return old == new
        case (.route(let old), .route(let new)): return old == new
        case (.destinationRule(let old), .destinationRule(let new)): return old == new
        case (.trafficSplit(let old), .trafficSplit(let new)): return old == new
        case (.serviceProfile(let old), .serviceProfile(let new)): return old == new
        default: return false
        }
    }

    /// Adds the pods of touched namespaces and nodes, and what was made for endpoints on those nodes.
    private func spread(_ touched: inout Touched) {
        if touched.namespaces.isEmpty, touched.nodes.isEmpty { return }
        for entry in store.unordered(.pod) {
            guard case .pod(let pod) = entry.object.body else { continue }
            let key = entry.object.key
            if touched.namespaces.contains(key.namespace) || touched.nodes.contains(pod.nodeName) {
                touched.pods.insert(key)
            }
        }
        if touched.nodes.isEmpty { return }
        for (key, unit) in units where !unit.bare.isEmpty { touched.services.insert(key) }
    }

    /// Adds the services with slices that name a pod which came, went or moved, or its address.
    private func spreadMoves(_ touched: inout Touched) {
        for address in touched.movedAddresses { touched.services.formUnion(unitsByAddress[address] ?? []) }
        if touched.movedPods.isEmpty { return }
        for entry in store.unordered(.endpointSlice) {
            guard let names = touched.movedPods[entry.object.key.namespace],
                case .endpointSlice(let slice) = entry.object.body,
                slice.endpoints.contains(where: { names.contains($0.podName) }),
                let service = Self.service(ofSlice: entry)
            else { continue }
            touched.services.insert(service)
        }
    }

    // MARK: Pods

    private mutating func refresh(
        pod key: ObjectKey, _ old: ObjectStore.Entry?, _ touched: inout Touched, _ change: inout MeshChange
    ) -> Bool {
        let new = store.entry(key)
        for labels in [old, new].compactMap({ $0?.object.metadata.labels }) where !fixed.entrySelectors.isEmpty {
            guard fixed.entrySelectors.matches(namespace: key.namespace, labels: labels).isEmpty else { return false }
        }
        findings.pods[key] = nil
        let parts = new.map { self.parts(ofPod: $0) }
        let uid = uid(ofPod: key)
        change.workloads.updateValue(parts?.workload, forKey: uid)
        change.enrollments.updateValue(parts?.enrollment, forKey: uid)
        for service in services(selecting: old) {
            units[service]?.members.remove(key.name)
            touched.services.insert(service)
        }
        for service in services(selecting: new) {
            units[service]?.members.insert(key.name)
            touched.services.insert(service)
        }
        let (before, after) = (Self.place(old), Self.place(new))
        if before != after {
            touched.movedPods[key.namespace, default: []].insert(key.name)
            touched.movedAddresses.formUnion((before?.addresses ?? []) + (after?.addresses ?? []))
        }
        return true
    }

    /// What endpoints of slices find a pod by.
    private struct Place: Equatable {
        let addresses: [IPAddress]
        let isHostNetwork: Bool
    }

    private static func place(_ entry: ObjectStore.Entry?) -> Place? {
        guard case .pod(let pod)? = entry?.object.body, !pod.isFinished else { return nil }
        return Place(addresses: pod.addresses, isHostNetwork: pod.isHostNetwork)
    }

    // MARK: Services

    private mutating func refresh(
        service key: ObjectKey, _ touched: inout Touched, _ change: inout MeshChange
    ) -> Bool {
        let hostname = hostname(key)
        let serviceKey = ServiceKey(namespace: key.namespace, hostname: hostname)
        let old = units[key]
        let entry = store.entry(key)
        var object: ServiceObject?
        if case .service(let found)? = entry?.object.body, !found.isExternalName { object = found }
        findings.services[key] = entry.flatMap { bindingFinding($0) }
        if object == nil, old == nil { return true }
        // A ServiceEntry of the same host adds to it, or takes its place.
        guard hostname.asciiLowercased == hostname, !fixed.entryHosts.contains(hostname) else { return false }
        if (object == nil) != (old == nil), fixed.waypointHosts.contains(hostname) { return false }
        touched.goneWorkloads.formUnion(old?.bare ?? [])
        guard let object, let entry else {
            selectors.remove(key.name, namespace: key.namespace, labels: old?.selector ?? [:])
            noteContent(UnitContent(), of: key)
            units[key] = nil
            change.services.updateValue(nil, forKey: serviceKey)
            return true
        }
        file(key, object, replacing: old)
        let content = content(of: key, serviceKey, object)
        noteContent(content, of: key)
        for workload in content.bare { change.workloads.updateValue(workload, forKey: workload.uid) }
        change.services.updateValue(service(key, object, entry.object.metadata), forKey: serviceKey)
        change.endpoints[serviceKey] = content.endpoints
        return true
    }

    /// Files the selector of a service anew if it is another than before.
    private mutating func file(_ key: ObjectKey, _ object: ServiceObject, replacing old: ServiceUnit?) {
        let selector = slices[key] == nil ? object.selector : [:]
        if let old, old.selector == selector { return }
        selectors.remove(key.name, namespace: key.namespace, labels: old?.selector ?? [:])
        file(key, object)
        units[key]?.bare = old?.bare ?? []
        units[key]?.unresolved = old?.unresolved ?? []
        if selector.isEmpty { return }
        for pod in store.unordered(.pod) where pod.object.key.namespace == key.namespace {
            if services(selecting: pod).contains(key) { units[key]?.members.insert(pod.object.key.name) }
        }
    }
}
