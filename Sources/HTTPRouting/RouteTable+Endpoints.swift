// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import Glibc
internal import Mesh
package import Routing

/// A choice of an endpoint for one try of a request.
package struct EndpointQuery: Sendable {
    /// The cluster.
    package var cluster: ClusterIndex
    /// What names the endpoint under consistent hashing: `RouteTable.hashKey(for:_:from:random:)`; nil: nothing does.
    package var hash: UInt64?
    /// Where the client sent the request, for `PASSTHROUGH`.
    package var original: SocketAddress?
    /// Endpoints not to choose again.
    package var tried = TriedWorkloads()

    /// A first try.
    package init(cluster: ClusterIndex) {
        self.cluster = cluster
    }
}

extension RouteTable {
    /// How often to draw before searching: with half of the endpoints unusable, 8 draws find one in 255 of 256 cases.
    private static var draws: Int { 8 }

    /// Chooses an endpoint.
    ///
    /// - Parameters:
    ///   - now: for latencies and endpoints that warm up.
    ///   - state: the worker's; only the turn of a round robin changes.
    /// - Returns: nil when there is none that may be chosen: 503, flag UH. With endpoints tried, and none left, ask again without them.
    /// - Complexity: O(log n) in the endpoints; O(n) when most of them are unusable. Does not allocate, but for a new cluster's first turn.
    package func chooseEndpoint(
        _ query: EndpointQuery, now: MonotonicTime, state: inout LoadState, random: inout RandomSource
    ) -> RouteEndpoint? {
        let cluster = clusters[query.cluster.position]
        if case .hash = cluster.algorithm, let hash = query.hash {
            return onRing(hash, cluster, query, state)
        }
        if case .passthrough = cluster.algorithm, let original = query.original {
            for position in cluster.endpoints.positions where endpoints[position].address == original {
                return endpoints[position]
            }
        }
        if cluster.tiers.isEmpty { return nil }
        let first = firstTier(cluster, &random)
        if let found = choose(in: tiers[first], cluster, query, now, &state, &random) { return found }
        for position in cluster.tiers.positions where position != first {
            if let found = choose(in: tiers[position], cluster, query, now, &state, &random) { return found }
        }
        return nil
    }

    /// A group of endpoints by its share.
    private func firstTier(_ cluster: ClusterRecord, _ random: inout RandomSource) -> Int {
        let start = Int(cluster.tiers.start)
        if cluster.tiers.count == 1 { return start }
        var total: UInt64 = 0
        for position in cluster.tiers.positions { total += UInt64(tiers[position].share) }
        if total == 0 { return start }
        if UInt64(tiers[start].share) == total { return start }
        var mark = random.next(upperBound: total)
        for position in cluster.tiers.positions {
            if mark < UInt64(tiers[position].share) { return position }
            mark -= UInt64(tiers[position].share)
        }
        return start
    }

    private func choose(
        in tier: TierRecord, _ cluster: ClusterRecord, _ query: EndpointQuery, _ now: MonotonicTime,
        _ state: inout LoadState, _ random: inout RandomSource
    ) -> RouteEndpoint? {
        var first: Int?
        for _ in 0..<Self.draws {
            let position: Int
            if case .roundRobin = cluster.algorithm {
                let step = step(tier)
                position = find(
                    state.turn(cluster.slot, total: tier.totalWeight, step: step, random: &random), in: tier)
            } else {
                position = find(random.next(upperBound: tier.totalWeight), in: tier)
            }
            guard position != first, isUsable(position, query, state), isWarm(position, cluster, now, &random) else {
                if tier.endpoints.count == 1 { break }
                continue
            }
            switch cluster.algorithm {
            case .roundRobin, .random, .passthrough, .hash: return endpoints[position]
            case .leastRequest, .peakEWMA: break
            }
            guard let other = first else {
                first = position
                if tier.endpoints.count == 1 { break }
                if tier.endpoints.count == 2 {
                    // Drawing again would find the same one half of the time.
                    let rest = 2 * Int(tier.endpoints.start) + 1 - position
                    guard isUsable(rest, query, state), isWarm(rest, cluster, now, &random) else { break }
                    return endpoints[better(position, rest, cluster, state, now)]
                }
                continue
            }
            return endpoints[better(other, position, cluster, state, now)]
        }
        if let first { return endpoints[first] }
        return search(tier, query, state, &random)
    }

