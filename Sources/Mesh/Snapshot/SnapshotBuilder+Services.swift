// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity

extension SnapshotBuilder {
    // MARK: Who claims which address and name

    mutating func indexClaims() {
        var blocks: [CIDR: [ServiceIndex]] = [:]
        var hostnames: [String: [ServiceIndex]] = [:]
        var blockOrder: [CIDR] = []
        var hostnameOrder: [String] = []
        for (position, service) in uniqueServices.enumerated() {
            let index = ServiceIndex(UInt32(position))
            for block in service.vips {
                if blocks[block] == nil { blockOrder.append(block) }
                if blocks[block]?.last != index { blocks[block, default: []].append(index) }
            }
            let hostname = service.hostname.asciiLowercased
            if hostnames[hostname] == nil { hostnameOrder.append(hostname) }
            hostnames[hostname, default: []].append(index)
        }
        services.virtualAddressSlots = HashSlots(count: blockOrder.count)
        for block in blockOrder {
            let claim = ServiceTable.Claim(key: block, claimants: addClaimants(blocks[block] ?? []))
            services.virtualAddressSlots.insert(UInt32(services.virtualAddresses.count), hash: block.hashValue)
            services.virtualAddresses.append(claim)
        }
        services.hostnameSlots = HashSlots(count: hostnameOrder.count)
        for hostname in hostnameOrder {
            let claim = ServiceTable.Claim(key: hostname, claimants: addClaimants(hostnames[hostname] ?? []))
            services.hostnameSlots.insert(UInt32(services.hostnames.count), hash: hostname.hashValue)
            services.hostnames.append(claim)
        }
        func lengths(isIPv4: Bool) -> ContiguousArray<Int> {
            let shorter = blockOrder.filter { $0.network.isIPv4 == isIPv4 && $0.prefixLength < (isIPv4 ? 32 : 128) }
            return ContiguousArray(Set(shorter.map(\.prefixLength)).sorted(by: >))
        }
        services.prefixLengthsIPv4 = lengths(isIPv4: true)
        services.prefixLengthsIPv6 = lengths(isIPv4: false)
    }

    private mutating func addClaimants(_ claimants: [ServiceIndex]) -> IndexRange {
        let range = IndexRange(start: services.claimants.count, count: claimants.count)
        services.claimants += claimants.filter { uniqueServices[$0.position].isCanonical }
        services.claimants += claimants.filter { !uniqueServices[$0.position].isCanonical }
        return range
    }

    // MARK: Records

    mutating func buildServices() {
        services.records.reserveCapacity(uniqueServices.count)
        for (position, service) in uniqueServices.enumerated() {
            let scopes = Array(service.loadBalancing.routingPreference.prefix(8))
            let endpoints = orderedEndpoints(of: position, scopes: scopes)
            let (waypoint, status) = waypoint(for: service, at: ServiceIndex(UInt32(position)))
            let record = ServiceRecord(
                name: names.intern(service.name), namespace: names.intern(service.namespace),
                hostname: names.intern(service.hostname.asciiLowercased), addresses: addAddresses(service.vips),
                ports: addPorts(service.ports),
                endpoints: addEndpoints(endpoints.eligible + endpoints.others),
                eligibleCount: UInt32(endpoints.eligible.count),
                isWeighted: Set(endpoints.eligible.map { uniqueWorkloads[$0.workload.position].capacity }).count > 1,
                mode: service.loadBalancing.mode, scopes: addScopes(scopes), ipFamilies: service.ipFamilies,
                visibility: service.visibility, isCanonical: service.isCanonical, waypointStatus: status,
                waypoint: waypoint, subjectAltNames: addSubjectAltNames(service.subjectAltNames))
            services.records.append(record)
        }
    }

    private typealias Member = (workload: WorkloadIndex, endpoint: Endpoint)

    /// Endpoints that take connections, sorted by what they say of the preferred scopes; and the others.
    private mutating func orderedEndpoints(
        of service: Int, scopes: [LoadBalancing.Scope]
    ) -> (eligible: [Member], others: [Member]) {
        var eligible: [Member] = []
        var others: [Member] = []
        let takesUnready = uniqueServices[service].publishNotReadyAddresses
        for member in endpointsByService[service] {
            let position = member.workload.position
            let isServing = takesUnready || member.endpoint.isReady && !member.endpoint.isTerminating
            if isServing, uniqueWorkloads[position].capacity > 0, !uniqueWorkloads[position].addresses.isEmpty {
                eligible.append(member)
            } else {
                others.append(member)
            }
        }
        guard !scopes.isEmpty, eligible.count > 1 else { return (eligible, others) }
        let all = uniqueWorkloads
        var keyed: [(key: [UInt32], position: Int)] = []
        keyed.reserveCapacity(eligible.count)
        for (position, member) in eligible.enumerated() {
            var key: [UInt32] = []
            key.reserveCapacity(scopes.count)
            for scope in scopes { key.append(names.intern(all[member.workload.position].value(of: scope)).rawValue) }
            keyed.append((key, position))
        }
        keyed.sort { left, right in
            left.key == right.key ? left.position < right.position : left.key.lexicographicallyPrecedes(right.key)
        }
        return (keyed.map { eligible[$0.position] }, others)
    }

    private mutating func addEndpoints(_ members: [Member]) -> IndexRange {
        let range = IndexRange(start: services.endpoints.count, count: members.count)
        var sum: UInt64 = 0
        for (workload, endpoint) in members {
            sum += UInt64(uniqueWorkloads[workload.position].capacity)
            let ports = IndexRange(start: services.portMappings.count, count: endpoint.ports.count)
            services.portMappings += endpoint.ports.sorted { $0.key < $1.key }.map(PortMapping.init)
            services.endpoints.append(EndpointRecord(workload: workload, ports: ports, cumulativeCapacity: sum))
        }
        return range
    }

    private mutating func addAddresses(_ addresses: [CIDR]) -> IndexRange {
        let range = IndexRange(start: services.addresses.count, count: addresses.count)
        services.addresses += addresses
        return range
    }

    private mutating func addPorts(_ ports: [ServicePort]) -> IndexRange {
        let range = IndexRange(start: services.ports.count, count: ports.count)
        for port in ports.sorted(by: { $0.servicePort < $1.servicePort }) {
            let record = ServicePortRecord(
                name: names.intern(port.name), servicePort: port.servicePort, targetPort: port.targetPort,
                applicationProtocol: port.applicationProtocol)
            services.ports.append(record)
        }
        return range
    }

    private mutating func addScopes(_ scopes: [LoadBalancing.Scope]) -> IndexRange {
        let range = IndexRange(start: services.scopes.count, count: scopes.count)
        services.scopes += scopes
        return range
    }

    private mutating func addSubjectAltNames(_ texts: [String]) -> IndexRange {
        let start = services.subjectAltNames.count
        for text in texts {
            do {
                services.subjectAltNames.append(try SPIFFEID(text))
            } catch {
                continue  // fewer identities may answer; Manifest reports the text
            }
        }
        return IndexRange(start: start, count: services.subjectAltNames.count - start)
    }
}

extension Workload {
    /// What the workload says of a scope.
    func value(of scope: LoadBalancing.Scope) -> String {
        switch scope {
        case .region: locality.region
        case .zone: locality.zone
        case .subzone: locality.subzone
        case .node: node
        case .cluster: clusterID
        case .network: network
        }
    }
}
