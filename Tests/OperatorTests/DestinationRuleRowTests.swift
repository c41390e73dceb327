// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTPRouting
internal import Mesh
internal import Testing

/// From the manifest to the policy of a cluster, row by row of what Istio says of a DestinationRule, and of what SMI and Linkerd have instead.
@Suite("DestinationRule, TrafficSplit, ServiceProfile")
struct DestinationRuleRowTests {
    private static func rule(_ spec: String, name: String = "d", namespace: String = "default", metadata: String = "")
        -> String
    {
        """
        {apiVersion: networking.istio.io/v1, kind: DestinationRule,
         metadata: {name: \(name), namespace: \(namespace)\(metadata)}, spec: {\(spec)}}
        """
    }

    private func policy(_ traffic: String) throws -> TrafficPolicy {
        let trial = RouteTrial(Self.rule("host: a, trafficPolicy: {\(traffic)}"))
        return try #require(trial.model.routes.destinationPolicies.first?.policy)
    }

    private func findings(_ traffic: String) -> [String] {
        RouteTrial(Self.rule("host: a, trafficPolicy: {\(traffic)}")).findings
    }

    // MARK: - Balancing

    @Test(
        "loadBalancer.simple",
        arguments: [
            ("LEAST_REQUEST", .leastRequest), ("UNSPECIFIED", .leastRequest), ("LEAST_CONN", .leastRequest),
            ("ROUND_ROBIN", .roundRobin), ("RANDOM", .random), ("PASSTHROUGH", .passthrough), ("PEAK_EWMA", .peakEWMA),
        ] as [(String, LoadBalancerPolicy.Algorithm)])
    func simple(_ word: String, _ expected: LoadBalancerPolicy.Algorithm) throws {
        #expect(try policy("loadBalancer: {simple: \(word)}").loadBalancer.algorithm == expected)
        #expect(findings("loadBalancer: {simple: \(word)}") == [])
    }

    @Test(
        "consistentHash: each key, and the size of the ring",
        arguments: [
            ("httpHeaderName: X-User", .header("x-user"), 1024), ("useSourceIp: true", .sourceAddress, 1024),
            ("httpQueryParameterName: q", .query("q"), 1024),
            ("httpCookie: {name: c}", .cookie(.init(name: "c")), 1024),
            (
                "httpCookie: {name: c, path: /p, ttl: 60s, attributes: [{name: Secure}, {name: SameSite, value: Lax}]}",
                .cookie(
                    .init(name: "c", path: "/p", timeToLive: .seconds(60), attributes: ["Secure", "SameSite=Lax"])),
                1024
            ),
            ("useSourceIp: true, ringHash: {minimumRingSize: 64}", .sourceAddress, 64),
            ("useSourceIp: true, minimumRingSize: 32", .sourceAddress, 32),
            ("useSourceIp: true, maglev: {tableSize: 101}", .sourceAddress, 101),
            ("useSourceIp: true, maglev: {}", .sourceAddress, 65_537),
        ] as [(String, LoadBalancerPolicy.HashKey, UInt32)])
    func consistentHash(_ text: String, _ key: LoadBalancerPolicy.HashKey, _ size: UInt32) throws {
        let traffic = "loadBalancer: {consistentHash: {\(text)}}"
        #expect(try policy(traffic).loadBalancer.algorithm == .consistentHash(key, minimumRingSize: size))
        #expect(findings(traffic) == [])
    }

    @Test(
        "consistentHash: the same key always names the same endpoint, and another one may name another",
        arguments: [
            ("httpHeaderName: x-user", "GET / x-user: %"), ("httpCookie: {name: c}", "GET / cookie: c=%"),
            ("httpQueryParameterName: q", "GET /?q=%"), ("useSourceIp: true", "%"),
        ])
    func hashKeys(_ text: String, _ request: String) {
        let trial = RouteTrial(Self.rule("host: a, trafficPolicy: {loadBalancer: {consistentHash: {\(text)}}}"))
        var endpoints: Set<String> = []
        for key in 0..<50 {
            let isAddress = request == "%"
            let text = isAddress ? "GET /" : request.replacing("%", with: "key\(key)")
            let source = IPAddress(v4: 0x0A00_0000 | UInt32(isAddress ? key : 1))
            let chosen = Set((0..<3).map { _ in trial.hashed(text, from: source) })
            #expect(chosen.count == 1)
            endpoints.formUnion(chosen)
        }
        #expect(endpoints.count == 2 && !endpoints.contains("none"))
    }

