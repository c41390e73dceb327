// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import Mesh

extension RouteTableBuilder {
    /// The most points of a ring: 2 MiB.
    ///
    /// Envoy allows 8 million, which costs 128 MiB for each cluster.
    private static let maximumRingSize = 1 << 17

    /// The cluster that a reference stands for; nil: it leads to nothing.
    mutating func cluster(_ reference: BackendReference) -> ClusterIndex? {
        var key = reference
        key.service = Self.lowercased(reference.service)
        if let known = clusterIndexes[key] { return known }
        var index: ClusterIndex?
        if let service = servicesByKey[key.service], hasPort(service, key.port),
            key.subset == nil || policiesByService[key.service]?.policy(port: key.port, subset: key.subset) != nil
        {
            index = ClusterIndex(clusterReferences.count)
            clusterReferences.append(key)
        }
        clusterIndexes[key] = .some(index)
        return index
    }

    private func hasPort(_ service: ServiceIndex, _ port: UInt16) -> Bool {
        mesh[service].ports.positions.contains { mesh.services.ports[$0].servicePort == port }
    }

    /// Makes the clusters that scopes and rules asked for.
    mutating func buildClusters(_ directory: inout EndpointDirectory) {
        for reference in clusterReferences {
            guard let service = servicesByKey[reference.service] else { continue }
            let own = policiesByService[reference.service]
            let policy = own?.policy(port: reference.port, subset: reference.subset) ?? TrafficPolicy()
            let wanted = own?.subsets.first(where: { $0.name == reference.subset })?.labels ?? [:]
            let members = ranked(members(of: service, reference, labels: wanted), service, policy.loadBalancer)
            let firstEndpoint = endpoints.count
            let firstTier = tiers.count
            add(members, reference, &directory)
            let (algorithm, ringSize) = record(of: policy.loadBalancer.algorithm)
            let firstPoint = ring.count
            if ringSize > 0 { addRing(firstEndpoint..<endpoints.count, size: Int(ringSize)) }
            let declared = mesh[service].ports.positions.first {
                mesh.services.ports[$0].servicePort == reference.port
            }
            clusters.append(
                ClusterRecord(
                    service: service, port: reference.port,
                    applicationProtocol: declared.map { mesh.services.ports[$0].applicationProtocol } ?? .undeclared,
                    slot: directory.slot(of: reference), connectionPool: policy.connectionPool,
                    outlierDetection: policy.outlierDetection, retryBudget: policy.retryBudget,
                    hasTLS: policy.tls != nil,
                    endpoints: IndexRange(start: firstEndpoint, count: endpoints.count - firstEndpoint),
                    tiers: IndexRange(start: firstTier, count: tiers.count - firstTier), algorithm: algorithm,
                    warmUp: policy.loadBalancer.warmUp,
                    ring: IndexRange(start: firstPoint, count: ring.count - firstPoint),
                    subset: text.intern(reference.subset ?? "")))
            policies.append(policy)
        }
    }

    // MARK: - Members

    /// An endpoint of a service, with the labels of a cluster.
    struct Member {
        let workload: WorkloadIndex
        let address: SocketAddress
        let isEligible: Bool
    }

    /// Endpoints that stand equally near.
    struct Tier {
        var members: [Member] = []
        var share: UInt32 = 0
    }

    private func members(
        of service: ServiceIndex, _ reference: BackendReference, labels wanted: [String: String]
    ) -> [Member] {
        let record = mesh[service]
        var members: [Member] = []
        for (number, position) in record.endpoints.positions.enumerated() {
            let endpoint = mesh.services.endpoints[position]
            let own = labels[endpoint.workload]
            guard wanted.allSatisfy({ own[$0.key] == $0.value }), isReachable(endpoint.workload),
                let port = mesh.targetPort(of: reference.port, service: service, endpoint: endpoint),
                let address = address(of: endpoint.workload, record.ipFamilies)
            else { continue }
            members.append(
                Member(
                    workload: endpoint.workload, address: SocketAddress(ip: address, port: port),
                    isEligible: number < Int(record.eligibleCount)))
        }
        return members
    }

