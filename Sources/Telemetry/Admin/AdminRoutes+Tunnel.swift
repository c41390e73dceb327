// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO

extension AdminRoutes {
    /// Where the tables of a running tunnel come from; each is called on the admin server's thread.
    package struct Tables: Sendable {
        /// Workloads of the mesh.
        package var workloads: @Sendable () -> [WorkloadRow] = { [] }
        /// Services of the mesh.
        package var services: @Sendable () -> [ServiceRow] = { [] }
        /// Policies of the mesh.
        package var policies: @Sendable () -> [PolicyRow] = { [] }
        /// Certificates held.
        package var certificates: @Sendable () -> [CertificateRow] = { [] }
        /// Connections open now; asks the workers, with a bound on the time it waits for them.
        package var connections: @Sendable () -> [ConnectionRow] = { [] }
        /// The settings in force, by the name of their flag.
        package var settings: @Sendable () -> [(name: String, value: String)] = { [] }

        /// Empty tables.
        package init() {}
    }

    /// All that a tunnel answers on its three ports.
    ///
    /// - Parameters:
    ///   - version: shown by `/config_dump`.
    ///   - quit: what `POST /quitquitquit` does; it starts the drain and returns at once.
    package static func tunnel(
        registry: MetricRegistry, readiness: Readiness, levels: LogLevels, tables: Tables, version: String,
        quit: @escaping @Sendable () -> Void
    ) -> AdminRoutes {
        var routes = AdminRoutes()
        routes.addTables(tables, version: version)
        routes.addLogging(levels)
        routes.post(.admin, "/quitquitquit", help: "drain, then end") { _ in
            quit()
            return .text("shutdown now\n")
        }
        routes.addMetrics(registry, on: .admin)
        routes.addMetrics(registry, on: .metrics)
        routes.get(.readiness, "/healthz/ready", help: "200 when ready, else 503 and why") { _ in readiness.response }
        routes.get(.admin, "/healthz/ready", help: "200 when ready, else 503 and why") { _ in readiness.response }
        return routes
    }

    private mutating func addTables(_ tables: Tables, version: String) {
        func table(_ rows: @escaping @Sendable () -> [some AdminRow]) -> Handler {
            { request in
                let namespace = request["namespace"]
                return .json { json in
                    json.array { json in
                        for row in rows() where namespace == nil || row.chosenBy == nil || row.chosenBy == namespace {
                            row.write(to: &json)
                        }
                    }
                }
            }
        }
        get(.admin, "/workloads", help: "workloads as JSON", table(tables.workloads))
        get(.admin, "/services", help: "services as JSON", table(tables.services))
        get(.admin, "/policies", help: "policies as JSON", table(tables.policies))
        get(.admin, "/certificates", help: "certificates as JSON", table(tables.certificates))
        get(.admin, "/connections", help: "connections open now as JSON", table(tables.connections))
        get(.admin, "/config_dump", help: "all of these and the settings as JSON") { _ in
            .json { json in
                json.object { json in
                    json.member("version", version)
                    json.name("config")
                    json.object { json in
                        for (name, value) in tables.settings() { json.member(name, value) }
                    }
                    Self.member("workloads", tables.workloads(), &json)
                    Self.member("services", tables.services(), &json)
                    Self.member("policies", tables.policies(), &json)
                    Self.member("certificates", tables.certificates(), &json)
                    Self.member("connections", tables.connections(), &json)
                }
            }
        }
    }

    private static func member(_ name: String, _ rows: [some AdminRow], _ json: inout JSONWriter) {
        json.name(name)
        json.array { json in for row in rows { row.write(to: &json) } }
    }

    private mutating func addLogging(_ levels: LogLevels) {
        get(.admin, "/logging", help: "log levels by scope as JSON") { _ in Self.levels(levels) }
        post(.admin, "/logging", help: "?level=info,access:debug sets log levels, ?reset goes back to the start's") {
            request in
            if request["reset"] != nil { levels.reset() }
            if let text = request["level"] {
                do {
                    try levels.apply(text)
                } catch {
                    return .text("\(error)\n", status: 400)
                }
            }
            return Self.levels(levels)
        }
    }

    private static func levels(_ levels: LogLevels) -> AdminResponse {
        .json { json in
            json.object { json in
                for scope in LogScope.allCases { json.member(scope.name, levels.level(of: scope).name) }
            }
        }
    }

    /// Serves the metrics of `registry`.
    package mutating func addMetrics(_ registry: MetricRegistry, on port: Port) {
        for path in ["/metrics", "/stats/prometheus"] {
            get(port, path, help: "metrics for Prometheus") { request in
                let format = Exposition.Format(accept: request.accept)
                let body = registry.render(format, now: MonotonicClock.now())
                return AdminResponse(contentType: format.contentType, body: body)
            }
        }
    }
}