    @Test("A hash without a key, and a cookie without a name, are errors")
    func badHash() {
        #expect(findings("loadBalancer: {consistentHash: {}}").count == 1)
        #expect(findings("loadBalancer: {consistentHash: {httpCookie: {path: /}}}").count == 1)
    }

    @Test(
        "warmup: its time, 10 % at first, a straight line",
        arguments: [
            ("warmup: {duration: 60s}", LoadBalancerPolicy.WarmUp(duration: .seconds(60))),
            (
                "warmup: {duration: 60s, minimumPercent: 20, aggression: 2}",
                LoadBalancerPolicy.WarmUp(duration: .seconds(60), minimumPercent: 20, aggression: 2)
            ),
            ("warmupDurationSecs: 30s", LoadBalancerPolicy.WarmUp(duration: .seconds(30))), ("warmup: {}", nil),
        ] as [(String, LoadBalancerPolicy.WarmUp?)])
    func warmUp(_ text: String, _ expected: LoadBalancerPolicy.WarmUp?) throws {
        #expect(try policy("loadBalancer: {\(text)}").loadBalancer.warmUp == expected)
    }

    @Test(
        "localityLbSetting: failover acts with outlierDetection only, distribute always",
        arguments: [
            ("failover: [{from: r1, to: r2}]", true, .failover(["r1": "r2"])),
            ("failover: [{from: r1, to: r2}]", false, nil),
            ("failoverPriority: [zone]", true, .failoverPriority(["zone"])), ("failoverPriority: [zone]", false, nil),
            (
                "distribute: [{from: r1/*, to: {r1/z1: 80, r2: 20}}]", false,
                .distribute(["r1/*": ["r1/z1": 80, "r2": 20]])
            ),
            ("enabled: false", false, .off), ("enabled: true", true, .failover([:])),
        ] as [(String, Bool, LoadBalancerPolicy.LocalityPolicy?)])
    func locality(_ text: String, _ detects: Bool, _ expected: LoadBalancerPolicy.LocalityPolicy?) throws {
        let traffic = "loadBalancer: {localityLbSetting: {\(text)}}" + (detects ? ", outlierDetection: {}" : "")
        #expect(try policy(traffic).loadBalancer.locality == expected)
    }

    // MARK: - Connections

