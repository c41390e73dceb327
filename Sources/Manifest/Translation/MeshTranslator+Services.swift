// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

extension MeshTranslator {
    /// Makes services, and their endpoints from EndpointSlices or, where a service has none, from its selector.
    mutating func translateServices() {
        for entry in store.unordered(.endpointSlice) {
            if let service = Self.service(ofSlice: entry) { slices[service, default: []].insert(entry.object.key) }
        }
        let services = entries(.service).compactMap { entry -> (ObjectStore.Entry, ServiceObject)? in
            guard case .service(let object) = entry.object.body, !object.isExternalName else { return nil }
            return (entry, object)
        }
        for (entry, object) in services { file(entry.object.key, object) }
        if !selectors.isEmpty { findMembers() }
        for (entry, object) in services {
            let service = service(entry.object.key, object, entry.object.metadata)
            model.services.append(service)
            let content = content(of: entry.object.key, service.key, object)
            model.endpoints += content.endpoints
            model.workloads += content.bare
            noteContent(content, of: entry.object.key)
        }
    }

    /// The Service that an EndpointSlice is for.
    static func service(ofSlice entry: ObjectStore.Entry?) -> ObjectKey? {
        guard let entry, case .endpointSlice(let slice) = entry.object.body, !slice.serviceName.isEmpty else {
            return nil
        }
        return ObjectKey(kind: .service, namespace: entry.object.key.namespace, name: slice.serviceName)
    }

    /// Files the selector of a service that has no slices.
    mutating func file(_ key: ObjectKey, _ object: ServiceObject) {
        let selector = slices[key] == nil ? object.selector : [:]
        units[key] = ServiceUnit(selector: selector)
        let hostname = hostname(key)
        if hostname.asciiLowercased != hostname { fixed.entryHosts.insert(hostname.asciiLowercased) }
        selectors.add(key.name, namespace: key.namespace, labels: selector)
    }

    private mutating func findMembers() {
        for entry in store.unordered(.pod) {
            for service in services(selecting: entry) { units[service]?.members.insert(entry.object.key.name) }
        }
    }

    /// The services that a pod is an endpoint of by their selectors.
    func services(selecting entry: ObjectStore.Entry?) -> [ObjectKey] {
        guard let entry, case .pod(let pod) = entry.object.body, pod.isEndpoint else { return [] }
        let namespace = entry.object.key.namespace
        return selectors.matches(namespace: namespace, labels: entry.object.metadata.labels).map {
            ObjectKey(kind: .service, namespace: namespace, name: $0)
        }
    }

    func hostname(_ key: ObjectKey) -> String { "\(key.name).\(key.namespace).svc.\(options.clusterDomain)" }

    func service(_ key: ObjectKey, _ object: ServiceObject, _ metadata: ObjectMetadata) -> Service {
        var service = Service(
            name: key.name, namespace: key.namespace,
            hostname: hostname(key))
        service.vips = object.clusterIPs.compactMap { CIDR($0, prefixLength: $0.isIPv4 ? 32 : 128) }
        service.ports = object.ports.map {
            ServicePort(
                name: $0.name, servicePort: $0.port, targetPort: $0.targetPort,
                applicationProtocol: $0.applicationProtocol ?? ApplicationProtocol(portName: $0.name))
        }
        service.waypoint = binding(metadata.labels, namespace: key.namespace)
        service.loadBalancing = object.loadBalancing
        service.publishNotReadyAddresses = object.publishNotReadyAddresses
        service.ipFamilies = object.ipFamilies
        if metadata.annotations["networking.istio.io/exportTo"] == "." { service.visibility = .namespace }
        return service
    }

    /// The endpoint that a pod is for a service that selects it.
    private func endpoint(_ key: ServiceKey, _ object: ServiceObject, _ pod: PodWorkload) -> Endpoint {
        var endpoint = Endpoint(
            service: key, workloadUID: pod.uid, isReady: pod.pod.isReady && !pod.metadata.isDeleting)
        endpoint.isServing = pod.pod.isReady
        endpoint.isTerminating = pod.metadata.isDeleting
        for port in object.ports where port.targetPort == nil {
            endpoint.ports[port.port] = pod.pod.namedPorts[port.targetPortName]
        }
        return endpoint
    }

    // MARK: - Endpoints

    /// What stands behind a service.
    struct UnitContent {
        var endpoints: [Endpoint] = []
        /// Workloads for endpoints that no pod of ours stands behind.
        private(set) var bare: [Workload] = []
        private var known: Set<String> = []
        /// Addresses of endpoints that name none of our pods: they may become those of one.
        var unresolved: [IPAddress] = []

        mutating func add(_ workload: Workload) {
            if known.insert(workload.uid).inserted { bare.append(workload) }
        }
    }

