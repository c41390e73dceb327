// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh
internal import Testing

@testable internal import Manifest

@Suite("Rules of routes")
struct RouteRuleTests {
    private let services: [String: [UInt16]] = ["a": [80, 81], "b": [80]]

    private func httpRoute(
        _ rules: String, name: String = "r", metadata: String = "", kind: String = "HTTPRoute", port: String = ""
    ) -> String {
        """
        {apiVersion: gateway.networking.k8s.io/v1, kind: \(kind), metadata: {name: \(name) \(metadata)},
         spec: {parentRefs: [{group: "", kind: Service, name: a \(port)}], rules: \(rules)}}
        """
    }

    private func virtualService(_ http: String, name: String = "v", spec: String = "hosts: [a]") -> String {
        "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: \(name)}, spec: {\(spec), http: \(http)}}"
    }

    private let toB = "backendRefs: [{name: b, port: 80}]"

    @Test("Gateway API: exact, then the longest prefix, expressions, then method, headers and query parameters")
    func precedence() throws {
        let matches = [
            "{path: {value: /}}", "{path: {type: RegularExpression, value: '/x/.*'}}", "{path: {value: /x}}",
            "{path: {value: /x/y/}}", "{path: {type: Exact, value: /x}}", "{path: {value: /x}, method: GET}",
            "{path: {value: /x}, headers: [{name: h, value: v}]}",
            "{path: {value: /x}, queryParams: [{name: q, value: v}]}",
        ]
        let rules = matches.map { "{matches: [\($0)], \(toB)}" }.joined(separator: ", ")
        let outcome = try routed(services, httpRoute("[\(rules)]"))
        #expect(outcome.findings == [])
        #expect(outcome.http("a")?.entries.map(\.rule) == [4, 3, 5, 6, 7, 2, 1, 0])
        #expect(outcome.http("a", port: 81)?.entries.count == 8)
    }

    @Test("Gateway API: of equal matches the older route's counts first, then that of the lesser name")
    func age() throws {
        let rule = "[{\(toB)}]"
        let outcome = try routed(
            services, httpRoute(rule, name: "c"), httpRoute(rule, name: "d"),
            httpRoute(rule, name: "e", metadata: ", creationTimestamp: '2024-01-01T00:00:00Z'"))
        let routes = try #require(outcome.http("a"))
        #expect(routes.entries.map { routes.rules[$0.rule].origin.object.last } == ["e", "c", "d"])
    }

    @Test("GEP-1426: a route of another namespace is for its own clients only, and needs no permission")
    func consumer() throws {
        let outcome = try routed(
            services,
            """
            {apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: r, namespace: other},
             spec: {parentRefs: [{group: "", kind: Service, name: a, namespace: default, port: 80}],
                    rules: [{backendRefs: [{name: b, namespace: default, port: 80}]}]}}
            """)
        #expect(outcome.findings == [] && outcome.http("a") == nil)
        #expect(outcome.http("a", clients: .namespace("other"))?.rules.map(\.targets) == [["b:80*1"]])
        #expect(outcome.model.routes.bindings.count == 1)
    }

