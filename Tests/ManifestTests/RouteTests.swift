// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Foundation
internal import Mesh
internal import Testing

@testable internal import Manifest

/// Reads texts as a waypoint does, beside Services `NAME: port,port` of the namespace `default`.
func routed(_ services: [String: [UInt16]], _ texts: String...) throws -> Outcome {
    var files = texts
    for (name, ports) in services.sorted(by: { $0.key < $1.key }) {
        let list = ports.map { "{name: http-\($0), port: \($0)}" }.joined(separator: ", ")
        files.append("{apiVersion: v1, kind: Service, metadata: {name: \(name)}, spec: {ports: [\(list)]}}")
    }
    var reader = ManifestReader()
    reader.keepsWaypointObjects = true
    var store = ObjectStore()
    var findings: [Finding] = []
    for (index, text) in files.enumerated() {
        let contents = try reader.read(Array(text.utf8), file: "\(index).yaml")
        findings += contents.findings
        findings += store.replace(file: "\(index).yaml", with: contents)
    }
    let translation = translate(store)
    return Outcome(model: translation.model, findings: (findings + translation.findings).map(\.description))
}

extension Outcome {
    func http(_ service: String, port: UInt16 = 80, clients: RouteBinding.Clients = .everyone) -> HTTPRoutes? {
        model.routes.bindings.first {
            $0.service.hostname == "\(service).default.svc.cluster.local" && $0.port == port && $0.clients == clients
        }?.http
    }
}

extension RouteRule {
    /// `host:port/subset*weight` of each backend.
    var targets: [String] {
        guard case .forward(let backends) = action else { return ["\(action)"] }
        return backends.map { backend in
            guard case .service(let target) = backend.target else { return "invalid*\(backend.weight)" }
            let host = target.service.hostname.split(separator: ".")[0]
            return "\(host):\(target.port)\(target.subset.map { "/" + $0 } ?? "")*\(backend.weight)"
        }
    }
}

@Suite("Routes that users bring")
struct RouteSampleTests {
    private func sample(_ name: String, _ services: [String: [UInt16]]) throws -> Outcome {
        try routed(
            services, String(contentsOf: fixtures.appending(path: "samples/\(name)"), encoding: .utf8))
    }

    /// Limits and ejection are read, and said not to act.
    private static func isNotEnforced(_ finding: String) -> Bool {
        finding.contains("warning: DestinationRule")
            && (finding.contains("does not enforce it yet") || finding.contains("ejects no endpoint yet"))
    }

    @Test("01: 90 and 10 in a hundred, 5 s over all tries, three retries of 2 s")
    func canaryWeights() throws {
        let outcome = try sample("01-canary-weights.yaml", ["reviews": [9080]])
        #expect(outcome.findings.count == 4 && outcome.findings.allSatisfy(Self.isNotEnforced))
        let routes = try #require(outcome.http("reviews", port: 9080))
        #expect(routes.rules.map(\.targets) == [["reviews:9080/v1*90", "reviews:9080/v2*10"]])
        let rule = routes.rules[0]
        #expect(rule.requestTimeout == .seconds(5) && rule.tryTimeout == .seconds(2))
        #expect(rule.retry?.attempts == 3)
        #expect(rule.retry?.conditions == [.serverError, .reset, .connectFailure])
        let policy = try #require(outcome.model.routes.destinationPolicies.first)
        #expect(policy.policy.connectionPool.maximumConnections == 100)
        #expect(policy.policy.outlierDetection?.maximumEjectionPercent == 50)
        #expect(policy.subsets.map(\.labels) == [["version": "v1"], ["version": "v2"]])
        #expect(policy.subsets[1].policy == policy.policy)
    }

    @Test("02: the header goes first, then the weights")
    func canaryHeader() throws {
        let outcome = try sample("02-canary-header.yaml", ["api": [80]])
        #expect(outcome.findings == [])
        let routes = try #require(outcome.http("api"))
        #expect(routes.rules.map(\.targets) == [["api:80/v2*100"], ["api:80/v1*90", "api:80/v2*10"]])
        #expect(routes.entries.map(\.rule) == [0, 1])
        #expect(routes.entries[0].match.headers == [.init(name: "x-canary", value: .exact("true"))])
    }

