// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTPRouting
internal import Mesh
internal import Testing

/// From the manifest to what happens to requests, row by row of what Istio says of a VirtualService.
@Suite("VirtualService: matches, actions")
struct VirtualServiceRowTests {
    @Test(
        "Istio, matches: each field holds for the requests it says, and for no other",
        arguments: [
            // uri; a prefix is text, not elements
            ("{uri: {exact: /foo}}", "GET /foo?q", true), ("{uri: {exact: /foo}}", "GET /foo/", false),
            ("{uri: {prefix: /foo}}", "GET /foobar", true), ("{uri: {prefix: /foo}}", "GET /fo", false),
            ("{uri: {regex: '/f.o'}}", "GET /foo", true), ("{uri: {regex: '/f.o'}}", "GET /fooo", false),
            // ignoreUriCase, for exact and prefix only
            ("{uri: {exact: /Foo}, ignoreUriCase: true}", "GET /fOO", true),
            ("{uri: {prefix: /Foo}, ignoreUriCase: true}", "GET /fOObar", true),
            ("{uri: {regex: '/Foo'}, ignoreUriCase: true}", "GET /foo", false),
            // scheme, method, authority: exact, prefix, regex
            ("{scheme: {exact: https}}", "GET / scheme: https", true), ("{scheme: {exact: https}}", "GET /", false),
            ("{method: {regex: 'GET|PUT'}}", "PUT /", true), ("{method: {exact: GET}}", "PUT /", false),
            ("{authority: {prefix: a.}}", "GET / host: a.b", true),
            ("{authority: {prefix: a.}}", "GET / host: b", false),
            // headers: empty and the expression * are presence
            ("{headers: {X-A: {exact: v}}}", "GET / x-a: v", true),
            ("{headers: {x-a: {exact: v}}}", "GET / x-a: w", false),
            ("{headers: {x-a: {prefix: v}}}", "GET / x-a: vw", true),
            ("{headers: {x-a: {regex: 'v+'}}}", "GET / x-a: vv", true),
            ("{headers: {x-a: {}}}", "GET / x-a: any", true), ("{headers: {x-a: {}}}", "GET /", false),
            ("{headers: {x-a: {regex: '*'}}}", "GET / x-a: any", true),
            ("{headers: {x-a: {regex: '*'}}}", "GET /", false),
            ("{headers: {':authority': {exact: h}}}", "GET / host: h", true),
            // withoutHeaders: inverted, a missing field counts as match
            ("{withoutHeaders: {x-a: {exact: v}}}", "GET /", true),
            ("{withoutHeaders: {x-a: {exact: v}}}", "GET / x-a: w", true),
            ("{withoutHeaders: {x-a: {exact: v}}}", "GET / x-a: v", false),
            ("{withoutHeaders: {x-a: {}}}", "GET / x-a: v", false),
            // queryParams: exact, prefix, regex; exact "" holds for a bare key
            ("{queryParams: {q: {exact: '1'}}}", "GET /?q=1", true),
            ("{queryParams: {q: {exact: '1'}}}", "GET /?q=2", false),
            ("{queryParams: {q: {prefix: '1'}}}", "GET /?q=12", true),
            ("{queryParams: {q: {regex: '[0-9]+'}}}", "GET /?q=12", true),
            ("{queryParams: {q: {exact: ''}}}", "GET /?q", true), ("{queryParams: {q: {exact: ''}}}", "GET /?r", false),
            // port, gateways, and names that choose nothing
            ("{port: 80}", "GET /", true), ("{port: 81}", "GET /", false), ("{gateways: [mesh]}", "GET /", true),
            ("{gateways: [edge]}", "GET /", false), ("{name: n, statPrefix: s, uri: {prefix: /}}", "GET /", true),
            // all of one match, one of all matches
            ("{uri: {prefix: /x}, method: {exact: PUT}}", "GET /x", false),
            ("{uri: {prefix: /x}}, {method: {exact: PUT}}", "PUT /y", true),
        ])
    func matches(_ match: String, _ request: String, _ expected: Bool) {
        let trial = virtualMatching(match)
        #expect(trial.findings == [] && trial.send(request) == (expected ? "b" : "404"))
    }

    @Test("sourceLabels and sourceNamespace ask the client's pod, wherever the waypoint is")
    func sources() {
        let labels = virtualMatching("{sourceLabels: {app: web, tier: front}}")
        #expect(labels.send("GET /", by: "web") == "b" && labels.send("GET /", by: "guest") == "404")
        #expect(labels.send("GET /") == "404")
        let namespace = virtualMatching("{sourceNamespace: other}")
        #expect(namespace.send("GET /", by: "guest") == "b" && namespace.send("GET /", by: "web") == "404")
    }

