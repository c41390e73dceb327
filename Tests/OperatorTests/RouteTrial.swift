// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import HTTPRouting
internal import Manifest
internal import Mesh

@testable internal import Operator

/// Manifests of routes in a small mesh, and what the table made of them does with requests written as text.
///
/// The mesh: services `a`, `b` and `c` of the namespace `default` with the ports 80 and 81 for HTTP, `t` with 443 (TLS) and 5432 (TCP), `d` of the
/// namespace `other`; of `a` the pods `a-1` (version v1) and `a-2` (version v2); clients `web` in `default` and `guest` in `other`.
final class RouteTrial {
    let content: ConfigurationFolder.Content
    var model: MeshModel { content.model }
    let mesh: MeshSnapshot
    let table: RouteTable

    init(_ manifests: String...) {
        var texts = [(file: "mesh.yaml", text: Self.mesh)]
        for (number, manifest) in manifests.enumerated() { texts.append(("\(number).yaml", manifest)) }
        content = AnalysisInput(texts: texts, isComplete: true).content
        let index = MeshIndex(content.model)
        mesh = index.snapshot(generation: 1)
        var directory = EndpointDirectory()
        table = RouteTable(index, mesh: mesh, directory: &directory, now: MonotonicTime(nanoseconds: 1))
    }

    /// What the reading of the manifests has found, without the file.
    var findings: [String] { content.findings.map { String("\($0)".drop { $0 != ":" }.dropFirst()) } }

    /// Whether one finding, and only one, holds all of these words.
    func finds(_ words: String...) -> Bool {
        findings.count == 1 && words.allSatisfy { findings[0].contains($0) }
    }

    private static let mesh: String = {
        func service(_ name: String, _ address: Int, namespace: String = "default", _ ports: String) -> String {
            """
            {apiVersion: v1, kind: Service, metadata: {name: \(name), namespace: \(namespace)},
             spec: {clusterIP: 10.1.0.\(address), selector: {app: \(name)}, ports: [\(ports)]}}
            ---

            """
        }
        func pod(_ name: String, _ address: Int, namespace: String = "default", _ labels: String) -> String {
            """
            {apiVersion: v1, kind: Pod, metadata: {name: \(name), namespace: \(namespace), labels: {\(labels)}},
             spec: {serviceAccountName: \(name)}, status: {podIP: 10.0.0.\(address)}}
            ---

            """
        }
        let http = "{name: http, port: 80}, {name: http-more, port: 81}"
        return service("a", 1, http) + service("b", 2, http) + service("c", 3, http)
            + service("t", 4, "{name: tls, port: 443}, {name: tcp, port: 5432}")
            + service("d", 5, namespace: "other", http) + pod("a-1", 1, "app: a, version: v1")
            + pod("a-2", 2, "app: a, version: v2") + pod("web", 3, "app: web, tier: front")
            + pod("guest", 4, namespace: "other", "app: guest")
    }()

    // MARK: - Asking

    /// What becomes of a request: `404`, `500`, `302 LOCATION`, `418 CONTENT`, or the service it goes to as `b`, `b:81`, `a/v1`.
    ///
    /// - Parameters:
    ///   - request: `METHOD TARGET name: value; name: value`; `host` is the authority, `scheme` the scheme.
    ///   - client: a pod of the mesh; nil: a stranger.
    func send(
        _ request: String, to service: String = "a", port: UInt16 = 80, by client: String? = nil, seed: UInt64 = 1
    ) -> String {
        guard let decision = decision(request, to: service, port: port, by: client, seed: seed) else {
            return "no scope"
        }
        var response = ResponseHead()
        var scratch = RouteScratch()
        switch decision.outcome {
        case .noRoute: return "404"
        case .invalidBackend: return "500"
        case .redirect:
            table.writeRedirect(decision, for: Self.head(request), into: &response, scratch: &scratch)
            return "\(response.status) " + String(decoding: response.fields.value(of: "location"))
        case .respond:
            table.writeDirectResponse(decision, into: &response)
            return "\(response.status) " + String(decoding: table.directBody(of: decision), as: UTF8.self)
        case .forward: return table.cluster(of: decision).map { name($0) } ?? "none"
        }
    }

    /// A request as it goes out: authority and target, then the fields.
    func filtered(_ request: String, seed: UInt64 = 1) -> [String] {
        guard let decision = decision(request, seed: seed) else { return ["no scope"] }
        var head = Self.head(request)
        var scratch = RouteScratch()
        table.applyRequestFilters(decision, to: &head, scratch: &scratch)
        return [String(decoding: head.authority) + String(decoding: head.target)] + Self.lines(head.fields)
    }

