// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Telemetry
import Testing

@Suite("LogLines")
struct LogLinesTests {
    static let time: Int64 = 1_712_849_922_182_974_000

    private func lines(_ format: LogFormat, capacity: Int = 8_192, _ write: (inout LogLines) -> Void) -> String {
        var lines = LogLines(capacity: capacity, format: format)
        write(&lines)
        return String(decoding: lines.bytes)
    }

    static func record(_ event: AccessRecord.Event = .complete) throws -> AccessRecord {
        var record = AccessRecord(
            event, .source, source: try #require(SocketAddress("10.244.0.24:46238")),
            destination: try #require(SocketAddress("10.244.0.42:15008")))
        record.source.workload = "shell-6d8bcd654d-t88gp"
        record.source.namespace = "default"
        record.source.identity = "spiffe://cluster.local/ns/default/sa/default"
        record.authority = "10.96.108.116:80"
        record.destinationService = "echo.default.svc.cluster.local"
        record.bytesSent = 67
        record.bytesReceived = 490
        record.duration = .milliseconds(13)
        return record
    }

    @Test("ztunnel §8.2: the complete line is ztunnel's, byte for byte")
    func completeText() throws {
        let record = try Self.record()
        let expected = [
            "2024-04-11T15:38:42.182974Z", "info", "access", "connection complete",
            [
                "src.addr=10.244.0.24:46238", "src.workload=\"shell-6d8bcd654d-t88gp\"", "src.namespace=\"default\"",
                "src.identity=\"spiffe://cluster.local/ns/default/sa/default\"", "dst.addr=10.244.0.42:15008",
                "dst.hbone_addr=10.96.108.116:80", "dst.service=\"echo.default.svc.cluster.local\"",
                "direction=\"outbound\"", "bytes_sent=67", "bytes_recv=490", "duration=\"13ms\"",
            ].joined(separator: " "),
        ].joined(separator: "\t")
        #expect(lines(.text) { $0.append(record, at: Self.time) } == expected + "\n")
    }

    @Test("ztunnel §8.2: all fields come in ztunnel's order")
    func fieldOrder() throws {
        var record = try Self.record()
        record.reporter = .destination
        record.source.cluster = "Kubernetes"
        record.destination = AccessPeer(workload: "w", namespace: "n", identity: "spiffe://i", cluster: "c")
        record.authority = "echo.default:80"
        record.error = "closed"
        let text = lines(.text) { $0.append(record, at: Self.time) }
        let names = text.split(separator: "\t")[4].split(separator: " ").map { $0.split(separator: "=")[0] }
        #expect(
            names == [
                "src.addr", "src.workload", "src.namespace", "src.identity", "src.cluster", "dst.addr",
                "dst.hbone_addr", "dst.service", "dst.workload", "dst.namespace", "dst.identity", "dst.cluster",
                "direction", "bytes_sent", "bytes_recv", "duration", "error",
            ])
        #expect(text.contains("\terror\taccess\tconnection complete\t"))
        #expect(text.contains(" dst.hbone_addr=echo.default:80 "))
        #expect(text.contains(" direction=\"inbound\" "))
    }

    @Test("ztunnel §8.2: an early refusal shows the addresses, the direction and the error only")
    func failedText() throws {
        var record = try Self.record(.failed)
        record.error = "unknown source: 10.244.0.24"
        #expect(
            lines(.text) { $0.append(record, at: Self.time) }
                == "2024-04-11T15:38:42.182974Z\twarn\taccess\tconnection failed\tsrc.addr=10.244.0.24:46238 "
                + "dst.addr=10.244.0.42:15008 direction=\"outbound\" error=\"unknown source: 10.244.0.24\"\n")
    }

    @Test("JSON lines have level, time, scope and message first, and numbers as numbers")
    func completeJSON() throws {
        var record = try Self.record()
        record.source = AccessPeer()
        let expected =
            #"{"level":"info","time":"2024-04-11T15:38:42.182974Z","scope":"access","message":"connection complete","#
            + #""src.addr":"10.244.0.24:46238","dst.addr":"10.244.0.42:15008","dst.hbone_addr":"10.96.108.116:80","#
            + #""dst.service":"echo.default.svc.cluster.local","direction":"outbound","bytes_sent":67,"bytes_recv":490,"#
            + #""duration":"13ms"}"# + "\n"
        #expect(lines(.json) { $0.append(record, at: Self.time) } == expected)
    }

    @Test(
        "A hostile value stays inside its quotes",
        arguments: [
            ("a\"b", #"a\"b"#, #"a\"b"#),
            ("a\\b", #"a\\b"#, #"a\\b"#),
            ("a\nb\tc\r", #"a\nb\tc\r"#, #"a\nb\tc\r"#),
            ("\u{1b}[2J", #"\u{1b}[2J"#, #"\u001b[2J"#),  // clears a terminal
            ("\u{0}\u{7f}", #"\u{0}\u{7f}"#, #"\u0000\u007f"#),
            ("\u{9b}1m", #"\u{9b}1m"#, #"\u009b1m"#),  // C1: the eight-bit CSI
            ("a\u{202e}b", #"a\u{202e}b"#, #"a\u202eb"#),  // right-to-left override
            ("\u{feff}\u{200b}\u{2028}", #"\u{feff}\u{200b}\u{2028}"#, #"\ufeff\u200b\u2028"#),
            ("grüße € 🙂 \u{a0}", "grüße € 🙂 \u{a0}", "grüße € 🙂 \u{a0}"),
            ("", "", ""),
        ])
    func escaping(value: String, text: String, json: String) {
        #expect(
            lines(.text) { line in
                line.begin(.info, .main, "m", at: 0)
                line.field("k", value)
                line.end()
            } == "1970-01-01T00:00:00.000000Z\tinfo\tmain\tm\tk=\"\(text)\"\n")
        #expect(
            lines(.json) { line in
                line.begin(.info, .main, "m", at: 0)
                line.field("k", value)
                line.end()
            }.hasSuffix(",\"k\":\"\(json)\"}\n"))
    }

    @Test("A message cannot begin another line")
    func hostileMessage() {
        let text = lines(.text) { line in
            line.begin(.warn, .config, "bad\n2024-01-01T00:00:00Z\tinfo \"x\"", at: 0)
            line.end()
        }
        #expect(text == "1970-01-01T00:00:00.000000Z\twarn\tconfig\tbad\\n2024-01-01T00:00:00Z\\tinfo \"x\"\n")
    }

    @Test("A value longer than a SPIFFE ID can be is cut between characters")
    func longValue() {
        let text = lines(.text) { line in
            line.begin(.info, .main, "m", at: 0)
            line.field("k", String(repeating: "a", count: 2_047) + "€" + String(repeating: "b", count: 9))
            line.end()
        }
        #expect(text.hasSuffix("\"" + String(repeating: "a", count: 2_047) + "…\"\n"))
    }

    @Test("A line that does not fit is taken back as a whole and counted", arguments: [60, 100, 200, 300])
    func bounded(capacity: Int) throws {
        let record = try Self.record()
        var lines = LogLines(capacity: capacity, format: .text)
        lines.begin(.info, .main, "first", at: 0)  // 44 bytes
        lines.end()
        lines.append(record, at: 0)
        #expect(String(decoding: lines.bytes) == "1970-01-01T00:00:00.000000Z\tinfo\tmain\tfirst\n")
        #expect(lines.droppedLines == 1)
        lines.removeAll()
        #expect(lines.droppedLines == 0 && lines.isEmpty)
    }
}