    @Test("03: a tenth waits 5 s, a twentieth gets 503")
    func faults() throws {
        let outcome = try sample("03-fault-injection.yaml", ["ratings": [80]])
        #expect(outcome.findings == [])
        let fault = try #require(outcome.http("ratings")?.rules.first?.fault)
        #expect(fault.delay == .seconds(5) && fault.delayPartsPerMillion == 100_000)
        #expect(fault.abort == .http(503) && fault.abortPartsPerMillion == 50_000)
    }

    @Test("04: every request is copied to v2; without a DestinationRule the subsets are missing, and said to be")
    func mirror() throws {
        let outcome = try routed(
            ["reviews": [80]],
            String(contentsOf: fixtures.appending(path: "samples/04-mirror.yaml"), encoding: .utf8),
            """
            {apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: r}, spec: {host: reviews,
              subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}}
            """)
        #expect(outcome.findings == [])
        let rule = try #require(outcome.http("reviews")?.rules.first)
        #expect(rule.targets == ["reviews:80/v1*100"])
        #expect(rule.filters.mirrors.map(\.target.subset) == ["v2"])
        let alone = try sample("04-mirror.yaml", ["reviews": [80]]).findings
        #expect(alone.count == 2 && alone.allSatisfy { $0.contains("there is no subset") })
    }

    @Test("06: the route of the Gateway is somebody else's; that of the Service goes by header, then 95 to 5")
    func gatewayAPI() throws {
        let outcome = try sample(
            "06-gateway-api.yaml", ["reviews": [9080], "reviews-v1": [9080], "reviews-v2": [9080]])
        #expect(outcome.findings == [])
        let routes = try #require(outcome.http("reviews", port: 9080))
        #expect(routes.rules.count == 2 && routes.entries.map(\.rule) == [0, 1])
        #expect(routes.rules[1].targets == ["reviews-v1:9080*95", "reviews-v2:9080*5"])
    }

    @Test("12: splits of SMI, and a profile of Linkerd over one of them")
    func linkerd() throws {
        let ports: [UInt16] = [80]
        let outcome = try sample(
            "12-smi-linkerd.yaml",
            ["api": ports, "api-v1": ports, "api-v2": ports, "webapp": ports, "webapp-v1": ports, "webapp-v2": ports])
        #expect(outcome.findings == [])
        #expect(outcome.http("api")?.rules.map(\.targets) == [["api-v1:80*90000", "api-v2:80*10000"]])
        let webapp = try #require(outcome.http("webapp"))
        let split = ["webapp-v1:80*900000", "webapp-v2:80*100000"]
        #expect(webapp.rules.map(\.targets) == [split, split, split])
        #expect(webapp.entries.map(\.match.path) == [.regex("/api/users"), .regex("/api/orders"), .any])
        #expect(webapp.rules[0].failureStatuses == [500...599])
        #expect(webapp.rules[1].requestTimeout == .seconds(10) && webapp.rules[1].retry?.conditions == [.serverError])
    }

    @Test(
        "Every other sample is read by a waypoint without a false finding",
        arguments: [
            ("05-circuit-breaker.yaml", 4), ("07-peer-authentication.yaml", 0), ("09-jwt.yaml", 2),
            ("11-telemetry.yaml", 1), ("13-flagger.yaml", 1),
        ])
    func others(_ name: String, _ expected: Int) throws {
        #expect(try sample(name, ["reviews": [9080]]).findings.count == expected)
    }

    @Test(
        "A file by itself, without the Services it speaks of, is read without a finding but for what does not act yet",
        arguments: [
            "01-canary-weights.yaml", "02-canary-header.yaml", "03-fault-injection.yaml", "04-mirror.yaml",
            "05-circuit-breaker.yaml", "06-gateway-api.yaml", "12-smi-linkerd.yaml",
        ])
    func alone(_ name: String) throws {
        #expect(try sample(name, [:]).findings.filter { !Self.isNotEnforced($0) } == [])
    }
}
