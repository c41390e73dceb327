// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import LinuxIO
internal import Synchronization

/// The thread that writes the log.
///
/// It sleeps until a lane has lines, gives them a few milliseconds to become more, and writes all lines of a lane with one
/// system call. An output that takes nothing (a full pipe) stops this thread only; an output that fails (EPIPE, ENOSPC)
/// costs the lines at hand, and later ones are tried again. What is lost is counted, and said in the log once it can be.
///
/// ## Concurrency model
/// The list of lanes is guarded by a mutex. Everything else belongs to the writer's thread, but for the atomics by which
/// `flush` and `stop` talk to it.
package final class LogWriter: Sendable {
    /// How a writer works.
    package struct Configuration: Sendable {
        /// Where lines go.
        package var output = LogOutput.standardOutput
        /// How they look.
        package var format = LogFormat.text
        /// Bytes of lines that a lane holds at most; pages that are not used cost nothing.
        package var laneBytes = 1 << 20
        /// How long lines are collected before they are written, in milliseconds.
        package var delayMilliseconds: CInt = 5

        /// The defaults.
        package init() {}
    }

    private struct Counters: Sendable {
        let full: Counter
        let failed: Counter
    }

    /// The levels of all scopes.
    package let levels: LogLevels
    private let configuration: Configuration
    private let counters: Counters
    private let wake: WakeSignal
    private let flushed: WakeSignal
    private let lanes = Lock<[LogLane]>([])
    private let flushesAsked = Atomic<UInt64>(0)
    private let flushesDone = Atomic<UInt64>(0)
    /// The flush with which the thread ends.
    private let lastFlush = Atomic<UInt64>(.max)

    /// Opens the output and starts the thread, which lives until `stop` or the end of the process.
    ///
    /// - Throws: when the file, the thread or its wake-up cannot be had.
    package init(
        _ configuration: Configuration, levels: LogLevels, registry: MetricRegistry
    ) throws(SystemError) {
        self.configuration = configuration
        self.levels = levels
        wake = try WakeSignal()
        flushed = try WakeSignal()
        let family = MetricFamily(.counter, "ambit_log_lines_dropped", "Log lines that were not written, by reason")
        counters = Counters(
            full: registry.counter(family, LabelText([("reason", "queue_full")])),
            failed: registry.counter(family, LabelText([("reason", "output_failed")])))
        let descriptor: CInt
        switch configuration.output {
        case .descriptor(let number): descriptor = number
        case .file(let path): descriptor = try FileOutput.openForAppending(path).relinquish()
        }
        let thread = try WorkerThread(name: "ambit-log") { [self] in run(descriptor) }
        thread.detach()
    }

    /// A new lane; one per worker, one for the rest.
    package func makeLane() -> LogLane {
        let lane = LogLane(
            levels: levels, wake: wake, capacity: configuration.laneBytes, format: configuration.format)
        lanes.withLock { $0.append(lane) }
        return lane
    }

    /// Waits until everything logged before is written.
    ///
    /// To be called by one thread at a time.
    /// - Returns: false when the output did not take it all in `milliseconds`.
    @discardableResult
    package func flush(milliseconds: CInt) -> Bool {
        let target = flushesAsked.wrappingAdd(1, ordering: .releasing).newValue
        wake.signal()
        var waits = max(1, milliseconds / 10)
        while flushesDone.load(ordering: .acquiring) < target {
            guard waits > 0 else { return false }
            if !flushed.wait(milliseconds: 10) { waits -= 1 }
        }
        return true
    }

    /// Writes what is there, waiting for at most `milliseconds`, and ends the thread; for the end of the process.
    ///
    /// To be called once, by the thread that flushes.
    /// - Returns: false when the output did not take it all; the thread may still wait for it then.
    @discardableResult
    package func stop(milliseconds: CInt) -> Bool {
        lastFlush.store(flushesAsked.load(ordering: .relaxed) + 1, ordering: .releasing)
        return flush(milliseconds: milliseconds)
    }

    private func run(_ descriptor: CInt) {
        var state = LogWriterState(descriptor: descriptor)
        var spare = LogLines(capacity: configuration.laneBytes, format: configuration.format)
        while true {
            let isNoticeDue = state.lost > 0 && !state.isFailing
            _ = wake.wait(milliseconds: isNoticeDue ? LogWriterState.noticeMilliseconds : -1)
            var asked = flushesAsked.load(ordering: .acquiring)
            if asked == flushesDone.load(ordering: .relaxed) {
                _ = wake.wait(milliseconds: configuration.delayMilliseconds)
                asked = flushesAsked.load(ordering: .acquiring)
            }
            let isFlush = asked != flushesDone.load(ordering: .relaxed)
            for lane in lanes.withLock({ $0 }) {
                let dropped = lane.exchange(&spare)
                if dropped > 0 {
                    counters.full.add(dropped)
                    state.lost += dropped
                }
                lose(state.write(spare.bytes), &state)
                spare.removeAll()
            }
            if let notice = state.takeNotice(now: MonotonicClock.now(), isUrgent: isFlush) {
                spare.begin(.warn, .log, "log lines dropped: the output is slow or failed", at: WallClock.now())
                spare.field("lines", notice)
                spare.end()
                // A notice that is lost too is told of with the next lines that can be written.
                if state.write(spare.bytes) > 0 { state.lost += notice }
                spare.removeAll()
            }
            guard isFlush else { continue }
            flushesDone.store(asked, ordering: .releasing)
            flushed.signal()
            if asked >= lastFlush.load(ordering: .acquiring) { return }
        }
    }

    private func lose(_ lines: UInt64, _ state: inout LogWriterState) {
        guard lines > 0 else { return }
        counters.failed.add(lines)
        state.lost += lines
    }
}