    @Test("connectionPool: what acts is read without a finding, with Istio's defaults")
    func acting() throws {
        let traffic = """
            connectionPool: {tcp: {connectTimeout: 2s},
              http: {maxRequestsPerConnection: 10, idleTimeout: 30s, h2UpgradePolicy: UPGRADE, useClientProtocol: true}},
            retryBudget: {percent: 30, minRetryConcurrency: 5}
            """
        let result = try policy(traffic)
        #expect(findings(traffic) == [])
        #expect(
            result.connectionPool.connectTimeout == .seconds(2) && result.connectionPool.httpIdleTimeout == .seconds(30)
        )
        #expect(result.connectionPool.maximumRequestsPerConnection == 10 && result.connectionPool.upgrade == .always)
        #expect(result.connectionPool.usesClientProtocol)
        #expect(result.retryBudget == RetryBudget(percent: 30, minimumConcurrency: 5))
        let none = TrafficPolicy()
        #expect(
            none.connectionPool.connectTimeout == .seconds(10) && none.connectionPool.httpIdleTimeout == .seconds(3600))
        #expect(RetryBudget() == RetryBudget(percent: 20, minimumConcurrency: 3))
        #expect(
            try policy("connectionPool: {http: {h2UpgradePolicy: DO_NOT_UPGRADE}}").connectionPool.upgrade == .never)
    }

    @Test(
        "connectionPool, outlierDetection: what does not act yet is a warning each",
        arguments: [
            "connectionPool: {tcp: {maxConnections: 1}}", "connectionPool: {tcp: {idleTimeout: 1s}}",
            "connectionPool: {tcp: {maxConnectionDuration: 1s}}",
            "connectionPool: {tcp: {tcpKeepalive: {probes: 1, time: 1s, interval: 1s}}}",
            "connectionPool: {http: {http1MaxPendingRequests: 1}}", "connectionPool: {http: {http2MaxRequests: 1}}",
            "connectionPool: {http: {maxRetries: 1}}", "connectionPool: {http: {maxConcurrentStreams: 1}}",
            "connectionPool: {http: {http2KeepAlive: {}}}", "outlierDetection: {consecutive5xxErrors: 1}",
        ])
    func notActing(_ traffic: String) {
        let found = findings(traffic)
        #expect(
            found.count == 1 && found[0].contains("warning") && found[0].contains("spec.trafficPolicy."), "\(found)")
    }

    @Test("outlierDetection: every field is read, with Istio's defaults")
    func outliers() throws {
        #expect(try policy("outlierDetection: {}").outlierDetection == OutlierDetection())
        let all = try policy(
            """
            outlierDetection: {consecutive5xxErrors: 1, consecutiveGatewayErrors: 2, splitExternalLocalOriginErrors: true,
              consecutiveLocalOriginFailures: 3, interval: 4s, baseEjectionTime: 5s, maxEjectionPercent: 6, minHealthPercent: 7}
            """)
        var expected = OutlierDetection()
        expected.consecutive5xxErrors = 1
        expected.consecutiveGatewayErrors = 2
        expected.splitsLocalErrors = true
        expected.consecutiveLocalFailures = 3
        expected.interval = .seconds(4)
        expected.baseEjectionTime = .seconds(5)
        expected.maximumEjectionPercent = 6
        expected.minimumHealthPercent = 7
        #expect(all.outlierDetection == expected)
    }

    @Test("tls: SIMPLE and MUTUAL are refused in words and deed, DISABLE and ISTIO_MUTUAL are what the mesh does")
    func tls() throws {
        for mode in ["SIMPLE", "MUTUAL"] {
            let trial = RouteTrial(Self.rule("host: a, trafficPolicy: {tls: {mode: \(mode), sni: x}}"))
            #expect(trial.finds("error", "spec.trafficPolicy.tls", "503"))
            #expect(trial.wantsTLS)
        }
        for mode in ["DISABLE", "ISTIO_MUTUAL"] {
            #expect(try policy("tls: {mode: \(mode)}").tls == nil && findings("tls: {mode: \(mode)}") == [])
        }
    }

    @Test("tunnel and proxyProtocol are errors, the rest counts; workloadSelector and exportTo are warnings")
    func others() throws {
        for field in ["tunnel: {protocol: CONNECT}", "proxyProtocol: {version: V2}"] {
            #expect(findings(field).count == 1)
            #expect(try policy("\(field), loadBalancer: {simple: RANDOM}").loadBalancer.algorithm == .random)
        }
        let selector = RouteTrial(
            Self.rule(
                "host: a, workloadSelector: {matchLabels: {x: y}}, trafficPolicy: {loadBalancer: {simple: RANDOM}}"))
        #expect(
            selector.finds("warning", "spec.workloadSelector") && selector.model.routes.destinationPolicies.isEmpty)
        #expect(RouteTrial(Self.rule("host: a, exportTo: ['.']")).finds("warning", "spec.exportTo"))
        #expect(RouteTrial(Self.rule("host: a, exportTo: ['*']")).findings == [])
    }

    // MARK: - Which rule counts

    @Test("Subsets override the whole field by field; settings of a port inherit nothing")
    func overriding() throws {
        let trial = RouteTrial(
            Self.rule(
                """
                host: a, trafficPolicy: {loadBalancer: {simple: RANDOM}, connectionPool: {tcp: {connectTimeout: 2s}},
                  portLevelSettings: [{port: {number: 81}, loadBalancer: {simple: ROUND_ROBIN}}]},
                subsets: [{name: s, labels: {version: v1}, trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}}]
                """))
        #expect(trial.findings == [])
        let policy = try #require(trial.model.routes.destinationPolicies.first)
        let subset = try #require(policy.policy(port: 80, subset: "s"))
        #expect(subset.loadBalancer.algorithm == .passthrough && subset.connectionPool.connectTimeout == .seconds(2))
        let port = try #require(policy.policy(port: 81, subset: nil))
        #expect(port.loadBalancer.algorithm == .roundRobin && port.connectionPool.connectTimeout == .seconds(10))
    }

    @Test("Of one host the older rule's policy counts, with the subsets of all; a rule of another namespace does not")
    func merging() throws {
        let older = Self.rule(
            "host: a, trafficPolicy: {loadBalancer: {simple: RANDOM}}, subsets: [{name: v1, labels: {version: v1}}]",
            name: "z",
            metadata: ", creationTimestamp: '2024-01-01T00:00:00Z'")
        let younger = Self.rule(
            "host: a, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}, subsets: [{name: v2, labels: {version: v2}}]"
        )
        let trial = RouteTrial(younger, older)
        let policy = try #require(trial.model.routes.destinationPolicies.first)
        #expect(policy.policy.loadBalancer.algorithm == .random && policy.subsets.map(\.name) == ["v1", "v2"])
        #expect(trial.finds("warning", "spec.trafficPolicy"))
        let foreign = RouteTrial(Self.rule("host: a.default.svc.cluster.local", namespace: "other"))
        #expect(foreign.finds("warning", "spec.host") && foreign.model.routes.destinationPolicies.isEmpty)
        let root = RouteTrial(Self.rule("host: a.default.svc.cluster.local", namespace: "istio-system"))
        #expect(root.findings == [] && root.model.routes.destinationPolicies.count == 1)
        let every = RouteTrial(
            Self.rule("host: '*.default.svc.cluster.local', trafficPolicy: {loadBalancer: {simple: RANDOM}}"))
        #expect(every.model.routes.destinationPolicies.allSatisfy { $0.policy.loadBalancer.algorithm == .random })
        #expect(every.model.routes.destinationPolicies.count == 4)
    }

    // MARK: - SMI and Linkerd

    @Test("TrafficSplit: relative weights, numbers and quantities; a split of some requests only is an error")
    func split() {
        func split(_ spec: String) -> RouteTrial {
            RouteTrial(
                "{apiVersion: split.smi-spec.io/v1alpha2, kind: TrafficSplit, metadata: {name: s}, spec: {\(spec)}}")
        }
        for weights in [("90", "10"), ("900m", "100m"), ("0.9", "0.1"), ("9k", "1k")] {
            let trial = split(
                "service: a, backends: [{service: b, weight: \(weights.0)}, {service: c, weight: \(weights.1)}]")
            let counts = trial.counts("GET /", 4_000)
            #expect(trial.findings == [] && abs((counts["b"] ?? 0) - 3_600) <= 95 && counts.count == 2, "\(counts)")
        }
        let some = split("service: a, matches: [{kind: HTTPRouteGroup, name: g}], backends: [{service: b, weight: 1}]")
        #expect(some.finds("error", "spec.matches") && some.send("GET /") == "a")
    }

    private func profile(_ spec: String) -> RouteTrial {
        RouteTrial(
            """
            {apiVersion: linkerd.io/v1alpha2, kind: ServiceProfile, metadata: {name: a.default.svc.cluster.local}, spec: {\(spec)}}
            """)
    }

    @Test(
        "ServiceProfile conditions: pathRegex, method, all, any; `not` holds for nothing",
        arguments: [
            ("{pathRegex: '/a/.*'}", "GET /a/b", true), ("{pathRegex: '/a/.*'}", "GET /b", false),
            ("{method: POST}", "POST /", true), ("{method: POST}", "GET /", false),
            ("{all: [{method: GET}, {pathRegex: /a}]}", "GET /a", true),
            ("{all: [{method: GET}, {pathRegex: /a}]}", "PUT /a", false),
            ("{any: [{method: PUT}, {pathRegex: /a}]}", "GET /a", true),
            ("{any: [{method: PUT}, {pathRegex: /a}]}", "GET /b", false),
            ("{not: {method: GET}}", "PUT /", false),
        ])
    func profileConditions(_ condition: String, _ request: String, _ expected: Bool) {
        let trial = profile("routes: [{name: hit, condition: \(condition)}]")
        #expect((trial.ruleName(request) == "hit") == expected && trial.send(request) == "a")
    }

    @Test(
        "ServiceProfile: what is retried follows isRetryable and responseClasses; timeout, budget and overrides count")
    func profileRules() throws {
        let classes = "responseClasses: [{condition: {status: {min: 500, max: 502}}, isFailure: true}]"
        let trial = profile(
            """
            routes: [{name: r, condition: {pathRegex: /r}, isRetryable: true, timeout: 3s, \(classes)},
                     {name: s, condition: {pathRegex: /s}, isRetryable: true}, {name: t, condition: {pathRegex: /t}}],
            retryBudget: {retryRatio: 0.5, minRetriesPerSecond: 7, ttl: 10s},
            dstOverrides: [{authority: b.default.svc.cluster.local, weight: 1}]
            """)
        #expect(trial.findings == [] && trial.send("GET /r") == "b" && trial.send("GET /else") == "b")
        #expect(trial.isRetriable(status: 501, "GET /r") && !trial.isRetriable(status: 503, "GET /r"))
        #expect(trial.isRetriable(status: 503, "GET /s") && !trial.isRetriable(status: 503, "GET /t"))
        let rule = try #require(trial.rule("GET /r"))
        #expect(rule.requestTimeout == .seconds(3))
        #expect(
            trial.model.routes.destinationPolicies.first?.policy.retryBudget
                == RetryBudget(percent: 50, minimumConcurrency: 7))
    }
}
