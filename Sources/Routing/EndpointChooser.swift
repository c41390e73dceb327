// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

/// A search for an endpoint of a service.
struct EndpointQuery {
    /// The service.
    var service: ServiceIndex
    /// The port of the service.
    var port: UInt16
    /// The port on the workload when neither endpoint nor service names one; nil: such endpoints are no candidates.
    var fallbackPort: UInt16?
    /// Who asks.
    var source: WorkloadIndex
    /// The address asked for: its family is preferred.
    var address: IPAddress
    /// Endpoints not to choose.
    var tried: TriedWorkloads
}

/// An endpoint and where to reach it.
struct ChosenEndpoint: Equatable {
    var workload: WorkloadIndex
    var address: SocketAddress
}

/// Load balancing: of the endpoints that share most with the client, the less loaded of two taken at random.
///
/// Eligible endpoints are sorted by what they say of the service's preferred scopes, so those that agree with the
/// client on the first k scopes are one run, found by bisection. Two are drawn from it by weight; draws that prove
/// unusable (other network, no such port, other family, tried) are repeated a few times before the run is searched.
extension MeshSnapshot {
    /// How often to draw before searching: with half of the endpoints unusable, 8 draws find one in 255 of 256 cases.
    private static var draws: Int { 8 }

    func choose(_ query: EndpointQuery, load: Span<UInt32>, random: inout RandomSource) -> ChosenEndpoint? {
        let service = self[query.service]
        let start = Int(service.endpoints.start)
        let all = start..<start + Int(service.eligibleCount)
        switch service.mode {
        case .standard, .passthrough:
            return choose(query, service, in: all, load: load, random: &random)
        case .strict:
            let run = narrow(all, by: Int(service.scopes.count), service, source: query.source)
            return choose(query, service, in: run, load: load, random: &random)
        case .failover:
            var last = 0..<0
            for depth in stride(from: Int(service.scopes.count), through: 0, by: -1) {
                let run = narrow(all, by: depth, service, source: query.source)
                if run == last { continue }
                last = run
                if let choice = choose(query, service, in: run, load: load, random: &random) { return choice }
            }
            return nil
        }
    }

    // MARK: Locality

    /// The endpoints that agree with the client on the first `depth` scopes.
    private func narrow(
        _ run: Range<Int>, by depth: Int, _ service: ServiceRecord, source: WorkloadIndex
    ) -> Range<Int> {
        var run = run
        for level in 0..<depth {
            let scope = services.scopes[Int(service.scopes.start) + level]
            let wanted = value(of: scope, source)
            let lower = partition(run) { value(of: scope, $0) < wanted }
            run = lower..<partition(lower..<run.upperBound) { value(of: scope, $0) <= wanted }
        }
        return run
    }

