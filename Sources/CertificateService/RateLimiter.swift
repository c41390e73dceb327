// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// How often each caller may ask: a bucket of tokens per key, filled at a steady rate.
///
/// Pure: time is a parameter.
package struct RateLimiter<Key: Hashable & Sendable>: Sendable {
    private struct Bucket: Sendable {
        var tokens: Double
        var filled: MonotonicTime
    }

    private let perSecond: Double
    private let burst: Double
    private let capacity: Int
    private var buckets: [Key: Bucket] = [:]

    /// Allows `burst` at once and `perSecond` in the long run, for each of `capacity` keys.
    package init(perSecond: Int, burst: Int, capacity: Int = 65_536) {
        self.perSecond = Double(perSecond)
        self.burst = Double(burst)
        self.capacity = capacity
    }

    /// Keys remembered.
    package var count: Int { buckets.count }

    /// Counts one request of `key`, unless there are too many.
    package mutating func admit(_ key: Key, now: MonotonicTime) -> Bool {
        if buckets.count >= capacity, buckets[key] == nil {
            // A full bucket says nothing that a new one would not.
            buckets = buckets.filter { fill($0.value, now).tokens < burst }
            guard buckets.count < capacity else { return false }
        }
        var bucket = fill(buckets[key] ?? Bucket(tokens: burst, filled: now), now)
        guard bucket.tokens >= 1 else {
            buckets[key] = bucket
            return false
        }
        bucket.tokens -= 1
        buckets[key] = bucket
        return true
    }

    private func fill(_ bucket: Bucket, _ now: MonotonicTime) -> Bucket {
        let elapsed = Double(max(0, (now - bucket.filled).count)) / 1e9
        return Bucket(tokens: min(burst, bucket.tokens + elapsed * perSecond), filled: now)
    }
}
