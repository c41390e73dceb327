// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Foundation
import Telemetry
import Testing

/// docs/operations.md promises every metric, log field and reason; what it lacks, or what it invents, fails here.
@Suite("docs/operations.md")
struct OperationsDocumentTests {
    private static func document() throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: root.appendingPathComponent("docs/operations.md"), encoding: .utf8)
    }

    /// The families of everything that a tunnel registers, as Prometheus sees them.
    private static func families() throws -> [String] {
        let registry = MetricRegistry()
        _ = WorkerMetrics(registry)
        _ = NodeMetrics(registry, version: "1")
        NodeMetrics.addCertificates(to: registry) { [] }
        let connections = TCPTable()
        let policies = PolicyTable()
        registry.addSource { text, now in
            connections.write(to: &text, now: now)
            policies.write(to: &text, now: now)
        }
        let writer = try LogWriter(LogWriter.Configuration(), levels: LogLevels(), registry: registry)
        defer { writer.stop(milliseconds: 1_000) }
        let text = String(decoding: registry.render(.prometheus, now: MonotonicTime(nanoseconds: 0)), as: UTF8.self)
        return text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
            .map { String($0.split(separator: " ")[2]) }
    }

    @Test("Every metric is explained, and no family is written twice")
    func metrics() throws {
        let document = try Self.document()
        let families = try Self.families()
        #expect(Set(families).count == families.count)
        for family in families { #expect(document.contains("`\(family)`"), "\(family) is not explained") }
    }

    @Test("No metric is explained that does not exist")
    func inventedMetrics() throws {
        let families = Set(try Self.families())
        let words = try Self.document().split(whereSeparator: { $0 == "`" || $0 == "{" || $0 == " " || $0 == "\n" })
        for word in words where word.hasPrefix("ambit_") && !word.contains("[") && !word.contains(".") {
            #expect(families.contains(String(word)), "\(word) does not exist")
        }
    }

    @Test("Every reason, scope and level is explained")
    func words() throws {
        let document = try Self.document()
        let words =
            RefusalReason.allCases.map(\.label) + LogScope.allCases.map(\.name) + LogLevel.allCases.map(\.name)
            + ResponseFlags.allCases.map(\.label) + PolicyDecision.allCases.map(\.label)
        for word in words { #expect(document.contains("`\(word)`"), "\(word) is not explained") }
    }

    @Test("Every admin path is explained")
    func paths() throws {
        let routes = AdminRoutes.tunnel(
            registry: MetricRegistry(), readiness: Readiness(pending: []), levels: LogLevels(),
            tables: AdminRoutes.Tables(), version: "", quit: {})
        let document = try Self.document()
        for port in AdminRoutes.Port.allCases {
            let index = String(decoding: routes.respond(port, AdminRequest(path: "/")).body, as: UTF8.self)
            for line in index.split(separator: "\n") {
                let path = line.split(separator: " ")[1]
                #expect(document.contains(path), "\(path) is not explained")
            }
        }
    }
}
