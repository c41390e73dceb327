// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import Synchronization

/// The connections that one policy decided on in one way, as one worker counts them.
///
/// ## Concurrency model
/// The worker that made it writes; the thread that renders reads.
package final class PolicySeries: SeriesCell {
    package let use = SeriesUse()
    private let total = Atomic<UInt64>(0)

    package init() {}

    /// Counts one decision.
    package func count(now: MonotonicTime) {
        total.wrappingAdd(1, ordering: .relaxed)
        use.touch(now)
    }

    /// Decisions are over when they are made.
    package var isBusy: Bool { false }

    /// Decisions counted.
    package var value: UInt64 { total.load(ordering: .relaxed) }
}
