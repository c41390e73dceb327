// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

extension MeshTranslator {
    /// A workload that a ServiceEntry may select.
    private struct Candidate {
        let uid: String
        let namespace: String
        let labels: [String: String]
        let ports: [String: UInt16]
        let isReady: Bool
        let isTerminating: Bool
    }

    /// Makes workloads of WorkloadEntries and inline endpoints, and a service of each host of a ServiceEntry.
    mutating func translateServiceEntries() {
        var candidates: [Candidate] = []
        for entry in entries(.workloadEntry) {
            guard case .workloadEntry(var object) = entry.object.body, object.address != nil else { continue }
            let key = entry.object.key
            object.labels.merge(entry.object.metadata.labels) { own, _ in own }
            let uid = "\(options.clusterID)/networking.istio.io/WorkloadEntry/\(key.namespace)/\(key.name)"
            add(object, uid: uid, key, entry.object.metadata)
            candidates.append(
                Candidate(
                    uid: uid, namespace: key.namespace, labels: object.labels, ports: object.ports, isReady: true,
                    isTerminating: false))
        }
        var selected: [(ServiceEntryObject, [ServiceKey])] = []
        for entry in entries(.serviceEntry) {
            guard case .serviceEntry(let object) = entry.object.body else { continue }
            let keys = addServices(entry.object.key, object, entry.object.metadata)
            if let labels = object.workloadSelector {
                fixed.entrySelectors.add(selected.count, namespace: entry.object.key.namespace, labels: labels)
                selected.append((object, keys))
            } else {
                addInlineEndpoints(entry, object, keys)
            }
        }
        guard !selected.isEmpty else { return }
        for candidate in podCandidates + candidates {
            for index in fixed.entrySelectors.matches(namespace: candidate.namespace, labels: candidate.labels) {
                let (object, keys) = selected[index]
                for key in keys {
                    var endpoint = Endpoint(
                        service: key, workloadUID: candidate.uid, ports: ports(object, candidate.ports),
                        isReady: candidate.isReady)
                    endpoint.isTerminating = candidate.isTerminating
                    model.endpoints.append(endpoint)
                }
            }
        }
    }

    private var podCandidates: [Candidate] {
        entries(.pod).compactMap { entry in
            guard let pod = pod(entry.object.key), pod.pod.isEndpoint else { return nil }
            return Candidate(
                uid: pod.uid, namespace: entry.object.key.namespace, labels: pod.metadata.labels, ports: [:],
                isReady: pod.pod.isReady && !pod.metadata.isDeleting, isTerminating: pod.metadata.isDeleting)
        }
    }

    private mutating func add(
        _ object: WorkloadEntryObject, uid: String, _ key: ObjectKey, _ metadata: ObjectMetadata
    ) {
        var workload = Workload(
            uid: uid, name: key.name, namespace: key.namespace, addresses: object.address.map { [$0] } ?? [])
        workload.serviceAccount = object.serviceAccount
        workload.trustDomain = options.trustDomain
        workload.locality = object.locality
        workload.network = object.network.isEmpty ? options.network : object.network
        workload.clusterID = options.clusterID
        workload.tunnelProtocol = object.labels["networking.istio.io/tunnel"] == "http" ? .hbone : .tcp
        workload.isPod = false
        workload.capacity = object.weight
        workload.labels = object.labels
        workload.waypoint = binding(metadata.labels, namespace: key.namespace)
        setCanonicalName(&workload)
        model.workloads.append(workload)
    }

    private mutating func addServices(
        _ key: ObjectKey, _ object: ServiceEntryObject, _ metadata: ObjectMetadata
    ) -> [ServiceKey] {
        var keys: [ServiceKey] = []
        for host in object.hosts {
            var service = Service(name: key.name, namespace: key.namespace, hostname: host)
            fixed.entryHosts.insert(host.asciiLowercased)
            service.vips = object.addresses
            service.ports = object.ports.map {
                ServicePort(
                    name: $0.name, servicePort: $0.number, targetPort: $0.targetPort ?? $0.number,
                    applicationProtocol: $0.applicationProtocol)
            }
            service.subjectAltNames = object.subjectAltNames
            service.waypoint = binding(metadata.labels, namespace: key.namespace)
            if object.resolution == .none {
                service.loadBalancing = .passthrough
                service.publishNotReadyAddresses = true
            }
            service.isCanonical = false
            service.visibility = object.visibility
            model.services.append(service)
            keys.append(service.key)
        }
        return keys
    }

    private mutating func addInlineEndpoints(
        _ entry: ObjectStore.Entry, _ object: ServiceEntryObject, _ keys: [ServiceKey]
    ) {
        let key = entry.object.key
        for inline in object.endpoints {
            guard let address = inline.address else { continue }
            let uid =
                "\(options.clusterID)/networking.istio.io/ServiceEntry/\(key.namespace)/\(key.name)/\(address)"
            // The labels that choose the entry's waypoint are the service's, not its endpoints'.
            add(inline, uid: uid, key, ObjectMetadata())
            for service in keys {
                model.endpoints.append(
                    Endpoint(service: service, workloadUID: uid, ports: ports(object, inline.ports)))
            }
        }
    }

    /// The ports on a workload that has its own idea of them.
    private func ports(_ object: ServiceEntryObject, _ own: [String: UInt16]) -> [UInt16: UInt16] {
        var result: [UInt16: UInt16] = [:]
        if own.isEmpty { return result }
        for port in object.ports { result[port.number] = own[port.name] }
        return result
    }
}