    /// One for the classical order; where weights differ, a step that spreads the turns of each endpoint (golden ratio) and
    /// meets every place (coprime to the total).
    private func step(_ tier: TierRecord) -> UInt64 {
        if tier.totalWeight == UInt64(tier.endpoints.count) { return 1 }
        var step = max(1, UInt64(Double(tier.totalWeight) * 0.618_033_988_749_895))
        while Self.greatestCommonDivisor(step, tier.totalWeight) != 1 { step -= 1 }
        return step
    }

    private static func greatestCommonDivisor(_ left: UInt64, _ right: UInt64) -> UInt64 {
        var (left, right) = (left, right)
        while right != 0 { (left, right) = (right, left % right) }
        return left
    }

    /// The endpoint at a place in the sum of a tier's weights.
    private func find(_ mark: UInt64, in tier: TierRecord) -> Int {
        var low = Int(tier.endpoints.start)
        var high = low + Int(tier.endpoints.count) - 1
        while low < high {
            let middle = (low + high) / 2
            if endpoints[middle].cumulativeWeight <= mark { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func isUsable(_ position: Int, _ query: EndpointQuery, _ state: LoadState) -> Bool {
        !query.tried.contains(endpoints[position].workload) && !state.isEjected(endpoints[position].slot)
    }

    /// Whether an endpoint that warms up gets this request: by chance, more likely the longer it is there.
    private func isWarm(
        _ position: Int, _ cluster: ClusterRecord, _ now: MonotonicTime, _ random: inout RandomSource
    ) -> Bool {
        guard let warmUp = cluster.warmUp, endpoints[position].since.nanoseconds > 0 else { return true }
        let age = now - endpoints[position].since
        guard age < warmUp.duration, warmUp.duration.count > 0 else { return true }
        let elapsed = Double(max(age.count, 0)) / Double(warmUp.duration.count)
        let share = max(Double(warmUp.minimumPercent) / 100, pow(elapsed, 1 / max(warmUp.aggression, 0.001)))
        return Double(random.next(upperBound: UInt64(1 << 32))) < share * Double(UInt64(1 << 32))
    }

    private func better(
        _ one: Int, _ other: Int, _ cluster: ClusterRecord, _ state: LoadState, _ now: MonotonicTime
    ) -> Int {
        let (left, right) = (endpoints[one], endpoints[other])
        if case .peakEWMA = cluster.algorithm {
            return state.cost(right.slot, now: now) < state.cost(left.slot, now: now) ? other : one
        }
        let isLess =
            UInt64(state.requests(right.slot)) * UInt64(left.weight)
            < UInt64(state.requests(left.slot)) * UInt64(right.weight)
        return isLess ? other : one
    }

    /// One of the usable endpoints of a tier by weight, in one pass over all of them.
    private func search(
        _ tier: TierRecord, _ query: EndpointQuery, _ state: LoadState, _ random: inout RandomSource
    ) -> RouteEndpoint? {
        var found: Int?
        var total: UInt64 = 0
        for position in tier.endpoints.positions where isUsable(position, query, state) {
            let weight = UInt64(endpoints[position].weight)
            total += weight
            if weight > 0, random.next(upperBound: total) < weight { found = position }
        }
        return found.map { endpoints[$0] }
    }

    /// The endpoint of the first point on the ring from a hash on, that may be used.
    private func onRing(
        _ hash: UInt64, _ cluster: ClusterRecord, _ query: EndpointQuery, _ state: LoadState
    ) -> RouteEndpoint? {
        let count = Int(cluster.ring.count)
        if count == 0 { return nil }
        let start = Int(cluster.ring.start)
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if ring[start + middle].hash < hash { low = middle + 1 } else { high = middle }
        }
        for offset in 0..<count {
            let position = Int(ring[start + (low + offset) % count].endpoint)
            if isUsable(position, query, state) { return endpoints[position] }
        }
        return nil
    }
}
