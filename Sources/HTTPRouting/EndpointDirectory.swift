// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

/// A place for what a worker knows of one endpoint, or one cluster, for as long as that exists: valid across tables.
package struct StateSlot: Hashable, Sendable {
    /// The place, small: slots that are free again are used again.
    package let index: UInt32
    /// Tells apart those that had the place one after the other: state of another generation is state of somebody else.
    package let generation: UInt32
}

/// Gives every endpoint and every cluster a slot that stays the same from table to table, and keeps compiled expressions.
///
/// Owned by whoever builds the tables (the control thread); workers see slots only.
package struct EndpointDirectory: Sendable {
    /// Names an endpoint: the workload behind a service, at a port.
    struct EndpointKey: Hashable, Sendable {
        var service: ServiceKey
        var workloadUID: String
        var address: SocketAddress
    }

    private struct Known: Sendable {
        var slot: StateSlot
        var since: MonotonicTime
        var round: UInt64
    }

    private var endpoints: [EndpointKey: Known] = [:]
    private var clusters: [BackendReference: Known] = [:]
    private var endpointGenerations: [UInt32] = []
    private var clusterGenerations: [UInt32] = []
    private var freeEndpoints: [UInt32] = []
    private var freeClusters: [UInt32] = []
    private var round: UInt64 = 0
    private var expressions = ExpressionCache()

    /// Knows nobody.
    package init() {}

    /// Begins the slots of another table.
    mutating func begin() {
        round += 1
    }

    /// The slot of an endpoint, and since when it is there: `MonotonicTime(nanoseconds: 0)` for those of the first table.
    mutating func slot(of key: EndpointKey, now: MonotonicTime) -> (slot: StateSlot, since: MonotonicTime) {
        if var known = endpoints[key] {
            known.round = round
            endpoints[key] = known
            return (known.slot, known.since)
        }
        let slot = Self.take(&freeEndpoints, &endpointGenerations)
        let since = round == 1 ? MonotonicTime(nanoseconds: 0) : now
        endpoints[key] = Known(slot: slot, since: since, round: round)
        return (slot, since)
    }

    /// The slot of a cluster.
    mutating func slot(of reference: BackendReference) -> StateSlot {
        if var known = clusters[reference] {
            known.round = round
            clusters[reference] = known
            return known.slot
        }
        let slot = Self.take(&freeClusters, &clusterGenerations)
        clusters[reference] = Known(slot: slot, since: MonotonicTime(nanoseconds: 0), round: round)
        return slot
    }

    /// The expressions of the table before, for the next one to take over.
    mutating func takeExpressions() -> ExpressionCache {
        defer { expressions = ExpressionCache() }
        expressions.begin()
        return expressions
    }

    /// Ends the slots of a table: what was not asked for is gone.
    mutating func finish(_ cache: ExpressionCache) {
        expressions = cache
        expressions.finish()
        for (key, known) in endpoints where known.round != round {
            freeEndpoints.append(known.slot.index)
            endpoints[key] = nil
        }
        for (key, known) in clusters where known.round != round {
            freeClusters.append(known.slot.index)
            clusters[key] = nil
        }
    }

    private static func take(_ free: inout [UInt32], _ generations: inout [UInt32]) -> StateSlot {
        if let index = free.popLast() {
            generations[Int(index)] &+= 1
            return StateSlot(index: index, generation: generations[Int(index)])
        }
        generations.append(0)
        return StateSlot(index: UInt32(generations.count - 1), generation: 0)
    }
}
