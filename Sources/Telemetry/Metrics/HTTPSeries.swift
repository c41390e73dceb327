// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import Synchronization

/// The request metrics of one set of labels, as one worker counts them.
///
/// ## Concurrency model
/// The worker that made it writes (relaxed additions); the thread that renders reads.
package final class HTTPSeries: SeriesCell {
    /// Istio's buckets, for milliseconds and for bytes, doubled so that the first one is whole.
    static let doubledBounds: [UInt64] = [
        1, 2, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 120_000, 600_000, 1_200_000,
        3_600_000, 7_200_000,
    ]
    static let bucketCount = 20

    /// How often values fell into each bucket, and their sum.
    struct Distribution: ~Copyable {
        private let buckets = InlineArray<20, Atomic<UInt64>> { _ in Atomic(0) }
        private let total = Atomic<UInt64>(0)

        /// Counts a value: its bucket by twice its size, its sum in a unit of the owner's.
        func record(doubled: UInt64, sum: UInt64) {
            var low = 0
            var high = HTTPSeries.doubledBounds.count
            while low < high {
                let middle = (low + high) / 2
                if HTTPSeries.doubledBounds[middle] < doubled { low = middle + 1 } else { high = middle }
            }
            buckets[low].wrappingAdd(1, ordering: .relaxed)
            total.wrappingAdd(sum, ordering: .relaxed)
        }

        func count(_ index: Int) -> UInt64 { buckets[index].load(ordering: .relaxed) }
        var sum: UInt64 { total.load(ordering: .relaxed) }
    }

    package let use = SeriesUse()
    private let requestCount = Atomic<UInt64>(0)
    /// In milliseconds; the sum in nanoseconds.
    let duration = Distribution()
    let requestBytes = Distribution()
    let responseBytes = Distribution()

    package init() {}

    /// Requests counted.
    package var requests: UInt64 { requestCount.load(ordering: .relaxed) }

    /// A series never waits for something that will count later.
    package var isBusy: Bool { false }

    /// Counts a request that is over.
    ///
    /// - Returns: false, with nothing counted, when the table has dropped the cell: take another one.
    package func record(
        duration time: Nanoseconds, requestBytes received: UInt64, responseBytes sent: UInt64, now: MonotonicTime
    ) -> Bool {
        use.touch(now)
        if use.retired { return false }
        let nanoseconds = UInt64(max(0, time.count))
        requestCount.wrappingAdd(1, ordering: .relaxed)
        // Rounded up: a value belongs to a bucket when it is at most its bound.
        duration.record(doubled: (nanoseconds + 499_999) / 500_000, sum: nanoseconds)
        requestBytes.record(doubled: received &* 2, sum: received)
        responseBytes.record(doubled: sent &* 2, sum: sent)
        return true
    }
}
