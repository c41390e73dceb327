// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import Kubernetes

/// How often each caller may ask: a bucket of tokens per key.
///
/// Pure: time is a parameter.
package struct RateLimiter<Key: Hashable & Sendable>: Sendable {
    private let new: TokenBucket
    private let capacity: Int
    private var buckets: [Key: TokenBucket] = [:]

    /// Allows `burst` at once and `perSecond` in the long run, for each of `capacity` keys.
    package init(perSecond: Int, burst: Int, capacity: Int = 65_536) {
        new = TokenBucket(burst: burst, interval: Nanoseconds(1_000_000_000 / Int64(max(1, perSecond))))
        self.capacity = capacity
    }

    /// Keys remembered.
    package var count: Int { buckets.count }

    /// Counts one request of `key`, unless there are too many.
    package mutating func admit(_ key: Key, now: MonotonicTime) -> Bool {
        if buckets.count >= capacity, buckets[key] == nil {
            // A full bucket says nothing that a new one would not.
            buckets = buckets.filter { !$0.value.isFull(now) }
            guard buckets.count < capacity else { return false }
        }
        return buckets[key, default: new].take(now)
    }
}
