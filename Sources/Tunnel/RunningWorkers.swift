// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO
internal import Synchronization

/// How many workers have not ended yet, with a wake-up when one does.
///
/// ## Concurrency model
/// Workers count themselves out (atomic) and signal; the control thread waits and reads.
final class RunningWorkers: Sendable {
    private let left: Atomic<Int>
    private let ended: WakeSignal

    init(_ count: Int) throws(SystemError) {
        left = Atomic(count)
        ended = try WakeSignal()
    }

    /// Workers that still run.
    var count: Int { left.load(ordering: .acquiring) }

    /// Readable when a worker has ended since `acknowledge`.
    var descriptor: CInt { ended.descriptor }

    /// A worker has ended.
    func end() {
        left.subtract(1, ordering: .releasing)
        ended.signal()
    }

    /// Makes the descriptor unreadable.
    func acknowledge() {
        ended.clear()
    }
}
