// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

extension MeshTranslator {
    /// Makes services, and their endpoints from EndpointSlices or, where a service has none, from its selector.
    mutating func translateServices() {
        var slices: [String: [(ObjectKey, EndpointSliceObject)]] = [:]
        for entry in entries(.endpointSlice) {
            guard case .endpointSlice(let slice) = entry.object.body, !slice.serviceName.isEmpty else { continue }
            let key = entry.object.key
            slices["\(key.namespace)/\(slice.serviceName)", default: []].append((key, slice))
        }
        var selectors = SelectorIndex()
        var selected: [(ServiceKey, ServiceObject)] = []
        let podsByAddress = slices.isEmpty ? [:] : addressIndex()
        for entry in entries(.service) {
            guard case .service(let object) = entry.object.body, !object.isExternalName else { continue }
            let key = entry.object.key
            let service = service(key, object, entry.object.metadata)
            model.services.append(service)
            if let own = slices["\(key.namespace)/\(key.name)"] {
                addEndpoints(service.key, object, own, podsByAddress)
            } else if !object.selector.isEmpty {
                selectors.add(selected.count, namespace: key.namespace, labels: object.selector)
                selected.append((service.key, object))
            }
        }
        guard !selected.isEmpty else { return }
        for pod in pods where !pod.pod.addresses.isEmpty {
            for index in selectors.matches(namespace: pod.namespace, labels: pod.metadata.labels) {
                let (key, object) = selected[index]
                model.endpoints.append(endpoint(key, object, pod))
            }
        }
    }

    private func service(_ key: ObjectKey, _ object: ServiceObject, _ metadata: ObjectMetadata) -> Service {
        var service = Service(
            name: key.name, namespace: key.namespace,
            hostname: "\(key.name).\(key.namespace).svc.\(options.clusterDomain)")
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

    // MARK: - EndpointSlices

    /// Workloads by address, for endpoints that name no pod.
    private func addressIndex() -> [IPAddress: String] {
        var index: [IPAddress: String] = [:]
        for pod in pods where !pod.pod.isHostNetwork {
            for address in pod.pod.addresses { index[address] = pod.uid }
        }
        return index
    }

    /// Endpoints of one service from all its slices; a pod with addresses of both families stands in two of them.
    private mutating func addEndpoints(
        _ key: ServiceKey, _ object: ServiceObject, _ slices: [(ObjectKey, EndpointSliceObject)],
        _ podsByAddress: [IPAddress: String]
    ) {
        var known: [String: Int] = [:]
        for (sliceKey, slice) in slices {
            for source in slice.endpoints {
                guard let address = source.addresses.first else { continue }
                let uid: String
                if let pod = podIndex["\(key.namespace)/\(source.podName)"] {
                    uid = pods[pod].uid
                } else if let other = podsByAddress[address] {
                    uid = other
                } else {
                    uid = addBareWorkload(sliceKey, source, address)
                }
                let position = known[uid] ?? model.endpoints.count
                if known[uid] == nil {
                    known[uid] = position
                    var endpoint = Endpoint(service: key, workloadUID: uid, isReady: source.isReady)
                    endpoint.isServing = source.isServing
                    endpoint.isTerminating = source.isTerminating
                    model.endpoints.append(endpoint)
                }
                for port in object.ports {
                    guard let number = slice.ports[port.name], number != port.targetPort else { continue }
                    model.endpoints[position].ports[port.port] = number
                }
            }
        }
    }

    /// A workload for an endpoint that no pod of ours stands behind.
    ///
    /// - Returns: its `uid`, the same for slices that name the same address.
    private mutating func addBareWorkload(
        _ slice: ObjectKey, _ source: EndpointSliceObject.Endpoint, _ address: IPAddress
    ) -> String {
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
        model.workloads.append(workload)
        return uid
    }
}