    /// The first position of a run whose endpoint's workload does not meet a condition that holds for a prefix of it.
    private func partition(_ run: Range<Int>, _ isBefore: (WorkloadIndex) -> Bool) -> Int {
        var low = run.lowerBound
        var high = run.upperBound
        while low < high {
            let middle = (low + high) / 2
            if isBefore(services.endpoints[middle].workload) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func value(of scope: LoadBalancing.Scope, _ workload: WorkloadIndex) -> UInt32 {
        let position = workload.position
        return switch scope {
        case .region: workloads.records[position].region.rawValue
        case .zone: workloads.records[position].zone.rawValue
        case .subzone: workloads.records[position].subzone.rawValue
        case .node: workloads.records[position].node.rawValue
        case .cluster: workloads.records[position].clusterID.rawValue
        case .network: workloads.records[position].network.rawValue
        }
    }

    // MARK: Two choices

    private func choose(
        _ query: EndpointQuery, _ service: ServiceRecord, in run: Range<Int>, load: Span<UInt32>,
        random: inout RandomSource
    ) -> ChosenEndpoint? {
        if run.isEmpty { return nil }
        if run.count == 1 { return candidate(run.lowerBound, query, service) }
        var first: (position: Int, choice: ChosenEndpoint)?
        for _ in 0..<Self.draws {
            let position = draw(from: run, service, random: &random)
            guard position != first?.position, let choice = candidate(position, query, service) else { continue }
            guard let other = first else {
                first = (position, choice)
                continue
            }
            return lighter(other.choice, choice, load: load)
        }
        guard let one = search(run, query, service, except: nil, random: &random) else { return nil }
        guard let other = search(run, query, service, except: one.position, random: &random) else { return one.choice }
        return lighter(one.choice, other.choice, load: load)
    }

    private func draw(from run: Range<Int>, _ service: ServiceRecord, random: inout RandomSource) -> Int {
        guard service.isWeighted else {
            return run.lowerBound + Int(random.next(upperBound: UInt64(run.count)))
        }
        let isFirst = run.lowerBound == Int(service.endpoints.start)
        let before = isFirst ? 0 : services.endpoints[run.lowerBound - 1].cumulativeCapacity
        let total = services.endpoints[run.upperBound - 1].cumulativeCapacity - before
        let mark = before + random.next(upperBound: total)
        var low = run.lowerBound
        var high = run.upperBound - 1
        while low < high {
            let middle = (low + high) / 2
            if services.endpoints[middle].cumulativeCapacity <= mark { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// One of the usable endpoints of a run, by weight, in one pass over all of them.
    private func search(
        _ run: Range<Int>, _ query: EndpointQuery, _ service: ServiceRecord, except: Int?,
        random: inout RandomSource
    ) -> (position: Int, choice: ChosenEndpoint)? {
        var found: (position: Int, choice: ChosenEndpoint)?
        var total: UInt64 = 0
        for position in run where position != except {
            guard let choice = candidate(position, query, service) else { continue }
            let weight = UInt64(workloads.records[choice.workload.position].capacity)
            total += weight
            if random.next(upperBound: total) < weight { found = (position, choice) }
        }
        return found
    }

    /// The one with fewer connections for its weight; the first when equal, which makes idle endpoints equally likely.
    private func lighter(_ one: ChosenEndpoint, _ other: ChosenEndpoint, load: Span<UInt32>) -> ChosenEndpoint {
        func connections(_ choice: ChosenEndpoint) -> UInt64 {
            let position = choice.workload.position
            return position < load.count ? UInt64(load[position]) : 0
        }
        func capacity(_ choice: ChosenEndpoint) -> UInt64 {
            UInt64(workloads.records[choice.workload.position].capacity)
        }
        let left = connections(one) * capacity(other)
        let right = connections(other) * capacity(one)
        return right < left ? other : one
    }

    // MARK: One candidate

    /// The endpoint at a position, if this connection can use it.
    private func candidate(_ position: Int, _ query: EndpointQuery, _ service: ServiceRecord) -> ChosenEndpoint? {
        let endpoint = services.endpoints[position]
        let workload = endpoint.workload
        guard !query.tried.contains(workload),
            workloads.records[workload.position].network == workloads.records[query.source.position].network,
            let port = targetPort(of: query.port, service: query.service, endpoint: endpoint) ?? query.fallbackPort,
            let ip = address(of: workload, near: query.address, families: service.ipFamilies)
        else { return nil }
        return ChosenEndpoint(workload: workload, address: SocketAddress(ip: ip, port: port))
    }

    /// The address to reach a workload at: the wanted one if it has it, else one of its family, else the first, of
    /// those that the service uses.
    func address(of workload: WorkloadIndex, near wanted: IPAddress, families: IPFamilies) -> IPAddress? {
        var first: IPAddress?
        var sameFamily: IPAddress?
        for position in workloads.records[workload.position].addresses.positions {
            let address = workloads.addresses[position]
            if address == wanted { return address }
            switch families {
            case .ipv4: if !address.isIPv4 { continue }
            case .ipv6: if address.isIPv4 { continue }
            case .automatic, .dual: break
            }
            if first == nil { first = address }
            if sameFamily == nil, address.isIPv4 == wanted.isIPv4 { sameFamily = address }
        }
        return sameFamily ?? first
    }
}
