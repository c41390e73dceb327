// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Mesh

/// A cluster as the data path needs it: numbers only.
package struct ClusterRecord: Sendable {
    /// The service.
    package let service: ServiceIndex
    /// The port of the service.
    package let port: UInt16
    /// What the endpoints speak.
    package let applicationProtocol: ApplicationProtocol
    /// Where state about it is kept: limits, counters.
    package let slot: StateSlot
    /// How many connections and requests there may be.
    package let connectionPool: ConnectionPoolPolicy
    /// When an endpoint is left alone; nil: never.
    package let outlierDetection: OutlierDetection?
    /// How many tries may be made again; nil: what holds for the whole proxy.
    package let retryBudget: RetryBudget?
    /// Whether the application is spoken to by TLS inside the tunnel: `RouteTable.tls(of:)`.
    package let hasTLS: Bool
    /// The endpoints, nearest first, in `RouteTable.endpoints`.
    package let endpoints: IndexRange
    /// Groups of endpoints that are equally near, nearest first, in `RouteTable.tiers`.
    let tiers: IndexRange
    let algorithm: Algorithm
    let warmUp: LoadBalancerPolicy.WarmUp?
    /// In `RouteTable.ring`, sorted by hash.
    let ring: IndexRange
    /// The subset; empty: none.
    let subset: TextRange

    enum Algorithm: Sendable {
        case leastRequest
        case roundRobin
        case random
        case passthrough
        case peakEWMA
        case hash(HashKeyRecord)
    }

    enum HashKeyRecord: Sendable {
        case header(TextRange, hash: UInt32)
        /// In `RouteTable.cookies`.
        case cookie(UInt32)
        case sourceAddress
        case query(TextRange)
    }
}

/// An endpoint of a cluster: where to connect to, and how.
package struct RouteEndpoint: Sendable {
    /// The workload.
    package let workload: WorkloadIndex
    /// Its address and the port for this cluster.
    package let address: SocketAddress
    /// How the last hop is carried.
    package let tunnelProtocol: TunnelProtocol
    /// Where state about it is kept, the same in all clusters of the service.
    package let slot: StateSlot
    /// Since when it is there, for warming up; 0 when it was there from the beginning.
    let since: MonotonicTime
    /// The sum of the weights of the tier's endpoints up to this one.
    let cumulativeWeight: UInt64
    let weight: UInt32

    /// A workload that was addressed itself: no cluster knows it, so its slot means nothing.
    package init(direct workload: WorkloadIndex, address: SocketAddress, tunnelProtocol: TunnelProtocol) {
        self.init(
            workload: workload, address: address, tunnelProtocol: tunnelProtocol,
            slot: StateSlot(index: 0, generation: .max), since: MonotonicTime(nanoseconds: 0), cumulativeWeight: 0,
            weight: 0)
    }

    init(
        workload: WorkloadIndex, address: SocketAddress, tunnelProtocol: TunnelProtocol, slot: StateSlot,
        since: MonotonicTime, cumulativeWeight: UInt64, weight: UInt32
    ) {
        self.workload = workload
        self.address = address
        self.tunnelProtocol = tunnelProtocol
        self.slot = slot
        self.since = since
        self.cumulativeWeight = cumulativeWeight
        self.weight = weight
    }
}

/// Endpoints that are equally near.
struct TierRecord: Sendable {
    let endpoints: IndexRange
    let totalWeight: UInt64
    /// Of a hundred requests, how many go here while the endpoints here can take them.
    let share: UInt32
}

/// A cookie that names an endpoint.
struct CookieRecord: Sendable {
    let name: TextRange
    let path: TextRange
    /// Nil: we do not make one.
    let timeToLive: Nanoseconds?
    /// As they are written behind the value.
    let attributes: TextRange
}

/// A hash that is the same in every process: FNV-1a, its bits mixed (splitmix64).
struct StableHash {
    private var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func combine(_ octet: UInt8) {
        value = (value ^ UInt64(octet)) &* 0x100_0000_01B3
    }

    mutating func combine(_ octets: Span<UInt8>) {
        for index in 0..<octets.count { combine(octets[index]) }
    }

    var finished: UInt64 {
        var mixed = value
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// A point on the ring of a consistent hash.
struct RingPoint: Sendable {
    let hash: UInt64
    /// In `RouteTable.endpoints`.
    let endpoint: UInt32
}
