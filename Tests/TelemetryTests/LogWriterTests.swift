// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Foundation
import LinuxIO
import Telemetry
import Testing

@Suite("LogWriter")
struct LogWriterTests {
    private func configuration(_ output: LogOutput, laneBytes: Int = 1 << 16) -> LogWriter.Configuration {
        var configuration = LogWriter.Configuration()
        configuration.output = output
        configuration.laneBytes = laneBytes
        return configuration
    }

    private func dropped(_ registry: MetricRegistry, _ reason: String) -> UInt64 {
        let text = String(decoding: registry.render(.prometheus, now: MonotonicTime(nanoseconds: 0)), as: UTF8.self)
        let prefix = "ambit_log_lines_dropped_total{reason=\"\(reason)"
        let line = text.split(separator: "\n").first { $0.hasPrefix(prefix) }
        return line.flatMap { UInt64($0.split(separator: " ")[1]) } ?? 0
    }

    @Test("Lines of all lanes are written, those of one lane in order")
    func lanes() throws {
        let pipe = TestPipe()
        let writer = try LogWriter(
            configuration(.descriptor(pipe.writeEnd)), levels: LogLevels(), registry: MetricRegistry())
        let first = writer.makeLane()
        let second = writer.makeLane()
        for number in 0..<50 {
            first.log(.info, .main, "first", at: 0) { $0.field("n", UInt64(number)) }
            second.log(.info, .main, "second", at: 0) { $0.field("n", UInt64(number)) }
        }
        first.log(.debug, .main, "not at this level")
        #expect(writer.stop(milliseconds: 10_000))
        let lines = pipe.drain().split(separator: "\n")
        #expect(lines.count == 100)
        for name in ["first", "second"] {
            let numbers = lines.filter { $0.contains("\t\(name)\t") }.map { $0.split(separator: "=")[1] }
            #expect(numbers == (0..<50).map { Substring("\($0)") })
        }
    }

    @Test("A full pipe stops the writer and not the producers; lost lines are counted and told of")
    func fullPipe() throws {
        let pipe = TestPipe()
        let registry = MetricRegistry()
        let writer = try LogWriter(
            configuration(.descriptor(pipe.writeEnd)), levels: LogLevels(), registry: registry)
        let lane = writer.makeLane()
        let record = try LogLinesTests.record()
        // The pipe takes 64 KiB, the lane and the batch in the writer's hand as much each: 20,000 lines are 7 MB.
        let start = MonotonicClock.now()
        for _ in 0..<20_000 { lane.access(record, at: 0) }
        // Nobody reads: a producer that waited would wait for ever.
        #expect(MonotonicClock.now() - start < .seconds(120))
        #expect(!writer.flush(milliseconds: 50))
        var text = pipe.drain()
        while !writer.flush(milliseconds: 20) { text += pipe.drain() }
        text += pipe.drain()
        lane.log(.info, .main, "after")
        #expect(writer.stop(milliseconds: 10_000))
        text += pipe.drain()
        let lines = text.split(separator: "\n")
        let written = lines.count { $0.contains("\tconnection complete\t") }
        let lost = dropped(registry, "queue_full")
        #expect(lost > 0)
        #expect(UInt64(written) + lost == 20_000)
        let told = lines.filter { $0.contains("log lines dropped") }
            .compactMap { $0.split(separator: "=").last.flatMap { UInt64($0) } }
        #expect(told.reduce(0, +) == lost)
        #expect(lines.last?.hasSuffix("\tinfo\tmain\tafter") == true)
        #expect(lines.allSatisfy { $0.hasPrefix("1970-") || $0.hasPrefix("20") })
    }

    @Test("A reader that went away costs lines, not the process")
    func brokenPipe() throws {
        let pipe = TestPipe()
        pipe.closeReader()
        let registry = MetricRegistry()
        let writer = try LogWriter(
            configuration(.descriptor(pipe.writeEnd)), levels: LogLevels(), registry: registry)
        let lane = writer.makeLane()
        for _ in 0..<10 {
            lane.log(.info, .main, "nobody reads this")
            #expect(writer.flush(milliseconds: 10_000))
        }
        #expect(dropped(registry, "output_failed") == 10)
        #expect(writer.stop(milliseconds: 10_000))
    }

    @Test("A full disk costs lines, is counted, and nothing waits for it")
    func noSpace() throws {
        let registry = MetricRegistry()
        let writer = try LogWriter(configuration(.file("/dev/full")), levels: LogLevels(), registry: registry)
        let lane = writer.makeLane()
        for _ in 0..<10 { lane.log(.info, .main, "no room") }
        #expect(writer.stop(milliseconds: 10_000))
        #expect(dropped(registry, "output_failed") == 10)
    }

    @Test("A file is appended to")
    func file() throws {
        let path = NSTemporaryDirectory() + "/ambit-log-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        for text in ["one", "two"] {
            let writer = try LogWriter(configuration(.file(path)), levels: LogLevels(), registry: MetricRegistry())
            writer.makeLane().log(.info, .main, text, at: 0)
            #expect(writer.stop(milliseconds: 10_000))
        }
        let expected = "1970-01-01T00:00:00.000000Z\tinfo\tmain\tone\n1970-01-01T00:00:00.000000Z\tinfo\tmain\ttwo\n"
        #expect(try String(contentsOfFile: path, encoding: .utf8) == expected)
    }

    @Test("An output that cannot be opened is an error at the start")
    func unopenable() {
        #expect(throws: SystemError.self) {
            try LogWriter(configuration(.file("/nonexistent/log")), levels: LogLevels(), registry: MetricRegistry())
        }
    }

    @Test("Many threads that log at once lose nothing that had room")
    func contention() async throws {
        let pipe = TestPipe()
        let registry = MetricRegistry()
        let writer = try LogWriter(
            configuration(.descriptor(pipe.writeEnd), laneBytes: 1 << 20), levels: LogLevels(), registry: registry)
        let shared = writer.makeLane()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for number in 0..<200 { shared.log(.info, .proxy, "x") { $0.field("n", UInt64(number)) } }
                }
            }
        }
        var text = ""
        while !writer.flush(milliseconds: 20) { text += pipe.drain() }
        #expect(writer.stop(milliseconds: 10_000))
        text += pipe.drain()
        #expect(text.split(separator: "\n").count == 800)
    }
}
