// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Foundation
import Telemetry
import Testing

/// The commands that ask a running tunnel, against a real admin port.
@Suite("ambit-tunnel queries")
struct QueryTests {
    private static func tables() -> AdminRoutes.Tables {
        var tables = AdminRoutes.Tables()
        tables.workloads = {
            var row = WorkloadRow()
            row.namespace = "default"
            row.name = "client"
            row.addresses = ["10.0.0.1", "fd00::1"]
            row.node = "node1"
            row.tunnelProtocol = "HBONE"
            row.status = "Healthy"
            var other = WorkloadRow()
            other.namespace = "other"
            other.name = "plain"
            other.tunnelProtocol = "TCP"
            other.notes = ["not enrolled: \"no label\"\u{1b}[2J"]
            return [row, other]
        }
        tables.policies = {
            var row = PolicyRow()
            row.kind = "AuthorizationPolicy"
            row.namespace = "default"
            row.name = "deny-all"
            row.action = "Deny"
            row.isDryRun = true
            row.notes = ["selects no workload"]
            return [row]
        }
        tables.connections = {
            let address = SocketAddress(ip: .loopbackV4, port: 1234)
            var row = ConnectionRow(.source, source: address, destination: address, transport: address)
            row.namespace = "default"
            row.workload = "client"
            row.bytesSent = 1_536
            row.age = .seconds(90)
            return [row]
        }
        return tables
    }

    private func ask(_ words: String...) throws -> CommandLineTool.Result {
        let levels = LogLevels()
        let routes = AdminRoutes.tunnel(
            registry: MetricRegistry(), readiness: Readiness(pending: []), levels: levels, tables: Self.tables(),
            version: "1", quit: {})
        let server = try AdminServer(
            [AdminServer.Endpoint(.admin, SocketAddress(ip: .loopbackV4, port: 0))], routes)
        defer { server.stop() }
        return try CommandLineTool.run(words, environment: ["AMBIT_ADMIN": server.addresses[0].description])
    }

    @Test("Tables have a heading and one lined-up row each")
    func table() throws {
        let result = try ask("workloads")
        #expect(result.errors.isEmpty)
        #expect(
            result.output == """
                NAMESPACE   POD NAME   ADDRESS             NODE    WAYPOINT   PROTOCOL   STATUS    NOTES
                default     client     10.0.0.1, fd00::1   node1   None       HBONE      Healthy   -
                other       plain      -                   -       None       TCP        -         not enrolled: "no label"?[2J

                """)
    }

    @Test("A namespace chooses rows, in tables and in JSON")
    func namespace() throws {
        #expect(try ask("workloads", "-n", "other").output.split(separator: "\n").count == 2)
        let json = try ask("workloads", "-n", "other", "-o", "json").output
        let rows = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]]
        #expect(rows?.map { $0["name"] as? String } == ["plain"])
    }

    @Test("A policy without effect is listed with the reason")
    func policies() throws {
        let line = try ask("policies").output.split(separator: "\n").last
        #expect(line?.contains("Deny (dry run)") == true)
        #expect(line?.hasSuffix("selects no workload") == true)
    }

    @Test("Connections show bytes and age as people read them")
    func connections() throws {
        let line = try #require(try ask("connections").output.split(separator: "\n").last)
        #expect(line.contains("default/client") && line.contains("   1m30s   1.5Ki   0"))
    }

    @Test("Log levels are shown and changed")
    func log() throws {
        #expect(try ask("log").output.hasPrefix("SCOPE           LEVEL\naccess          info\n"))
        #expect(
            try ask("log", "--level", "warn,access:debug").output.contains(
                "access          debug\nmain            warn\n"))
        #expect(try ask("log", "--level", "trace", "--reset", "-o", "json").output.hasPrefix("{\"access\":\"trace\""))
    }

    @Test("A refusal by the tunnel is told in one line")
    func refused() throws {
        let server = try AdminServer(
            [AdminServer.Endpoint(.admin, SocketAddress(ip: .loopbackV4, port: 0))], AdminRoutes())
        defer { server.stop() }
        let result = try CommandLineTool.run(["services", "--admin", server.addresses[0].description])
        #expect(result.status == 1)
        #expect(
            result.errors == "ambit-tunnel services: the tunnel refused with 404: not found; / lists what is here\n")
    }
}