    /// The fields of a response to a request.
    func answered(_ request: String, _ fields: [(String, String)] = []) -> [String] {
        guard let decision = decision(request) else { return ["no scope"] }
        let head = Self.head(request)
        var response = ResponseHead()
        for (name, value) in fields { response.fields.append(name: name.utf8.span, value: value.utf8.span) }
        table.applyResponseFilters(decision, origin: head.fields.value(of: "origin"), to: &response)
        return Self.lines(response.fields)
    }

    /// What is answered to a preflight; nil: it is passed on.
    func preflight(_ request: String) -> [String]? {
        guard let decision = decision(request) else { return ["no scope"] }
        var response = ResponseHead()
        guard table.answerPreflight(decision, Self.head(request), into: &response) else { return nil }
        return Self.lines(response.fields)
    }

    /// Where copies of a request go.
    func mirrored(_ request: String, seed: UInt64 = 1) -> [String] {
        guard let decision = decision(request, seed: seed) else { return ["no scope"] }
        var result: [String] = []
        var position = 0
        while let cluster = table.nextMirror(of: decision, from: &position) { result.append(name(cluster)) }
        return result
    }

    /// How many of so many requests have each outcome.
    func counts(_ request: String, _ number: Int = 2_000) -> [String: Int] {
        var counts: [String: Int] = [:]
        for seed in 0..<number { counts[send(request, seed: UInt64(seed)), default: 0] += 1 }
        return counts
    }

    // MARK: - The rule of a request

    /// The rule, as numbers; nil: there is no scope.
    func rule(_ request: String = "GET /") -> HTTPRouting.RuleRecord? { decision(request).map { table[$0.rule] } }

    /// Its name.
    func ruleName(_ request: String = "GET /") -> String {
        decision(request).map { table.origin(of: $0.rule).name } ?? "no scope"
    }

    /// Whether a try with this outcome may be followed by another.
    func isRetriable(_ outcome: TryOutcome, _ request: String = "GET /") -> Bool {
        guard let decision = decision(request) else { return false }
        return table.isRetriable(outcome, rule: decision.rule)
    }

    /// Whether a response with this status may be followed by another try.
    func isRetriable(status: UInt16, grpc: UInt8? = nil, isRateLimited: Bool = false, _ request: String = "GET /")
        -> Bool
    {
        isRetriable(.response(status: status, grpcStatus: grpc, isRateLimited: isRateLimited), request)
    }

    /// The longest and the shortest of many waits before another try.
    func waits(tries: UInt32) -> (shortest: Nanoseconds, longest: Nanoseconds) {
        guard let decision = decision("GET /") else { return (Nanoseconds(-1), Nanoseconds(-1)) }
        var random = RandomSource(seed: 1)
        let waits = (0..<200).map { _ in table.backoff(rule: decision.rule, tries: tries, random: &random) }
        return (waits.min() ?? Nanoseconds(-1), waits.max() ?? Nanoseconds(-1))
    }

    /// Whether requests go to an endpoint that wants TLS.
    var wantsTLS: Bool {
        decision("GET /").flatMap { table.cluster(of: $0) }.map { table[$0].hasTLS } ?? false
    }

    /// Whether connections wait for a server name.
    func needsServerName(_ service: String, port: UInt16) -> Bool {
        scope(service, port).map { table.needsServerName(in: $0, client(nil)) } ?? false
    }

    /// The endpoint that consistent hashing names for a request.
    func hashed(_ request: String, from source: IPAddress) -> String {
        guard let decision = decision(request), let cluster = table.cluster(of: decision) else { return "none" }
        var random = RandomSource(seed: 1)
        var state = LoadState()
        var query = EndpointQuery(cluster: cluster)
        query.hash = table.hashKey(for: cluster, Self.head(request), from: source, random: &random).value
        let endpoint = table.chooseEndpoint(
            query, now: MonotonicTime(nanoseconds: 1), state: &state, random: &random)
        return endpoint?.address.description ?? "none"
    }

    func decision(
        _ request: String, to service: String = "a", port: UInt16 = 80, by client: String? = nil, seed: UInt64 = 1
    ) -> RouteDecision? {
        guard let scope = scope(service, port) else { return nil }
        var random = RandomSource(seed: seed)
        var scratch = RouteScratch()
        return table.decide(
            Self.head(request), in: scope, from: self.client(client), random: &random, scratch: &scratch)
    }

