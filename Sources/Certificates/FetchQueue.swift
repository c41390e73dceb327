// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Identity

/// How soon a certificate is needed; higher ones go first (reference §5, "Concurrency").
package enum FetchPriority: Int, Comparable, Sendable {
    /// A renewal: the old certificate still serves.
    case background
    /// A pod has appeared; it has no traffic yet.
    case warmup
    /// Connections fail for want of it.
    case realTime

    package static func < (left: FetchPriority, right: FetchPriority) -> Bool { left.rawValue < right.rawValue }
}

/// Which certificate to ask for next.
///
/// Requests for the same identity are merged, more urgent ones go first, a limited number is under way at once, and
/// failures back off by identity. Pure: time and randomness are parameters.
package struct FetchQueue: Sendable {
    private struct Item: Sendable {
        var priority: FetchPriority
        var order: UInt64
        var notBefore: MonotonicTime
        var failures = 0
        var isUnderWay = false
        /// Asked for again while it was under way, or forgotten meanwhile.
        var isForgotten = false
    }

    private let limit: Int
    private var items: [SPIFFEID: Item] = [:]
    private var nextOrder: UInt64 = 0
    /// Requests under way.
    package private(set) var underWay = 0

    /// An empty queue.
    ///
    /// - Parameter limit: requests under way at once; ztunnel has 8.
    package init(limit: Int = 8) {
        self.limit = limit
    }

    /// Identities that are waiting or under way.
    package var count: Int { items.count }

    /// Asks for a certificate; a request that waits or is under way already is kept, and raised to `priority`.
    package mutating func ask(_ identity: SPIFFEID, _ priority: FetchPriority, now: MonotonicTime) {
        if var item = items[identity] {
            item.priority = max(item.priority, priority)
            item.isForgotten = false
            items[identity] = item
            return
        }
        items[identity] = Item(priority: priority, order: nextOrder, notBefore: now)
        nextOrder += 1
    }

    /// The identity to ask for now, which is under way from now on; nil when none is due or enough are under way.
    package mutating func next(now: MonotonicTime) -> SPIFFEID? {
        guard underWay < limit else { return nil }
        let due = items.filter { !$0.value.isUnderWay && $0.value.notBefore <= now }
        let best = due.max { left, right in
            (left.value.priority, right.value.order) < (right.value.priority, left.value.order)
        }
        guard let identity = best?.key else { return nil }
        items[identity]?.isUnderWay = true
        underWay += 1
        return identity
    }

    /// Whether any is due, whether or not it may start.
    package func isAnyDue(now: MonotonicTime) -> Bool {
        items.contains { !$0.value.isUnderWay && $0.value.notBefore <= now }
    }

    /// The certificate is there.
    ///
    /// - Returns: false when nobody wants it any more.
    package mutating func succeeded(_ identity: SPIFFEID) -> Bool {
        guard let item = items[identity], item.isUnderWay else { return false }
        underWay -= 1
        items[identity] = nil
        return !item.isForgotten
    }

    /// It could not be had; it is tried again after a growing pause.
    ///
    /// - Returns: the pause, and how many failures there were in a row; nil when nobody wants it any more.
    package mutating func failed(
        _ identity: SPIFFEID, now: MonotonicTime, random: inout RandomSource
    ) -> (pause: Nanoseconds, failures: Int)? {
        guard var item = items[identity] else { return nil }
        if item.isUnderWay { underWay -= 1 }
        guard !item.isForgotten else {
            items[identity] = nil
            return nil
        }
        item.isUnderWay = false
        item.failures += 1
        let pause = Nanoseconds.milliseconds(RenewalSchedule.backoff(failures: item.failures, random: &random))
        item.notBefore = now + pause
        items[identity] = item
        return (pause, item.failures)
    }

    /// Forgets all but `identities`; what is under way is forgotten when it ends.
    package mutating func keepOnly(_ identities: Set<SPIFFEID>) {
        for (identity, item) in items where !identities.contains(identity) {
            if item.isUnderWay { items[identity]?.isForgotten = true } else { items[identity] = nil }
        }
    }

    /// When the next request is due; `distantFuture` when none waits, or enough are under way.
    package var nextDeadline: MonotonicTime {
        guard underWay < limit else { return .distantFuture }
        return items.values.lazy.filter { !$0.isUnderWay }.map(\.notBefore).min() ?? .distantFuture
    }
}