    /// The endpoints of a service.
    mutating func content(of key: ObjectKey, _ service: ServiceKey, _ object: ServiceObject) -> UnitContent {
        if let own = slices[key] { return content(of: key, service, object, own.sorted()) }
        var content = UnitContent()
        for name in (units[key]?.members ?? []).sorted() {
            guard let pod = pod(ObjectKey(kind: .pod, namespace: key.namespace, name: name)) else { continue }
            content.endpoints.append(endpoint(service, object, pod))
        }
        return content
    }

    /// Remembers which workloads and addresses a service has brought.
    mutating func noteContent(_ content: UnitContent, of key: ObjectKey) {
        for address in units[key]?.unresolved ?? [] {
            unitsByAddress[address]?.remove(key)
            if unitsByAddress[address]?.isEmpty == true { unitsByAddress[address] = nil }
        }
        units[key]?.bare = content.bare.map(\.uid)
        units[key]?.unresolved = content.unresolved
        for address in content.unresolved { unitsByAddress[address, default: []].insert(key) }
    }

    /// Endpoints of one service from all its slices; a pod with addresses of both families stands in two of them.
    private mutating func content(
        of key: ObjectKey, _ service: ServiceKey, _ object: ServiceObject, _ sliceKeys: [ObjectKey]
    ) -> UnitContent {
        var content = UnitContent()
        var known: [String: Int] = [:]
        for sliceKey in sliceKeys {
            store.shareNames(ofSlice: sliceKey)
            guard case .endpointSlice(let slice)? = store.object(sliceKey)?.body else { continue }
            // Of all endpoints one and the same, in memory too.
            var ports: [UInt16: UInt16] = [:]
            for port in object.ports {
                guard let number = slice.ports[port.name], number != port.targetPort else { continue }
                ports[port.port] = number
            }
            for source in slice.endpoints {
                let uid = workload(of: source, in: sliceKey, &content)
                let position = known[uid] ?? content.endpoints.count
                if known[uid] == nil {
                    known[uid] = position
                    var endpoint = Endpoint(service: service, workloadUID: uid, isReady: source.isReady)
                    endpoint.isServing = source.isServing
                    endpoint.isTerminating = source.isTerminating
                    content.endpoints.append(endpoint)
                }
                if content.endpoints[position].ports.isEmpty {
                    content.endpoints[position].ports = ports
                } else {
                    content.endpoints[position].ports.merge(ports) { $1 }
                }
            }
        }
        return content
    }

    /// The `uid` of the workload at an endpoint: the pod that it names, else one of its address, else one made for it.
    private mutating func workload(
        of source: EndpointSliceObject.Endpoint, in slice: ObjectKey, _ content: inout UnitContent
    ) -> String {
        let named = ObjectKey(kind: .pod, namespace: slice.namespace, name: source.podName)
        if !source.podName.isEmpty, let pod = pod(named) { return pod.uid }
        content.unresolved.append(source.address)
        if let other = pod(at: source.address) { return other }
        let workload = bareWorkload(slice, source)
        content.add(workload)
        return workload.uid
    }

    /// The pod at an address, of several the last.
    private mutating func pod(at address: IPAddress) -> String? {
        if let podsByAddress { return podsByAddress[address] }
        var keys: [IPAddress: ObjectKey] = [:]
        for entry in store.unordered(.pod) {
            guard case .pod(let pod) = entry.object.body, !pod.isFinished, !pod.isHostNetwork else { continue }
            for address in pod.addresses where keys[address].map({ $0 < entry.object.key }) ?? true {
                keys[address] = entry.object.key
            }
        }
        let index = keys.mapValues { uid(ofPod: $0) }
        podsByAddress = index
        return index[address]
    }

    /// A workload for an endpoint that no pod of ours stands behind; its `uid` is the same for slices that name the address.
    private func bareWorkload(_ slice: ObjectKey, _ source: EndpointSliceObject.Endpoint) -> Workload {
        let address = source.address
        let uid = "\(options.clusterID)/discovery.k8s.io/EndpointSlice/\(slice.namespace)/\(slice.name)/\(address)"
        var workload = Workload(
            uid: uid, name: source.podName.isEmpty ? "\(address)" : source.podName, namespace: slice.namespace,
            addresses: [address])
        workload.serviceAccount = ""
        workload.trustDomain = options.trustDomain
        workload.node = source.nodeName
        workload.locality = nodeLocalities[source.nodeName] ?? Locality(zone: source.zone)
        workload.network = options.network
        workload.clusterID = options.clusterID
        workload.isPod = false
        return workload
    }
}

/// What is known of a Service that is one of the mesh.
struct ServiceUnit: Sendable {
    /// The labels of its pods, while it has no EndpointSlice.
    var selector: [String: String]
    /// The names of the pods that these labels select, in its namespace.
    var members: Set<String> = []
    /// The workloads that were made for its endpoints, by `uid`.
    var bare: [String] = []
    /// The addresses of its endpoints that name none of our pods.
    var unresolved: [IPAddress] = []
}

extension PodObject {
    /// Whether selectors of services find it.
    var isEndpoint: Bool { !isFinished && !addresses.isEmpty }
}