    /// Where a connection goes that is not HTTP: a service, `closed` (no route) or `invalid`.
    func connect(
        _ service: String, port: UInt16, serverName: String = "", to address: String = "10.1.0.4",
        from source: String = "10.9.0.1", by client: String? = nil, seed: UInt64 = 1
    ) -> String {
        guard let scope = scope(service, port), let address = IPAddress(address), let source = IPAddress(source) else {
            return "no scope"
        }
        var random = RandomSource(seed: seed)
        let facts = StreamFacts(client: self.client(client), source: source, destination: address)
        switch table.decideStream(serverName: serverName.utf8.span, in: scope, facts, random: &random) {
        case .forward(let cluster, _): return name(cluster)
        case .noRoute: return "closed"
        case .invalidBackend: return "invalid"
        }
    }

    func scope(_ service: String, _ port: UInt16) -> RouteScope? {
        let index = mesh.services.records.firstIndex { mesh[$0.name] == service }
        return index.flatMap { table.scope(service: ServiceIndex(UInt32($0)), port: port) }
    }

    func client(_ pod: String?) -> RouteClient {
        let index = pod.flatMap { name in mesh.workloads.records.firstIndex { mesh[$0.name] == name } }
        let namespace = index.map { mesh[mesh.workloads.records[$0].namespace] } ?? ""
        return table.client(namespace: namespace, workload: index.map { WorkloadIndex(UInt32($0)) })
    }

    private func name(_ cluster: ClusterIndex) -> String {
        let record = table[cluster]
        let subset = table.subset(of: cluster)
        let port = record.port == 80 ? "" : ":\(record.port)"
        return mesh[mesh[record.service].name] + port + (subset.isEmpty ? "" : "/" + subset)
    }

    // MARK: - Text

    static func head(_ text: String) -> RequestHead {
        var head = RequestHead()
        let words = text.split(separator: " ", maxSplits: 2).map(String.init)
        head.setScheme("http".utf8.span)
        head.setAuthority("a.example".utf8.span)
        head.setMethod(words[0].utf8.span)
        head.setTarget(words[1].utf8.span)
        guard words.count == 3 else { return head }
        for field in words[2].split(separator: ";") {
            let parts = field.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0].drop { $0 == " " })
            let value = String(parts[1].drop { $0 == " " })
            switch name {
            case "host": head.setAuthority(value.utf8.span)
            case "scheme": head.setScheme(value.utf8.span)
            default: head.fields.append(name: name.utf8.span, value: value.utf8.span)
            }
        }
        return head
    }

    private static func lines(_ fields: borrowing FieldList) -> [String] {
        (0..<fields.count).map { "\(String(decoding: fields.name($0))): \(String(decoding: fields.value($0)))" }
    }
}

// MARK: - Manifests

/// A route of the Gateway API for service `a`.
func gatewayRoute(
    _ rules: String, kind: String = "HTTPRoute", name: String = "r", namespace: String = "default", spec: String = "",
    parent: String = "name: a, namespace: default", metadata: String = ""
) -> String {
    """
    {apiVersion: gateway.networking.k8s.io/v1, kind: \(kind), metadata: {name: \(name), namespace: \(namespace)\(metadata)},
     spec: {\(spec) parentRefs: [{group: "", kind: Service, \(parent)}], rules: \(rules)}}
    """
}

/// An HTTPRoute for service `a`: requests that meet the match go to `b`, others are answered 404.
func matching(_ match: String) -> RouteTrial {
    RouteTrial(gatewayRoute("[{matches: [\(match)], backendRefs: [{name: b, port: 80}]}]"))
}

/// An HTTPRoute for service `a` whose one rule has these parts and goes to `b`.
func filtering(_ parts: String, to backend: String = "{name: b, port: 80}") -> RouteTrial {
    RouteTrial(gatewayRoute("[{\(parts), backendRefs: [\(backend)]}]"))
}

/// A VirtualService for service `a`.
func virtualService(_ http: String, spec: String = "hosts: [a]", name: String = "v", metadata: String = "") -> String {
    """
    {apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: \(name)\(metadata)},
     spec: {\(spec), http: \(http)}}
    """
}

/// A VirtualService for service `a`: requests that meet the match go to `b`, others are answered 404.
func virtualMatching(_ match: String) -> RouteTrial {
    RouteTrial(virtualService("[{match: [\(match)], route: [{destination: {host: b}}]}]"))
}

/// A VirtualService for service `a` whose one rule has these parts and goes to `b`.
func acting(_ parts: String) -> RouteTrial {
    RouteTrial(virtualService("[{\(parts), route: [{destination: {host: b}}]}]"))
}
