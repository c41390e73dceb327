// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTPRouting
internal import Mesh
internal import Testing

/// From the manifest to what happens to requests, row by row of what the Gateway API says of matches and outcomes.
@Suite("HTTPRoute: matches, precedence, outcomes")
struct HTTPRouteRowTests {
    @Test(
        "Gateway API, matches: each kind holds for the requests it says, and for no other",
        arguments: [
            // path Exact: case-sensitive, whole path, no query
            ("{path: {type: Exact, value: /abc}}", "GET /abc", true),
            ("{path: {type: Exact, value: /abc}}", "GET /abc?q", true),
            ("{path: {type: Exact, value: /abc}}", "GET /abc/", false),
            ("{path: {type: Exact, value: /abc}}", "GET /Abc", false),
            // path PathPrefix, the default type: by elements, a slash at the end of the rule does not count
            ("{path: {value: /abc}}", "GET /abc", true), ("{path: {value: /abc}}", "GET /abc/", true),
            ("{path: {value: /abc}}", "GET /abc/def", true), ("{path: {value: /abc}}", "GET /abcd", false),
            ("{path: {type: PathPrefix, value: /abc/}}", "GET /abc", true),
            ("{path: {type: PathPrefix}}", "GET /anything", true), ("{}", "GET /anything", true),
            // path RegularExpression: RE2, the whole path
            ("{path: {type: RegularExpression, value: '/a[0-9]+'}}", "GET /a12", true),
            ("{path: {type: RegularExpression, value: '/a[0-9]+'}}", "GET /a12/b", false),
            // headers: names without case, repeated request fields joined, all must hold
            ("{headers: [{name: X-One, value: v}]}", "GET / x-one: v", true),
            ("{headers: [{name: X-One, value: v}]}", "GET / x-one: V", false),
            ("{headers: [{name: x-one, value: 'v,w'}]}", "GET / x-one: v; x-one: w", true),
            ("{headers: [{name: x-one, type: RegularExpression, value: 'v+'}]}", "GET / x-one: vvv", true),
            ("{headers: [{name: x-one, type: RegularExpression, value: 'v+'}]}", "GET / x-one: vvvw", false),
            ("{headers: [{name: x, value: v}, {name: y, value: w}]}", "GET / x: v", false),
            ("{headers: [{name: x, value: v}, {name: y, value: w}]}", "GET / x: v; y: w", true),
            // of one name in the rule the first counts
            ("{headers: [{name: x, value: v}, {name: X, value: w}]}", "GET / x: v", true),
            ("{headers: [{name: x, value: v}, {name: X, value: w}]}", "GET / x: w", false),
            // queryParams: names with case, of a repeated parameter the first value
            ("{queryParams: [{name: q, value: '1'}]}", "GET /?q=1", true),
            ("{queryParams: [{name: q, value: '1'}]}", "GET /?Q=1", false),
            ("{queryParams: [{name: q, value: '1'}]}", "GET /?q=2&q=1", false),
            ("{queryParams: [{name: q, type: RegularExpression, value: '[0-9]'}]}", "GET /?q=7", true),
            ("{queryParams: [{name: q, value: '1'}, {name: q, value: '2'}]}", "GET /?q=1", true),
            // method: with case
            ("{method: PATCH}", "PATCH /", true), ("{method: PATCH}", "GET /", false),
            ("{method: GET}", "get /", false),
            // conditions of one match are ANDed
            ("{path: {value: /x}, method: PUT, headers: [{name: h, value: v}]}", "PUT /x h: v", true),
            ("{path: {value: /x}, method: PUT, headers: [{name: h, value: v}]}", "PUT /y h: v", false),
            ("{path: {value: /x}, method: PUT, headers: [{name: h, value: v}]}", "PUT /x h: w", false),
            // matches of one rule are ORed
            ("{path: {value: /x}}, {method: PUT}", "PUT /y", true),
            ("{path: {value: /x}}, {method: PUT}", "GET /y", false),
        ] as [(String, String, Bool)])
    func matches(_ match: String, _ request: String, _ expected: Bool) {
        let trial = matching(match)
        #expect(trial.findings == [])
        #expect(trial.send(request) == (expected ? "b" : "404"))
    }

