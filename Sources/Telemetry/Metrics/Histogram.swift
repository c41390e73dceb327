// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import Synchronization

/// How often durations fell into each of a fixed set of ranges, written by any thread.
///
/// ## Concurrency model
/// Relaxed atomics: no observation is lost. A reader may see an observation in its bucket and not yet in the sum; buckets
/// and count always agree, because the count is the sum of the buckets.
package final class Histogram: Sendable {
    /// Upper bounds of the buckets, ascending; one more bucket holds what is beyond the last.
    let bounds: HistogramBounds
    private let buckets = InlineArray<17, Atomic<UInt64>> { _ in Atomic(0) }
    private let nanoseconds = Atomic<UInt64>(0)

    init(bounds: HistogramBounds) {
        self.bounds = bounds
    }

    /// Counts one duration; a negative one counts as zero.
    package func record(_ duration: Nanoseconds) {
        let length = UInt64(max(0, duration.count))
        var index = 0
        while index < bounds.count, bounds[index] < length { index += 1 }
        buckets[index].wrappingAdd(1, ordering: .relaxed)
        nanoseconds.wrappingAdd(length, ordering: .relaxed)
    }

    /// Observations in bucket `index` alone from 0 to `bounds.count`.
    func count(inBucket index: Int) -> UInt64 { buckets[index].load(ordering: .relaxed) }

    /// Sum of all observations in nanoseconds.
    var sumNanoseconds: UInt64 { nanoseconds.load(ordering: .relaxed) }
}