    @Test("GRPCRoute counts before HTTPRoute on one port; the loser is told")
    func kinds() throws {
        let outcome = try routed(
            services, httpRoute("[{\(toB)}]"),
            httpRoute(
                "[{matches: [{method: {service: s, method: m}}, {method: {service: s.t}}, {method: {method: m}}], \(toB)}]",
                name: "g", kind: "GRPCRoute", port: ", port: 80"))
        #expect(
            outcome.http("a")?.entries.map(\.match.path)
                == [.prefix("/s.t/"), .exact("/s/m"), .regex("/[^/]+/m")])
        #expect(outcome.findings.count == 1 && outcome.findings[0].contains("Conflicted"))
        #expect(outcome.http("a", port: 81)?.rules.count == 1)
    }

    @Test(
        "A rule that cannot be understood answers 500 and is a finding; the others count",
        arguments: [
            "filters: [{type: ExtensionRef, extensionRef: {group: g, kind: k, name: n}}]",
            "filters: [{type: Nonsense}]",
            "filters: [{type: URLRewrite}]",
            "filters: [{type: RequestRedirect, requestRedirect: {path: {type: Wrong}}}]",
            "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: 'b d', value: x}]}}]",
        ])
    func brokenRule(_ part: String) throws {
        let outcome = try routed(services, httpRoute("[{\(part), \(toB)}, {\(toB)}]"))
        #expect(outcome.http("a")?.rules.map(\.targets) == [["fail"], ["b:80*1"]])
        #expect(outcome.findings.contains { $0.contains("error") && $0.contains("spec.rules[0]") })
    }

    @Test(
        "A match that cannot be understood holds for nothing and is a finding",
        arguments: [
            "{path: {type: RegularExpression, value: '(a'}}", "{path: {value: 'x'}}", "{path: {value: /a//b}}",
            "{headers: [{name: h, type: RegularExpression, value: 'a**'}]}", "{path: {type: Glob, value: /x}}",
        ])
    func brokenMatch(_ match: String) throws {
        let outcome = try routed(services, httpRoute("[{matches: [\(match)], \(toB)}, {\(toB)}]"))
        #expect(outcome.http("a")?.entries.map(\.rule) == [1])
        #expect(outcome.findings.count == 1 && outcome.findings[0].contains("spec.rules[0].matches[0]"))
    }

    @Test("Gateway API: a backend that leads nowhere takes its share into 500; without backends all are")
    func invalidBackends() throws {
        let outcome = try routed(
            services,
            httpRoute(
                """
                [{backendRefs: [{name: b, port: 80, weight: 3}, {name: nobody, port: 80}, {name: b, port: 99}, {name: b},
                  {kind: Pod, name: x, port: 1}]}, {}]
                """))
        #expect(
            outcome.http("a")?.rules.map(\.targets)
                == [["b:80*3", "invalid*1", "invalid*1", "invalid*1", "invalid*1"], []])
        #expect(outcome.findings.count == 5, "\(outcome.findings)")
    }

    @Test("VirtualService: written order, several of one host one after the other, 404 for the rest")
    func virtualOrder() throws {
        let outcome = try routed(
            services,
            virtualService("[{match: [{uri: {prefix: /x}}], route: [{destination: {host: b}}]}]", name: "v1"),
            virtualService("[{match: [{uri: {exact: /y}, port: 81}], route: [{destination: {host: b}}]}]", name: "v2"))
        #expect(outcome.findings == [])
        #expect(outcome.http("a")?.entries.map(\.match.path) == [.prefix("/x")])
        #expect(outcome.http("a", port: 81)?.entries.map(\.match.path) == [.prefix("/x"), .exact("/y")])
        #expect(outcome.http("a", port: 81)?.rules.map(\.targets) == [["b:80*100"], ["b:80*100"]])
    }

    @Test("VirtualService: every match is read")
    func virtualMatches() throws {
        let outcome = try routed(
            services,
            virtualService(
                """
                [{match: [{uri: {regex: '/x.*'}, ignoreUriCase: true, scheme: {exact: http}, method: {regex: 'GET|HEAD'},
                  authority: {prefix: a}, headers: {X-A: {}, x-b: {regex: '*'}, x-c: {prefix: p}},
                  withoutHeaders: {x-d: {exact: e}}, queryParams: {q: {exact: ''}}, sourceLabels: {app: web},
                  sourceNamespace: n, gateways: [mesh]}], route: [{destination: {host: b}}]}]
                """))
        #expect(outcome.findings == [])
        let match = try #require(outcome.http("a")?.entries.first?.match)
        #expect(match.path == .regex("/x.*") && match.ignoresPathCase)
        #expect(match.scheme == .exact("http") && match.method == .regex("GET|HEAD") && match.authority == .prefix("a"))
        #expect(
            match.headers == [
                .init(name: "x-a", value: .presence), .init(name: "x-b", value: .presence),
                .init(name: "x-c", value: .prefix("p")), .init(name: "x-d", value: .exact("e"), isInverted: true),
            ])
        #expect(match.query == [.init(name: "q", value: .exact(""))])
        #expect(match.sourceLabels == ["app": "web"] && match.sourceNamespace == "n")
    }

    @Test("VirtualService: a delegate's rules stand in the place of the rule, with both conditions")
    func delegates() throws {
        let outcome = try routed(
            services,
            virtualService("[{match: [{uri: {prefix: /x}, headers: {h: {exact: v}}}], delegate: {name: d}}]"),
            virtualService(
                "[{match: [{uri: {exact: /x/y}}], route: [{destination: {host: b}}]}, {route: [{destination: {host: a}}]}]",
                name: "d", spec: "exportTo: ['*']"))
        #expect(outcome.findings == [])
        let routes = try #require(outcome.http("a"))
        #expect(routes.entries.map(\.match.path) == [.exact("/x/y"), .prefix("/x")])
        #expect(routes.entries.allSatisfy { $0.match.headers.count == 1 })
        #expect(routes.rules.map(\.origin.object).allSatisfy { $0 == "VirtualService default/d" })
    }

    @Test(
        "VirtualService: retryOn, attempts and faults",
        arguments: [
            ("retries: {attempts: 3, retryOn: '503,gateway-error, retriable-4xx'}", 3, [503], 0),
            ("retries: {attempts: 0}", nil, [], 0), ("timeout: 1s", 2, [], 0),
            ("fault: {abort: {httpStatus: 400}}", 2, [], 1),
            ("retries: {attempts: 1, retryOn: nonsense}", 1, [], 1),
        ] as [(String, UInt32?, [UInt16], Int)])
    func retries(_ part: String, _ attempts: UInt32?, _ codes: [UInt16], _ findings: Int) throws {
        let outcome = try routed(services, virtualService("[{\(part), route: [{destination: {host: b}}]}]"))
        let rule = try #require(outcome.http("a")?.rules.first)
        #expect(rule.retry?.attempts == attempts && rule.retry?.statusCodes ?? [] == codes)
        #expect(outcome.findings.count == findings && rule.fault.isEmpty)
    }

    @Test("Percentages are exact to 0.0001 %")
    func percentages() throws {
        let fault = "fault: {delay: {fixedDelay: 1.5s, percentage: {value: 0.0001}}}"
        let outcome = try routed(services, virtualService("[{\(fault), route: [{destination: {host: b}}]}]"))
        let rule = try #require(outcome.http("a")?.rules.first)
        #expect(rule.fault.delayPartsPerMillion == 1 && rule.fault.delay == .milliseconds(1500))
    }

    @Test("DestinationRule: a subset begins with the rule's policy; port settings begin with nothing")
    func destinationRule() throws {
        let outcome = try routed(
            services,
            """
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: d}
            spec:
              host: a
              subsets:
              - name: s
                labels: {v: '1'}
                trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}
              trafficPolicy:
                connectionPool: {tcp: {maxConnections: 7}}
                loadBalancer: {consistentHash: {httpCookie: {name: c, ttl: 0s}}}
                portLevelSettings: [{port: {number: 81}, outlierDetection: {interval: 1s}}]
            """)
        // What a waypoint reads and does not enforce is a warning each.
        #expect(outcome.findings.count == 2 && outcome.findings.allSatisfy { $0.contains("warning") })
        let policy = try #require(outcome.model.routes.destinationPolicies.first)
        let subset = try #require(policy.policy(port: 80, subset: "s"))
        #expect(subset.loadBalancer.algorithm == .roundRobin && subset.connectionPool.maximumConnections == 7)
        let port = try #require(policy.policy(port: 81, subset: nil))
        #expect(port.connectionPool == ConnectionPoolPolicy() && port.outlierDetection?.interval == .seconds(1))
        let cookie = LoadBalancerPolicy.HashCookie(name: "c", timeToLive: Nanoseconds(0))
        #expect(policy.policy.loadBalancer.algorithm == .consistentHash(.cookie(cookie), minimumRingSize: 1024))
    }

    @Test("A wrong type refuses the object, an unknown field is a warning with its path")
    func strictness() throws {
        let wrong = try routed(services, virtualService("[{timeout: {}, route: [{destination: {host: b}}]}]"))
        #expect(
            wrong.model.routes.bindings == [] && wrong.findings[0].contains("spec.http[0].timeout: must be a string"))
        let unknown = try routed(services, virtualService("[{timeuot: 1s, route: [{destination: {host: b}}]}]"))
        #expect(unknown.http("a") != nil && unknown.findings[0].contains("warning"))
        #expect(unknown.findings[0].contains("spec.http[0].timeuot: unknown field"))
    }

    @Test(
        "appProtocol counts before the name of a port",
        arguments: [
            ("name: http-web", .http), ("name: grpc", .grpc), ("name: tcp-x", .tcp), ("name: web", .undeclared),
            ("name: http, appProtocol: tcp", .tcp), ("appProtocol: kubernetes.io/h2c", .http2),
            ("name: grpc-web-x", .grpcWeb), ("name: http2", .http2), ("name: https", .tls),
            ("name: http, appProtocol: example.com/own", .http),
        ] as [(String, ApplicationProtocol)])
    func declaredProtocol(_ port: String, _ expected: ApplicationProtocol) throws {
        let outcome = try routed(
            [:], "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {ports: [{\(port), port: 80}]}}")
        #expect(outcome.service("s")?.ports.map(\.applicationProtocol) == [expected])
    }
}
