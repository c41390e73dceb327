// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Foundation
import Telemetry
import Testing

@Suite("AdminRoutes of a tunnel")
struct AdminRoutesTests {
    private let levels = LogLevels()
    private let readiness = Readiness(pending: ["configuration", "pods"])
    private let registry = MetricRegistry()

    private func routes(_ tables: AdminRoutes.Tables = AdminRoutes.Tables()) -> AdminRoutes {
        .tunnel(
            registry: registry, readiness: readiness, levels: levels, tables: tables, version: "1.2.3", quit: {})
    }

    private func body(_ response: AdminResponse) -> String { String(decoding: response.body, as: UTF8.self) }

    @Test("ztunnel §8.4: readiness says what is pending, then ready, then what is missing again")
    func ready() {
        let routes = routes()
        let request = AdminRequest(path: "/healthz/ready")
        #expect(routes.respond(.readiness, request).status == 503)
        #expect(body(routes.respond(.readiness, request)) == "not ready, pending: configuration, pods\n")
        readiness.done("pods")
        readiness.done("configuration")
        #expect(body(routes.respond(.readiness, request)) == "ready\n")
        readiness.require("pods")
        #expect(routes.respond(.readiness, request).status == 503)
    }

    @Test("Log levels are shown, set and reset; a bad one changes nothing")
    func logging() {
        let routes = routes()
        let set = AdminRequest(method: "POST", path: "/logging", query: [("level", "warn,access:off")])
        #expect(body(routes.respond(.admin, set)).hasPrefix("{\"access\":\"off\",\"main\":\"warn\","))
        let bad = AdminRequest(method: "POST", path: "/logging", query: [("level", "loud")])
        #expect(routes.respond(.admin, bad).status == 400)
        #expect(levels.level(of: .main) == .warn)
        _ = routes.respond(.admin, AdminRequest(method: "POST", path: "/logging", query: [("reset", "")]))
        #expect(levels.level(of: .main) == .info && levels.level(of: .access) == .info)
    }

    @Test("State and shutdown are on the admin port only", arguments: [AdminRoutes.Port.metrics, .readiness])
    func loopbackOnly(port: AdminRoutes.Port) {
        for path in ["/config_dump", "/connections", "/certificates", "/quitquitquit", "/logging"] {
            for method in ["GET", "POST"] {
                #expect(routes().respond(port, AdminRequest(method: method, path: path)).status == 404)
            }
        }
    }

    @Test("Metrics come in the format that Accept asks for")
    func metrics() {
        var request = AdminRequest(path: "/metrics")
        #expect(routes().respond(.metrics, request).contentType == "text/plain; version=0.0.4; charset=utf-8")
        request.accept = "application/openmetrics-text;version=1.0.0"
        let response = routes().respond(.metrics, request)
        #expect(response.contentType.hasPrefix("application/openmetrics-text"))
        #expect(body(response).hasSuffix("# EOF\n"))
    }

    @Test("The dump is one JSON object with all tables")
    func dump() throws {
        var tables = AdminRoutes.Tables()
        tables.workloads = {
            var row = WorkloadRow()
            row.name = "a\"\\\n\u{1}é"
            row.addresses = ["10.0.0.1", "::1"]
            return [row, WorkloadRow()]
        }
        tables.certificates = {
            var row = CertificateRow()
            row.notAfterUnixSeconds = 1_712_849_922
            return [row]
        }
        tables.settings = { [("connect-timeout", "10s")] }
        let response = routes(tables).respond(.admin, AdminRequest(path: "/config_dump"))
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any])
        let workloads = try #require(object["workloads"] as? [[String: Any]])
        #expect(workloads.count == 2)
        #expect(workloads[0]["name"] as? String == "a\"\\\n\u{1}é")
        #expect(workloads[0]["workloadIps"] as? [String] == ["10.0.0.1", "::1"])
        let certificates = try #require(object["certificates"] as? [[String: Any]])
        #expect(certificates[0]["expirationTime"] as? String == "2024-04-11T15:38:42Z")
        #expect((object["config"] as? [String: String])?["connect-timeout"] == "10s")
        #expect(object["version"] as? String == "1.2.3")
        #expect(object.keys.count == 7)
    }
}