    @Test(
        "headers: names of other fields are passed over with a warning; claims of a token match nothing, with an error")
    func specialHeaders() {
        for name in ["uri", "scheme", "method", "authority"] {
            let trial = virtualMatching("{headers: {\(name): {exact: x}}}")
            #expect(trial.finds("warning", "headers.\(name)") && trial.send("GET /") == "b")
        }
        let claims = virtualMatching("{headers: {'@request.auth.claims.role': {exact: admin}}}")
        #expect(claims.finds("error", "matches nothing") && claims.send("GET /") == "404")
    }

    @Test("Rules count in the order written, the first that matches; several objects of one host one after the other")
    func order() {
        let rules =
            "[{match: [{uri: {prefix: /}}], route: [{destination: {host: b}}]}, {match: [{uri: {exact: /x}}], route: [{destination: {host: c}}]}]"
        #expect(RouteTrial(virtualService(rules)).send("GET /x") == "b")
        let older = virtualService(
            "[{match: [{uri: {prefix: /x}}], route: [{destination: {host: b}}]}]", name: "z",
            metadata: ", creationTimestamp: '2024-01-01T00:00:00Z'")
        let younger = virtualService("[{route: [{destination: {host: c}}]}]", name: "a")
        let trial = RouteTrial(younger, older)
        #expect(trial.send("GET /x") == "b" && trial.send("GET /y") == "c")
    }

