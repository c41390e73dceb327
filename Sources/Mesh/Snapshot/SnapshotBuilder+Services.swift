// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity

extension SnapshotBuilder {
    /// Writes the record of a service, and of its endpoints.
    ///
    /// - Parameter old: the record of the same service while it was the same but for its endpoints and waypoint.
    mutating func writeService(_ position: Int, same old: ServiceRecord? = nil) {
        let service = uniqueServices[position]
        let scopes = Array(service.loadBalancing.routingPreference.prefix(8))
        let members = orderedEndpoints(of: position, scopes: scopes)
        let (waypoint, status) = waypoint(for: service, at: ServiceIndex(UInt32(position)))
        let place = position < services.records.count ? services.records[position].endpoints : .empty
        let capacities = Set(members.eligible.map { workloads.records[$0.workload.position].capacity })
        if var record = old {
            record.endpoints = writeEndpoints(members.eligible + members.others, at: place)
            record.eligibleCount = UInt32(members.eligible.count)
            record.isWeighted = capacities.count > 1
            (record.waypoint, record.waypointStatus) = (waypoint, status)
            services.records[position] = record
            return
        }
        let record = ServiceRecord(
            name: names.intern(service.name), namespace: names.intern(service.namespace),
            hostname: names.intern(service.hostname.asciiLowercased), addresses: addAddresses(service.vips),
            ports: addPorts(service.ports),
            endpoints: writeEndpoints(members.eligible + members.others, at: place),
            eligibleCount: UInt32(members.eligible.count), isWeighted: capacities.count > 1,
            mode: service.loadBalancing.mode, scopes: addScopes(scopes), ipFamilies: service.ipFamilies,
            visibility: service.visibility, isCanonical: service.isCanonical, waypointStatus: status,
            waypoint: waypoint, subjectAltNames: addSubjectAltNames(service.subjectAltNames))
        if position == services.records.count {
            services.records.append(record)
        } else {
            services.records[position] = record
            garbage += service.vips.count + service.ports.count + 1
        }
    }

    /// Endpoints that take connections, sorted by what they say of the preferred scopes; and the others.
    ///
    /// Where none is ready, those that serve while they terminate are taken, as kube-proxy does (KEP-1669): an application that
    /// is replaced one by one is reached until the last moment.
    private func orderedEndpoints(
        of service: Int, scopes: [LoadBalancing.Scope]
    ) -> (eligible: [Member], others: [Member]) {
        let takesUnready = uniqueServices[service].publishNotReadyAddresses
        var (eligible, others) = endpoints(of: service) { takesUnready || $0.isReady && !$0.isTerminating }
        if eligible.isEmpty, !others.isEmpty {
            (eligible, others) = endpoints(of: service) { $0.isServing && $0.isTerminating }
        }
        guard !scopes.isEmpty, eligible.count > 1 else { return (eligible, others) }
        var keyed: [(key: [UInt32], position: Int)] = []
        keyed.reserveCapacity(eligible.count)
        for (position, member) in eligible.enumerated() {
            var key: [UInt32] = []
            key.reserveCapacity(scopes.count)
            for scope in scopes { key.append(workloads.records[member.workload.position].value(of: scope).rawValue) }
            keyed.append((key, position))
        }
        keyed.sort { left, right in
            left.key == right.key ? left.position < right.position : left.key.lexicographicallyPrecedes(right.key)
        }
        return (keyed.map { eligible[$0.position] }, others)
    }

    /// Endpoints that are reachable and `takes` agrees with; and the others.
    private func endpoints(of service: Int, takes: (Member) -> Bool) -> (eligible: [Member], others: [Member]) {
        var eligible: [Member] = []
        var others: [Member] = []
        for member in endpointsByService[service] {
            let record = workloads.records[member.workload.position]
            if takes(member), record.capacity > 0, !record.addresses.isEmpty {
                eligible.append(member)
            } else {
                others.append(member)
            }
        }
        return (eligible, others)
    }

    /// Writes endpoints where those before them were, if they fit there.
    private mutating func writeEndpoints(_ members: [Member], at old: IndexRange) -> IndexRange {
        let isFitting = members.count <= Int(old.count)
        let start = isFitting ? Int(old.start) : services.endpoints.count
        garbage += Int(old.count) - (isFitting ? members.count : 0)
        var sum: UInt64 = 0
        for (offset, member) in members.enumerated() {
            sum += UInt64(workloads.records[member.workload.position].capacity)
            let place = isFitting ? services.endpoints[start + offset].ports : .empty
            let record = EndpointRecord(
                workload: member.workload, ports: writePorts(member.ports, at: place), cumulativeCapacity: sum)
            if isFitting { services.endpoints[start + offset] = record } else { services.endpoints.append(record) }
        }
        return IndexRange(start: start, count: members.count)
    }

    private mutating func writePorts(_ ports: [UInt16: UInt16], at old: IndexRange) -> IndexRange {
        let isFitting = ports.count <= Int(old.count)
        let start = isFitting ? Int(old.start) : services.portMappings.count
        garbage += Int(old.count) - (isFitting ? ports.count : 0)
        for (offset, mapping) in ports.sorted(by: { $0.key < $1.key }).map(PortMapping.init).enumerated() {
            if !isFitting {
                services.portMappings.append(mapping)
            } else if services.portMappings[start + offset] != mapping {
                services.portMappings[start + offset] = mapping
            }
        }
        return IndexRange(start: start, count: ports.count)
    }

    private mutating func addAddresses(_ addresses: [CIDR]) -> IndexRange {
        let range = IndexRange(start: services.addresses.count, count: addresses.count)
        for address in addresses { services.addresses.append(address) }
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
        for scope in scopes { services.scopes.append(scope) }
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

extension WorkloadRecord {
    /// What the workload says of a scope.
    fileprivate func value(of scope: LoadBalancing.Scope) -> NameIndex {
        switch scope {
        case .region: region
        case .zone: zone
        case .subzone: subzone
        case .node: node
        case .cluster: clusterID
        case .network: network
        }
    }
}