    @Test(
        "Gateway API, path values: what the API server does not take makes the match void, and is a finding",
        arguments: [
            "x", "", "/a//b", "/a/./b", "/a/../b", "/a%2fb", "/a%2Fb", "/a#b", "/a/.", "/a/..",
            "/" + String(repeating: "a", count: 1024),
        ])
    func badPaths(_ path: String) {
        for type in ["Exact", "PathPrefix"] {
            let trial = matching("{path: {type: \(type), value: '\(path)'}}")
            #expect(trial.finds("spec.rules[0].matches[0].path", "must begin with /"), "\(trial.findings)")
            #expect(trial.send("GET \(path.isEmpty ? "/" : path)") == "404")
        }
    }

    @Test("Gateway API, method: another word than the nine is a finding, and matches nothing")
    func badMethod() {
        let trial = matching("{method: get}")
        #expect(trial.finds("error", "spec.rules[0].matches[0].method", "must be one of GET"))
        #expect(trial.send("get /") == "404" && trial.send("GET /") == "404")
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] {
            let trial = matching("{method: \(method)}")
            #expect(trial.findings == [] && trial.send("\(method) /") == "b")
        }
    }

    @Test(
        "Gateway API, precedence: of two matches the more specific one counts, in whichever order they stand",
        arguments: [
            // (counts, is passed over, request)
            ("{path: {type: Exact, value: /x}}", "{path: {value: /x}}", "GET /x"),
            ("{path: {type: Exact, value: /x}}", "{path: {value: /x}, method: GET}", "GET /x"),
            ("{path: {value: /x/y}}", "{path: {value: /x}}", "GET /x/y/z"),
            ("{path: {value: /x/y}}", "{path: {value: /x}, method: GET}", "GET /x/y"),
            ("{path: {value: /x}}", "{path: {type: RegularExpression, value: '/x.*'}}", "GET /x"),
            ("{path: {type: RegularExpression, value: '/x.*'}}", "{path: {value: /}}", "GET /x"),
            ("{path: {value: /x}, method: GET}", "{path: {value: /x}, headers: [{name: h, value: v}]}", "GET /x h: v"),
            (
                "{headers: [{name: h, value: v}, {name: i, value: w}]}", "{headers: [{name: h, value: v}]}",
                "GET / h: v; i: w"
            ),
            ("{headers: [{name: h, value: v}]}", "{queryParams: [{name: q, value: '1'}]}", "GET /?q=1 h: v"),
            (
                "{queryParams: [{name: q, value: '1'}, {name: r, value: '1'}]}",
                "{queryParams: [{name: q, value: '1'}]}",
                "GET /?q=1&r=1"
            ),
        ] as [(String, String, String)])
    func precedence(_ better: String, _ worse: String, _ request: String) {
        let rules = [
            "{matches: [\(better)], backendRefs: [{name: b, port: 80}]}",
            "{matches: [\(worse)], backendRefs: [{name: c, port: 80}]}",
        ]
        for order in [rules, rules.reversed()] {
            // In one route, and in two.
            let together = RouteTrial(gatewayRoute("[\(order.joined(separator: ", "))]"))
            let apart = RouteTrial(
                gatewayRoute("[\(order[0])]", name: "one"), gatewayRoute("[\(order[1])]", name: "two"))
            #expect(together.send(request) == "b" && apart.send(request) == "b")
        }
    }

    @Test("Gateway API, ties: the oldest route, then the lesser namespace/name, then the first rule of the list")
    func ties() {
        func route(_ backend: String, _ name: String, age: String? = nil) -> String {
            gatewayRoute(
                "[{backendRefs: [{name: \(backend), port: 80}]}]", name: name,
                metadata: age.map { ", creationTimestamp: '\($0)'" } ?? "")
        }
        let old = route("b", "z", age: "2024-01-01T00:00:00Z")
        #expect(RouteTrial(route("c", "a", age: "2025-01-01T00:00:00Z"), old).send("GET /") == "b")
        #expect(RouteTrial(route("c", "n"), route("b", "m")).send("GET /") == "b")
        let rules = "[{backendRefs: [{name: b, port: 80}]}, {backendRefs: [{name: c, port: 80}]}]"
        #expect(RouteTrial(gatewayRoute(rules)).send("GET /") == "b")
    }

    @Test(
        "Gateway API, outcomes: 404 without a rule, 500 without a backend, and shares of 500",
        arguments: [
            ("[{matches: [{path: {value: /x}}], backendRefs: [{name: b, port: 80}]}]", ["404": 1.0]),
            ("[{}]", ["500": 1.0]), ("[]", ["500": 1.0]),
            ("[{backendRefs: [{name: nobody, port: 80}]}]", ["500": 1.0]),
            ("[{backendRefs: [{name: b, port: 80}, {name: nobody, port: 80}]}]", ["b": 0.5, "500": 0.5]),
            ("[{backendRefs: [{name: b, port: 80, weight: 3}, {name: b}]}]", ["b": 0.75, "500": 0.25]),
            (
                "[{backendRefs: [{name: b, port: 80, weight: 9}, {name: c, port: 80}, {name: a, port: 80, weight: 0}]}]",
                ["b": 0.9, "c": 0.1]
            ),
            ("[{backendRefs: [{name: b, port: 80, weight: 0}, {name: c, port: 80, weight: 0}]}]", ["500": 1.0]),
        ] as [(String, [String: Double])])
    func outcomes(_ rules: String, _ shares: [String: Double]) {
        let counts = RouteTrial(gatewayRoute(rules)).counts("GET /")
        #expect(counts.keys.sorted() == shares.keys.sorted())
        for (outcome, share) in shares {
            // Five standard deviations.
            let allowed = 5 * (2_000 * share * (1 - share)).squareRoot()
            #expect(abs(Double(counts[outcome] ?? 0) - 2_000 * share) <= allowed, "\(outcome) of \(counts)")
        }
    }

    @Test("Gateway API, the name of a rule is that of the log")
    func ruleName() {
        let trial = RouteTrial(gatewayRoute("[{name: mine, backendRefs: [{name: b, port: 80}]}]"))
        #expect(trial.findings == [] && trial.ruleName() == "mine")
    }

    @Test(
        "Gateway API, timeouts: over all tries and for one, 0s is none, and GEP-2257 says how they are written",
        arguments: [
            ("{request: 10s, backendRequest: 2s}", .seconds(10), .seconds(2)), ("{request: 0s}", nil, nil),
            ("{backendRequest: 500ms}", nil, .milliseconds(500)), ("{request: 1h30m}", .seconds(5400), nil),
            ("{request: 1m2s3ms}", .milliseconds(62_003), nil),
        ] as [(String, Nanoseconds?, Nanoseconds?)])
    func timeouts(_ text: String, _ request: Nanoseconds?, _ backend: Nanoseconds?) throws {
        let trial = filtering("timeouts: \(text)")
        let rule = try #require(trial.rule())
        #expect(trial.findings == [] && rule.requestTimeout == request && rule.tryTimeout == backend)
    }

    @Test("Gateway API, timeouts: a try that may take longer than all of them, or no duration, refuses the object")
    func badTimeouts() {
        for text in ["{request: 1s, backendRequest: 2s}", "{request: soon}", "{request: 1}"] {
            let trial = filtering("timeouts: \(text)")
            #expect(trial.finds("error", "spec.rules[0].timeouts") && trial.model.routes.bindings.isEmpty)
        }
    }

    @Test("GEP-1619: session persistence is a warning, and the rule counts")
    func sessionPersistence() {
        let trial = filtering("sessionPersistence: {sessionName: s}")
        #expect(trial.finds("warning", "spec.rules[0].sessionPersistence", "not supported"))
        #expect(trial.send("GET /") == "b")
    }
}
