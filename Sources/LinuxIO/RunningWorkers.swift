// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// How many workers have not ended yet, with a wake-up when one does.
///
/// ## Concurrency model
/// Workers count themselves out (atomic) and signal; the control thread waits and reads.
package final class RunningWorkers: Sendable {
    private let left: Atomic<Int>
    private let ended: WakeSignal

    /// Expects `count` workers to end.
    package init(_ count: Int) throws(SystemError) {
        left = Atomic(count)
        ended = try WakeSignal()
    }

    /// Workers that still run.
    package var count: Int { left.load(ordering: .acquiring) }

    /// Readable when a worker has ended since `acknowledge`.
    package var descriptor: CInt { ended.descriptor }

    /// A worker has ended.
    package func end() {
        left.subtract(1, ordering: .releasing)
        ended.signal()
    }

    /// Makes the descriptor unreadable.
    package func acknowledge() {
        ended.clear()
    }
}
