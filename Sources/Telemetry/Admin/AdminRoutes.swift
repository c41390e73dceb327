// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What the admin server answers, by port, method and path.
package struct AdminRoutes: Sendable {
    /// Makes an answer, on the server's thread; it should take milliseconds, and must not wait for a client.
    package typealias Handler = @Sendable (AdminRequest) -> AdminResponse

    /// Which of the three ports.
    package enum Port: UInt8, CaseIterable, Sendable {
        /// Loopback only: state, log levels, shutdown.
        case admin
        /// Metrics, for Prometheus.
        case metrics
        /// Readiness, for the kubelet.
        case readiness

        /// The word in messages.
        package var name: String {
            switch self {
            case .admin: "admin"
            case .metrics: "metrics"
            case .readiness: "readiness"
            }
        }
    }

    private struct Route: Sendable {
        let port: Port
        let method: String
        let path: String
        let help: String
        let handler: Handler
    }

    private var routes: [Route] = []

    /// No routes.
    package init() {}

    /// Answers `GET path` on `port`; `help` is shown by the index page.
    package mutating func get(_ port: Port, _ path: String, help: String, _ handler: @escaping Handler) {
        routes.append(Route(port: port, method: "GET", path: path, help: help, handler: handler))
    }

    /// Answers `POST path` on `port`.
    package mutating func post(_ port: Port, _ path: String, help: String, _ handler: @escaping Handler) {
        routes.append(Route(port: port, method: "POST", path: path, help: help, handler: handler))
    }

    /// The answer to `request`: 404 for a path that is not there, 405 for a method that it does not take.
    package func respond(_ port: Port, _ request: AdminRequest) -> AdminResponse {
        let here = routes.filter { $0.port == port && $0.path == request.path }
        if let route = here.first(where: { $0.method == request.method }) { return route.handler(request) }
        if request.path == "/", request.method == "GET" { return .text(index(port)) }
        guard let other = here.first else { return .text("not found; / lists what is here\n", status: 404) }
        return .text("use \(other.method)\n", status: 405)
    }

    /// One line per route.
    private func index(_ port: Port) -> String {
        let width = routes.filter { $0.port == port }.map(\.path.count).max() ?? 0
        return routes.filter { $0.port == port }.map { route in
            let method = route.method == "GET" ? "GET " : "POST"
            return "\(method) \(route.path)\(String(repeating: " ", count: width - route.path.count))  \(route.help)\n"
        }.joined()
    }
}
