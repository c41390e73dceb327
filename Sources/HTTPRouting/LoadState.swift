// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import Glibc

/// What a worker knows of endpoints and clusters: requests under way, latencies, whose turn it is, who is left alone.
///
/// Kept by slot, so it outlives tables; state of a slot's earlier owner is forgotten when its generation is seen to have passed.
/// One per worker, owned by it.
package struct LoadState: Sendable {
    struct EndpointState: Sendable {
        var generation: UInt32
        var requests: UInt32 = 0
        var isEjected = false
        /// Latency in nanoseconds: moving average that jumps to peaks.
        var latency: Double
        var measured: MonotonicTime
    }

    struct ClusterState: Sendable {
        var generation: UInt32
        /// Where in the sum of weights the round robin stands.
        var turn: UInt64
        var hasTurn = false
    }

    /// What a new endpoint is taken to need, in nanoseconds: 30 ms, so that it is tried soon and not swamped.
    static let defaultLatency = 30_000_000.0
    /// How fast what was measured is forgotten, in nanoseconds: 10 s (linkerd2-proxy).
    static let decay = 10_000_000_000.0

    private var endpoints: ContiguousArray<EndpointState> = []
    private var clusters: ContiguousArray<ClusterState> = []

    /// Knows nothing.
    package init() {}

    // MARK: - What the data path tells

    /// A request is sent to an endpoint; `requestEnded` follows.
    package mutating func requestBegan(_ slot: StateSlot) {
        ensure(slot)
        endpoints[Int(slot.index)].requests &+= 1
    }

    /// A request to an endpoint has ended.
    ///
    /// - Parameter latency: from sending it to the head of the response; nil when there was none.
    package mutating func requestEnded(_ slot: StateSlot, latency: Nanoseconds?, now: MonotonicTime) {
        let index = Int(slot.index)
        guard index < endpoints.count, endpoints[index].generation == slot.generation else { return }
        if endpoints[index].requests > 0 { endpoints[index].requests -= 1 }
        guard let latency else { return }
        let sample = Double(max(latency.count, 0))
        let old = decayed(endpoints[index], now)
        endpoints[index].latency = sample > old ? sample : old
        if sample < old {
            let age = Double((now - endpoints[index].measured).count)
            let kept = exp(-max(age, 0) / Self.decay)
            endpoints[index].latency = endpoints[index].latency * kept + sample * (1 - kept)
        }
        endpoints[index].measured = now
    }

    /// An endpoint is left alone, or not any more.
    package mutating func setEjected(_ slot: StateSlot, _ isEjected: Bool) {
        ensure(slot)
        endpoints[Int(slot.index)].isEjected = isEjected
    }

    // MARK: - What it answers

    /// Requests under way to an endpoint.
    package func requests(_ slot: StateSlot) -> UInt32 {
        let index = Int(slot.index)
        return index < endpoints.count && endpoints[index].generation == slot.generation
            ? endpoints[index].requests : 0
    }

    /// Whether an endpoint is left alone.
    package func isEjected(_ slot: StateSlot) -> Bool {
        let index = Int(slot.index)
        return index < endpoints.count && endpoints[index].generation == slot.generation
            && endpoints[index].isEjected
    }

    /// What one more request to an endpoint would cost: its latency times the requests under way then.
    func cost(_ slot: StateSlot, now: MonotonicTime) -> Double {
        let index = Int(slot.index)
        guard index < endpoints.count, endpoints[index].generation == slot.generation else {
            return Self.defaultLatency
        }
        return decayed(endpoints[index], now) * Double(endpoints[index].requests + 1)
    }

    /// Moves a round robin on.
    ///
    /// - Returns: where in `0 ..< total` it stands now; each place once in `total` turns.
    mutating func turn(_ slot: StateSlot, total: UInt64, step: UInt64, random: inout RandomSource) -> UInt64 {
        let index = Int(slot.index)
        while clusters.count <= index { clusters.append(ClusterState(generation: 0, turn: 0)) }
        if clusters[index].generation != slot.generation || !clusters[index].hasTurn {
            clusters[index] = ClusterState(
                generation: slot.generation, turn: random.next(upperBound: total), hasTurn: true)
        }
        let place = clusters[index].turn % total
        clusters[index].turn = (place + step) % total
        return place
    }

    private func decayed(_ state: EndpointState, _ now: MonotonicTime) -> Double {
        let age = Double(max((now - state.measured).count, 0))
        if age == 0 { return state.latency }
        let kept = exp(-age / Self.decay)
        return state.latency * kept + min(state.latency, Self.defaultLatency) * (1 - kept)
    }

    private mutating func ensure(_ slot: StateSlot) {
        let index = Int(slot.index)
        let fresh = EndpointState(
            generation: slot.generation, latency: Self.defaultLatency, measured: MonotonicTime(nanoseconds: 0))
        while endpoints.count <= index { endpoints.append(fresh) }
        if endpoints[index].generation != slot.generation { endpoints[index] = fresh }
    }
}