    /// Whether a workload is in our own network.
    private func isReachable(_ workload: WorkloadIndex) -> Bool {
        guard let origin = options.origin else { return true }
        return mesh[origin].network == mesh[workload].network
    }

    /// The first address of a family that the service uses.
    private func address(of workload: WorkloadIndex, _ families: IPFamilies) -> IPAddress? {
        for position in mesh[workload].addresses.positions {
            let address = mesh.workloads.addresses[position]
            switch families {
            case .ipv4: if address.isIPv4 { return address }
            case .ipv6: if !address.isIPv4 { return address }
            case .automatic, .dual: return address
            }
        }
        return nil
    }

    private mutating func add(
        _ ranked: [Tier], _ reference: BackendReference, _ directory: inout EndpointDirectory
    ) {
        for tier in ranked {
            let start = endpoints.count
            var sum: UInt64 = 0
            for member in tier.members where member.isEligible {
                let record = mesh[member.workload]
                let key = EndpointDirectory.EndpointKey(
                    service: reference.service, workloadUID: mesh[record.uid], address: member.address)
                let (slot, since) = directory.slot(of: key, now: now)
                sum += UInt64(record.capacity)
                endpoints.append(
                    RouteEndpoint(
                        workload: member.workload, address: member.address, tunnelProtocol: record.tunnelProtocol,
                        slot: slot, since: since, cumulativeWeight: sum, weight: record.capacity))
            }
            guard endpoints.count > start else { continue }
            tiers.append(
                TierRecord(
                    endpoints: IndexRange(start: start, count: endpoints.count - start), totalWeight: sum,
                    share: tier.share))
        }
    }

    // MARK: - Consistent hash

    private mutating func record(
        of algorithm: LoadBalancerPolicy.Algorithm
    ) -> (ClusterRecord.Algorithm, ringSize: UInt32) {
        switch algorithm {
        case .leastRequest: return (.leastRequest, 0)
        case .roundRobin: return (.roundRobin, 0)
        case .random: return (.random, 0)
        case .passthrough: return (.passthrough, 0)
        case .peakEWMA: return (.peakEWMA, 0)
        case .consistentHash(let key, let size):
            let record: ClusterRecord.HashKeyRecord
            switch key {
            case .header(let name):
                record = .header(text.intern(name), hash: FieldList.hash(of: Array(name.utf8).span))
            case .sourceAddress: record = .sourceAddress
            case .query(let name): record = .query(text.intern(name))
            case .cookie(let cookie):
                let attributes = cookie.attributes.map { "; " + $0 }.joined()
                cookies.append(
                    CookieRecord(
                        name: text.intern(cookie.name), path: text.intern(cookie.path),
                        timeToLive: cookie.timeToLive, attributes: text.intern(attributes)))
                record = .cookie(UInt32(cookies.count - 1))
            }
            return (.hash(record), max(size, 1))
        }
    }

    /// Gives every endpoint points on a ring by its weight; where they lie depends on its address alone, so that all proxies agree.
    ///
    /// How many points a weight is worth changes only when the sum of the weights passes a power of two: otherwise an endpoint that comes or
    /// goes moves its own keys only.
    private mutating func addRing(_ members: Range<Int>, size: Int) {
        let total = members.reduce(UInt64(0)) { $0 + UInt64(endpoints[$1].weight) }
        guard total > 0 else { return }
        let size = UInt64(min(max(size, members.count), Self.maximumRingSize))
        let power = UInt64(1) << UInt64(63 - total.leadingZeroBitCount)
        var points: [RingPoint] = []
        for member in members {
            let count = max(1, (size * UInt64(endpoints[member].weight) + power - 1) / power)
            var hash = StableHash()
            for octet in endpoints[member].address.description.utf8 { hash.combine(octet) }
            for number in 0..<count {
                var point = hash
                for shift in stride(from: UInt64(0), to: 32, by: 8) {
                    point.combine(UInt8(truncatingIfNeeded: number >> shift))
                }
                points.append(RingPoint(hash: point.finished, endpoint: UInt32(member)))
            }
        }
        points.sort { ($0.hash, $0.endpoint) < ($1.hash, $1.endpoint) }
        ring += points
    }
}
