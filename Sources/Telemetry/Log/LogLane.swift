// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO
internal import Synchronization

/// One thread's way into the log: a bounded queue of lines that the writer's thread empties.
///
/// A worker has a lane of its own; threads beside the workers may share one.
///
/// ## Concurrency model
/// The mutex guards the lines. The producer formats a line under it, the writer exchanges the whole buffer for an empty one
/// under it; neither makes a system call while it holds it. The writer is woken (one `eventfd` write) when the first line
/// comes and when the queue becomes half full, not per line. A full queue drops the line and counts it: a producer waits
/// for nobody.
package final class LogLane: Sendable {
    private let lines: Lock<LogLines>
    private let wake: WakeSignal
    /// The levels, which can be asked before something costly is prepared for the log.
    package let levels: LogLevels

    init(levels: LogLevels, wake: WakeSignal, capacity: Int, format: LogFormat) {
        self.levels = levels
        self.wake = wake
        lines = Lock(LogLines(capacity: capacity, format: format))
    }

    /// Logs an event of a connection, if the level of scope `access` lets it.
    ///
    /// - Parameter time: nanoseconds since 1970; nil reads the clock.
    package func access(_ record: borrowing AccessRecord, at time: Int64? = nil) {
        guard levels.isEnabled(.access, record.level) else { return }
        let time = time ?? WallClock.now()
        append { $0.append(record, at: time) }
    }

    /// Logs a request, if the level of scope `access` lets it.
    package func request(_ record: borrowing RequestRecord) {
        guard levels.isEnabled(.access, record.level) else { return }
        append { $0.append(record) }
    }

    /// Logs a line with fields that `fields` adds, if the level of `scope` lets it.
    package func log(
        _ level: LogLevel, _ scope: LogScope, _ message: String, at time: Int64? = nil,
        _ fields: (inout LogLines) -> Void = { _ in }
    ) {
        guard levels.isEnabled(scope, level) else { return }
        let time = time ?? WallClock.now()
        append { lines in
            lines.begin(level, scope, message, at: time)
            fields(&lines)
            lines.end()
        }
    }

    /// Exchanges the lines for the empty `spare`.
    ///
    /// - Returns: how many lines found no room since the last time.
    func exchange(_ spare: inout LogLines) -> UInt64 {
        let dropped = lines.withLock { lines in
            swap(&lines, &spare)
            return spare.droppedLines
        }
        return dropped
    }

    private func append(_ write: (inout LogLines) -> Void) {
        let isWorthWaking = lines.withLock { lines in
            let before = lines.fill.used
            let droppedBefore = lines.droppedLines
            write(&lines)
            let (after, capacity) = lines.fill
            return before == 0 || (before < capacity / 2 && after >= capacity / 2)
                || (droppedBefore == 0 && lines.droppedLines != 0)
        }
        if isWorthWaking { wake.signal() }
    }
}