    @Test(
        "hosts: short names, names as DNS completes them, wildcards; gateways: mesh or none",
        arguments: [
            ("hosts: [a]", "b"), ("hosts: [a.default]", "b"), ("hosts: [a.default.svc]", "b"),
            ("hosts: [a.default.svc.cluster.local]", "b"), ("hosts: ['*.default.svc.cluster.local']", "b"),
            ("hosts: [b]", "a"), ("hosts: [a], gateways: [edge]", "a"), ("hosts: [a], gateways: [edge, mesh]", "b"),
            ("hosts: [a], exportTo: ['*']", "b"), ("hosts: [a], exportTo: ['.']", "a"),
        ])
    func hosts(_ spec: String, _ expected: String) {
        let trial = RouteTrial(virtualService("[{route: [{destination: {host: b}}]}]", spec: spec))
        #expect(trial.findings == [] && trial.send("GET /") == expected)
        if spec.contains("'.'") { #expect(trial.send("GET /", by: "web") == "b") }
    }

    @Test("hosts: `*` is for gateways, and exportTo of other namespaces for everyone: warnings both")
    func odd() {
        let star = RouteTrial(virtualService("[{route: [{destination: {host: b}}]}]", spec: "hosts: ['*']"))
        #expect(star.finds("warning", "spec.hosts[0]") && star.send("GET /") == "a")
        let list = RouteTrial(
            virtualService("[{route: [{destination: {host: b}}]}]", spec: "hosts: [a], exportTo: [x, y]"))
        #expect(list.finds("warning", "spec.exportTo") && list.send("GET /") == "b")
    }

    // MARK: - Actions

    @Test(
        "route: weights relative to their sum; a single destination needs none, one of several without gets nothing",
        arguments: [
            ("[{destination: {host: b}}]", ["b": 1.0]), ("[{destination: {host: b}, weight: 7}]", ["b": 1.0]),
            ("[{destination: {host: b}, weight: 30}, {destination: {host: c}, weight: 10}]", ["b": 0.75, "c": 0.25]),
            ("[{destination: {host: b}, weight: 1}, {destination: {host: c}}]", ["b": 1.0]),
            ("[{destination: {host: b, port: {number: 81}}}]", ["b:81": 1.0]),
            ("[{destination: {host: a, subset: v2}}]", ["a/v2": 1.0]),
            ("[{destination: {host: a, subset: v9}}]", ["500": 1.0]), ("[{destination: {host: nobody}}]", ["500": 1.0]),
        ] as [(String, [String: Double])])
    func weights(_ route: String, _ shares: [String: Double]) {
        let counts = RouteTrial(virtualService("[{route: \(route)}]"), subsetsOfA).counts("GET /", 4_000)
        #expect(counts.keys.sorted() == shares.keys.sorted())
        for (outcome, share) in shares {
            let allowed = 5 * (4_000 * share * (1 - share)).squareRoot()
            #expect(abs(Double(counts[outcome] ?? 0) - 4_000 * share) <= allowed)
        }
    }

    private let subsetsOfA = """
        {apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: a},
         spec: {host: a, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}}
        """

    @Test(
        "redirect: uri, authority, port, derivePort, scheme; 301 by default",
        arguments: [
            ("{uri: /y}", "GET /x?q", "301 http://a.example/y?q"),
            ("{authority: b.example}", "GET /x", "301 http://b.example/x"),
            ("{scheme: https}", "GET /x host: h:80", "301 https://h/x"),
            ("{port: 8080}", "GET /x", "301 http://a.example:8080/x"),
            ("{derivePort: FROM_PROTOCOL_DEFAULT}", "GET /x host: h:9", "301 http://h/x"),
            ("{derivePort: FROM_REQUEST_PORT, scheme: https}", "GET /x host: h", "301 https://h:80/x"),
            ("{uri: /y, redirectCode: 302}", "GET /x", "302 http://a.example/y"),
            ("{uri: /y, redirectCode: 303}", "GET /x", "303 http://a.example/y"),
            ("{uri: /y, redirectCode: 307}", "GET /x", "307 http://a.example/y"),
            ("{uri: /y, redirectCode: 308}", "GET /x", "308 http://a.example/y"),
        ])
    func redirects(_ redirect: String, _ request: String, _ expected: String) {
        let trial = RouteTrial(virtualService("[{redirect: \(redirect)}]"))
        #expect(trial.findings == [] && trial.send(request) == expected)
    }

    @Test("directResponse: a status with a text, octets, or nothing")
    func directResponses() {
        let cases = [
            ("{status: 418, body: {string: tea}}", "418 tea"), ("{status: 503, body: {bytes: dGVh}}", "503 tea"),
            ("{status: 204}", "204 "),
        ]
        for (response, expected) in cases {
            let trial = RouteTrial(virtualService("[{directResponse: \(response)}]"))
            #expect(trial.findings == [] && trial.send("GET /") == expected)
        }
        let long = RouteTrial(virtualService("[{directResponse: {status: 200, body: {bytes: '!'}}}]"))
        #expect(long.finds("error", "directResponse.body.bytes"))
    }

    @Test(
        "rewrite: the matched prefix, or the whole path; authority; groups of an expression",
        arguments: [
            ("{uri: {prefix: /foo}}", "{uri: /x}", "GET /foobar?q", "a.example/xbar?q"),
            ("{uri: {exact: /foo}}", "{uri: /x}", "GET /foo", "a.example/x"),
            ("{uri: {regex: '/f.*'}}", "{uri: /x}", "GET /foo", "a.example/x"),
            ("{uri: {prefix: /}}", "{authority: b.example}", "GET /foo", "b.example/foo"),
            (
                "{uri: {prefix: /}}", "{uriRegexRewrite: {match: '/v(\\d)/(.*)', rewrite: '/\\2/v\\1'}}", "GET /v1/z",
                "a.example/z/v1"
            ),
        ])
    func rewrites(_ match: String, _ rewrite: String, _ request: String, _ expected: String) {
        let trial = RouteTrial(
            virtualService("[{match: [\(match)], rewrite: \(rewrite), route: [{destination: {host: b}}]}]"))
        #expect(trial.findings == [] && trial.filtered(request) == [expected])
    }

    @Test("headers: of the route and of the destination; Host and :authority by set; on the response too")
    func headers() {
        let trial = RouteTrial(
            virtualService(
                """
                [{headers: {request: {set: {X-Set: rule, Host: c.example}, add: {x-add: '1'}, remove: [X-Gone]},
                            response: {set: {server: ambit}, remove: [x-gone]}},
                  route: [{destination: {host: b}, headers: {request: {set: {x-set: destination}}, response: {add: {x: y}}}}]}]
                """))
        #expect(trial.findings == [])
        #expect(trial.filtered("GET / x-gone: 1") == ["c.example/", "x-set: destination", "x-add: 1"])
        #expect(trial.answered("GET /", [("x-gone", "1")]) == ["server: ambit", "x: y"])
    }

    @Test(
        "timeout: none by default, 0s is none",
        arguments: [("timeout: 5s", .seconds(5)), ("timeout: 0s", nil), ("name: x", nil)] as [(String, Nanoseconds?)])
    func timeout(_ text: String, _ expected: Nanoseconds?) throws {
        let trial = acting(text)
        let rule = try #require(trial.rule())
        #expect(trial.findings == [] && rule.requestTimeout == expected)
    }

    @Test(
        "fault: delay and abort by percentage, by HTTP or gRPC status; without a percentage nothing is injected, with a warning",
        arguments: [
            ("{delay: {fixedDelay: 2s, percentage: {value: 100}}}", .seconds(2), nil, 0),
            ("{delay: {fixedDelay: 2s}}", nil, nil, 1),
            ("{delay: {fixedDelay: 2s, percent: 100}}", .seconds(2), nil, 0),
            ("{abort: {httpStatus: 418, percentage: {value: 100}}}", nil, .http(418), 0),
            ("{abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}}", nil, .grpc(14), 0),
            ("{abort: {grpcStatus: '5', percentage: {value: 100}}}", nil, .grpc(5), 0),
            ("{abort: {httpStatus: 418}}", nil, nil, 1), ("{abort: {httpStatus: 418, percentage: {}}}", nil, nil, 0),
        ] as [(String, Nanoseconds?, Fault.Status?, Int)])
    func faults(_ fault: String, _ delay: Nanoseconds?, _ abort: Fault.Status?, _ findings: Int) throws {
        let trial = acting("fault: \(fault)")
        let decision = try #require(trial.decision("GET /"))
        #expect(trial.findings.count == findings && decision.fault.delay == delay ?? Nanoseconds(0))
        #expect(decision.fault.abort == abort)
    }

    @Test("mirror, mirrors and their percentages, old names too; all requests by default")
    func mirrors() {
        let cases: [(String, Int)] = [
            ("mirror: {host: c}", 2_000), ("mirror: {host: c}, mirrorPercentage: {value: 25}", 500),
            ("mirror: {host: c}, mirrorPercent: 25", 500),
            ("mirrors: [{destination: {host: c}}, {destination: {host: a}}]", 4_000),
            ("mirrors: [{destination: {host: c}, percentage: {value: 25}}]", 500),
        ]
        for (parts, expected) in cases {
            let trial = acting(parts)
            let copies = (0..<2_000).reduce(0) { $0 + trial.mirrored("GET /", seed: UInt64($1)).count }
            #expect(trial.findings == [] && abs(copies - expected) <= 97, "\(parts): \(copies)")
        }
    }

    @Test("corsPolicy: origins by match or list, an age, and preflights of others passed on unless IGNORE")
    func cors() {
        let asked = "OPTIONS / origin: https://x.example; access-control-request-method: PUT"
        let other = "OPTIONS / origin: https://y.example; access-control-request-method: PUT"
        for origins in [
            "allowOrigins: [{exact: 'https://x.example'}]", "allowOrigins: [{regex: 'https://x.*'}]",
            "allowOrigin: ['https://x.example']",
        ] {
            let trial = acting(
                "corsPolicy: {\(origins), allowMethods: [PUT], allowHeaders: [x-a], exposeHeaders: [x-b], maxAge: 24h, allowCredentials: true}"
            )
            #expect(trial.findings == [])
            #expect(
                trial.preflight(asked) == [
                    "access-control-allow-origin: https://x.example", "access-control-allow-credentials: true",
                    "access-control-expose-headers: x-b", "access-control-allow-methods: PUT",
                    "access-control-allow-headers: x-a",
                    "access-control-max-age: 86400",
                ])
            #expect(trial.preflight(other) == nil)
        }
        let ignoring = acting("corsPolicy: {allowOrigins: [{prefix: 'https://x.'}], unmatchedPreflights: IGNORE}")
        #expect(ignoring.preflight(other) == [])
    }

    @Test("delegate: the other object's rules, under both conditions; its own delegates and absent ones are left out")
    func delegates() {
        let root = virtualService("[{match: [{uri: {prefix: /x}}], delegate: {name: d}}]")
        let inner = virtualService(
            "[{match: [{headers: {h: {exact: v}}}], route: [{destination: {host: b}}]}, {route: [{destination: {host: c}}]}]",
            spec: "exportTo: ['*']", name: "d")
        let trial = RouteTrial(root, inner)
        #expect(trial.findings == [])
        #expect(trial.send("GET /x h: v") == "b" && trial.send("GET /x") == "c" && trial.send("GET /y h: v") == "404")
        #expect(RouteTrial(root).finds("warning", "spec.http[0].delegate"))
    }
}
