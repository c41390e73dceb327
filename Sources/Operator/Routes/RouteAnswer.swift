// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTPRouting
internal import Mesh

/// What a waypoint would do with a request, for people.
package struct RouteAnswer: Equatable, Sendable {
    /// Some of the endpoints.
    package struct Cluster: Equatable, Sendable {
        /// The name, as Istio writes it; `invalid` for a backend that does not exist.
        package let name: String
        /// The share of requests, in percent.
        package internal(set) var share: Double
        /// Address and workload of each endpoint.
        package let endpoints: [String]
        let weight: UInt64
    }

    /// The request.
    package let request: String
    /// The waypoint that would see it.
    package internal(set) var waypoint = ""
    /// The object and the field of the rule; empty when no rule says anything.
    package private(set) var object = ""
    /// The field of the object that holds the rule.
    package private(set) var field = ""
    /// The file and line of the rule.
    package private(set) var place = ""
    /// What happens, in a few words.
    package private(set) var outcome = ""
    /// What is done on the way, in this order, one line each.
    package private(set) var steps: [String] = []
    /// Where it may go.
    package private(set) var clusters: [Cluster] = []

    init(request: String) {
        self.request = request
    }

    mutating func describe(
        _ outcome: RouteDecision.Outcome, _ rule: RouteRule?, origin: RouteOrigin, place: String
    ) {
        switch outcome {
        case .forward:
            self.outcome = origin.object.isEmpty ? "forward to the service, no route says otherwise" : "forward"
        case .redirect: self.outcome = "redirect"
        case .respond: self.outcome = "answer without a backend"
        case .noRoute: self.outcome = "404, no rule of the service's routes matches"
        case .invalidBackend: self.outcome = "500, the rule has no valid backend"
        }
        guard outcome != .noRoute, !origin.object.isEmpty else { return }
        object = origin.object
        field = origin.field + (origin.name.isEmpty ? "" : " (\(origin.name))")
        self.place = place
        guard let rule else { return }
        switch rule.action {
        case .redirect(let redirect): self.outcome = Self.text(redirect)
        case .respond(let response): self.outcome = "answer \(response.status), \(response.body.count) bytes"
        case .forward, .fail: break
        }
        steps = Self.steps(rule)
    }

    mutating func add(
        _ cluster: ClusterIndex?, weight: UInt64, _ table: borrowing RouteTable, _ snapshot: MeshSnapshot
    ) {
        var endpoints: [String] = []
        if let cluster {
            endpoints = table.candidates(of: cluster).map { endpoint in
                let record = snapshot[endpoint.workload]
                let way = endpoint.tunnelProtocol == .hbone ? "HBONE" : "TCP"
                return "\(endpoint.address) \(snapshot[record.namespace])/\(snapshot[record.name]) \(way)"
            }
        }
        clusters.append(
            Cluster(
                name: cluster.map { table.name(of: $0) } ?? "invalid", share: 0, endpoints: endpoints, weight: weight))
        let total = clusters.reduce(0) { $0 + $1.weight }
        for index in clusters.indices {
            clusters[index].share = total == 0 ? 0 : Double(clusters[index].weight) * 100 / Double(total)
        }
    }

    // MARK: - The way of a request: faults, CORS, changes, time, copies

    private static func steps(_ rule: RouteRule) -> [String] {
        var steps: [String] = []
        let fault = rule.fault
        if fault.delayPartsPerMillion > 0 {
            steps.append("delay \(percent(fault.delayPartsPerMillion)) by \(time(fault.delay))")
        }
        if fault.abortPartsPerMillion > 0 {
            let status =
                switch fault.abort {
                case .http(let code): "\(code)"
                case .grpc(let code): "gRPC status \(code)"
                }
            steps.append("abort \(percent(fault.abortPartsPerMillion)) with \(status)")
        }
        if let cors = rule.filters.cors {
            steps.append("CORS for \(cors.allowOrigins.map(text).joined(separator: ", "))")
        }
        steps += changes(rule.filters)
        if case .forward(let backends) = rule.action {
            for backend in backends {
                guard case .service(let target) = backend.target else { continue }
                steps += changes(backend.filters).map { "for \(name(target)): \($0)" }
            }
        }
        if let timeout = rule.requestTimeout { steps.append("time-out \(time(timeout)) over all tries") }
        if let timeout = rule.tryTimeout { steps.append("time-out \(time(timeout)) of each try") }
        if let retry = rule.retry, retry.attempts > 0 { steps.append("up to \(retry.attempts) retries") }
        return steps
    }

    private static func changes(_ filters: RouteFilters) -> [String] {
        var result: [String] = []
        if let host = filters.rewrite?.host { result.append("rewrite authority to \(host)") }
        if let path = filters.rewrite?.path { result.append("rewrite path, \(text(path))") }
        result += operations(filters.request, "request")
        result += operations(filters.response, "response")
        result += filters.mirrors.map { "mirror \(percent($0.partsPerMillion)) to \(name($0.target))" }
        return result
    }

    private static func operations(_ operations: HeaderOperations, _ what: String) -> [String] {
        operations.remove.map { "\(what) header \($0) removed" }
            + operations.set.map { "\(what) header \($0.name) set to \($0.value)" }
            + operations.add.map { "\(what) header \($0.name) added: \($0.value)" }
    }

    private static func name(_ target: BackendReference) -> String {
        "\(target.service.hostname):\(target.port)" + (target.subset.map { " subset \($0)" } ?? "")
    }

    private static func text(_ redirect: Redirect) -> String {
        var parts = ["redirect \(redirect.status)"]
        if let scheme = redirect.scheme { parts.append("scheme \(scheme)") }
        if let host = redirect.host { parts.append("host \(host)") }
        if case .number(let port) = redirect.port { parts.append("port \(port)") }
        if let path = redirect.path { parts.append("path \(text(path))") }
        return parts.joined(separator: ", ")
    }

    private static func text(_ path: PathRewrite) -> String {
        switch path {
        case .full(let text): "to \(text)"
        case .elements(let text), .matched(let text): "the matched prefix to \(text)"
        case .regex(let pattern, let substitution): "\(pattern) to \(substitution)"
        }
    }

    private static func text(_ match: TextMatch) -> String {
        switch match {
        case .exact(let text): text
        case .prefix(let text): "\(text)*"
        case .suffix(let text): "*\(text)"
        case .regex(let text): "~\(text)"
        case .presence: "*"
        }
    }

    private static func percent(_ partsPerMillion: UInt32) -> String {
        let whole = partsPerMillion / 10_000
        let rest = String(partsPerMillion % 10_000)
        if rest == "0" { return "\(whole) %" }
        var digits = String(repeating: "0", count: 4 - rest.utf8.count) + rest
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(whole).\(digits) %"
    }

    private static func time(_ time: Nanoseconds) -> String {
        time.count % 1_000_000_000 == 0 ? "\(time.count / 1_000_000_000)s" : "\(time.count / 1_000_000)ms"
    }
}
