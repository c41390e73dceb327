// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
internal import LinuxIO
internal import Synchronization
internal import Telemetry

/// The live connections, collected from all workers for `ambit-tunnel connections`.
///
/// ## Concurrency model
/// One thread asks and waits, workers add; the rows are guarded by a mutex, and the last worker signals `done`.
final class ConnectionReport: Sendable {
    private struct State {
        var rows: [ConnectionRow] = []
        var missing: Int
    }

    private let state: Lock<State>
    private let done: WakeSignal

    init(workers: Int) throws(SystemError) {
        state = Lock(State(missing: workers))
        done = try WakeSignal()
    }

    /// A worker's part.
    func add(_ rows: [ConnectionRow]) {
        let isComplete = state.withLock {
            $0.rows += rows
            $0.missing -= 1
            return $0.missing == 0
        }
        if isComplete { done.signal() }
    }

    /// Waits until all workers have answered, or the time is up; gives what there is.
    func wait(milliseconds: CInt) -> [ConnectionRow] {
        if state.withLock({ $0.missing > 0 }) { _ = done.wait(milliseconds: milliseconds) }
        return state.withLock { $0.rows }
    }
}
