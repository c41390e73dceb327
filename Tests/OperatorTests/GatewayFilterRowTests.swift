// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTPRouting
internal import Mesh
internal import Testing

/// From the manifest to what happens to requests, row by row of what the Gateway API says of filters and retries.
@Suite("HTTPRoute: filters and retries")
struct GatewayFilterRowTests {
    @Test("RequestHeaderModifier: remove, set and add on the rule; the backend's comes after it")
    func requestHeaders() {
        let trial = filtering(
            """
            filters: [{type: RequestHeaderModifier, requestHeaderModifier:
              {set: [{name: X-Set, value: rule}], add: [{name: x-add, value: bar}], remove: [X-Gone]}}]
            """,
            to: """
                {name: b, port: 80, filters: [{type: RequestHeaderModifier, requestHeaderModifier:
                  {set: [{name: x-set, value: backend}]}}]}
                """)
        #expect(trial.findings == [])
        #expect(
            trial.filtered("GET / x-gone: 1; x-add: foo; x-set: old") == [
                "a.example/", "x-add: foo", "x-set: backend", "x-add: bar",
            ])
    }

    @Test("ResponseHeaderModifier: the same, on the response")
    func responseHeaders() {
        let trial = filtering(
            """
            filters: [{type: ResponseHeaderModifier, responseHeaderModifier:
              {set: [{name: x-set, value: v}], add: [{name: x-add, value: bar}], remove: [server]}}]
            """)
        #expect(trial.findings == [])
        #expect(
            trial.answered("GET /", [("server", "s"), ("x-add", "foo"), ("x-set", "old")])
                == ["x-add: foo", "x-set: v", "x-add: bar"])
    }

    @Test(
        "RequestRedirect: 302 by default; what is not said stays, and so does the query",
        arguments: [
            ("{hostname: b.example}", "GET /x?q=1", "302 http://b.example/x?q=1"),
            ("{hostname: ''}", "GET /x host: h", "302 http://h/x"),
            ("{scheme: https}", "GET /x host: h", "302 https://h/x"),
            ("{scheme: https}", "GET /x host: h:8080", "302 https://h/x"),
            ("{scheme: https, port: 8443}", "GET /x", "302 https://a.example:8443/x"),
            ("{scheme: https, port: 443}", "GET /x", "302 https://a.example/x"),
            ("{scheme: http, port: 80}", "GET /x", "302 http://a.example/x"),
            ("{port: 8080}", "GET /x", "302 http://a.example:8080/x"),
            ("{path: {type: ReplaceFullPath, replaceFullPath: /y}}", "GET /x/z?q", "302 http://a.example/y?q"),
            ("{path: {type: ReplacePrefixMatch, replacePrefixMatch: /y}}", "GET /x/z", "302 http://a.example/y/z"),
            ("{hostname: b, statusCode: 301}", "GET /x", "301 http://b/x"),
            ("{hostname: b, statusCode: 303}", "GET /x", "303 http://b/x"),
            ("{hostname: b, statusCode: 307}", "GET /x", "307 http://b/x"),
            ("{hostname: b, statusCode: 308}", "GET /x", "308 http://b/x"),
        ])
    func redirects(_ redirect: String, _ request: String, _ expected: String) {
        let filter = "filters: [{type: RequestRedirect, requestRedirect: \(redirect)}]"
        let trial = RouteTrial(gatewayRoute("[{matches: [{path: {value: /x}}], \(filter)}]"))
        #expect(trial.findings == [] && trial.send(request) == expected)
    }

    @Test("RequestRedirect: without a port the request's is kept, where it is not the scheme's")
    func redirectPort() {
        let filter = "filters: [{type: RequestRedirect, requestRedirect: {hostname: b}}]"
        let trial = RouteTrial(gatewayRoute("[{\(filter)}]"))
        #expect(trial.send("GET /", port: 81) == "302 http://b:81/" && trial.send("GET /") == "302 http://b/")
    }

    @Test(
        "URLRewrite: hostname, full path and prefix",
        arguments: [
            ("{hostname: b.example}", "GET /x/z", "b.example/x/z"),
            ("{path: {type: ReplaceFullPath, replaceFullPath: /y}}", "GET /x/z?q", "a.example/y?q"),
            ("{path: {type: ReplacePrefixMatch, replacePrefixMatch: /y}}", "GET /x/z", "a.example/y/z"),
            ("{path: {type: ReplacePrefixMatch, replacePrefixMatch: ''}}", "GET /x", "a.example/"),
            ("{path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}", "GET /x/z", "a.example/z"),
        ])
    func rewrites(_ rewrite: String, _ request: String, _ expected: String) {
        for isOfBackend in [false, true] {
            let filter = "filters: [{type: URLRewrite, urlRewrite: \(rewrite)}]"
            let rule =
                isOfBackend
                ? "backendRefs: [{name: b, port: 80, \(filter)}]" : "\(filter), backendRefs: [{name: b, port: 80}]"
            let trial = RouteTrial(gatewayRoute("[{matches: [{path: {value: /x}}], \(rule)}]"))
            #expect(trial.findings == [] && trial.filtered(request) == [expected])
        }
    }

    @Test("ReplacePrefixMatch needs PathPrefix matches: elsewhere it is a finding")
    func prefixWithoutPrefix() {
        let filter =
            "filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /y}}}]"
        let trial = RouteTrial(
            gatewayRoute(
                "[{matches: [{path: {type: Exact, value: /x}}], \(filter), backendRefs: [{name: b, port: 80}]}]"))
        #expect(trial.finds("error", "spec.rules[0]", "PathPrefix only"))
    }

    @Test(
        "RequestMirror: several, all requests by default, a percentage or a fraction of them; one that leads nowhere is left out"
    )
    func mirrors() {
        func mirror(_ name: String, _ share: String = "") -> String {
            "{type: RequestMirror, requestMirror: {backendRef: {name: \(name), port: 80}\(share)}}"
        }
        let both = filtering("filters: [\(mirror("b")), \(mirror("c"))]")
        #expect(both.findings == [] && both.mirrored("GET /") == ["b", "c"])
        let lost = filtering("filters: [\(mirror("nobody"))]")
        #expect(lost.findings.count == 1 && lost.mirrored("GET /") == [] && lost.send("GET /") == "b")
        for (share, expected) in [
            (", percent: 20", 200), (", fraction: {numerator: 1, denominator: 5}", 200),
            (", fraction: {numerator: 50}", 500), (", percent: 0", 0), (", percent: 100", 1_000),
        ] {
            let trial = filtering("filters: [\(mirror("c", share))]")
            let copies = (0..<1_000).reduce(0) { $0 + trial.mirrored("GET /", seed: UInt64($1)).count }
            #expect(trial.findings == [] && abs(copies - expected) <= 80, "\(share): \(copies)")
        }
    }

    @Test(
        "CORS: exact origins, all of them, and those of a domain; never `*` in the answer",
        arguments: [
            ("allowOrigins: ['https://x.example']", "https://x.example", true),
            ("allowOrigins: ['https://x.example']", "https://y.example", false),
            ("allowOrigins: ['*']", "https://y.example", true),
            ("allowOrigins: ['https://*.x.example']", "https://a.x.example", true),
            ("allowOrigins: ['https://*.x.example']", "https://x.example", false),
            ("allowOrigins: ['https://*.x.example']", "http://a.x.example", false),
        ])
    func corsOrigins(_ policy: String, _ origin: String, _ isAllowed: Bool) {
        let trial = filtering("filters: [{type: CORS, cors: {\(policy), allowMethods: [GET]}}]")
        #expect(trial.findings == [])
        #expect(
            trial.answered("GET / origin: \(origin)") == (isAllowed ? ["access-control-allow-origin: \(origin)"] : []))
        let preflight = trial.preflight("OPTIONS / origin: \(origin); access-control-request-method: GET")
        #expect(preflight?.first == (isAllowed ? "access-control-allow-origin: \(origin)" : nil) && preflight != nil)
    }

    @Test("CORS: methods, headers, exposed headers, credentials; 5 s where no age is said")
    func corsFields() {
        let trial = filtering(
            """
            filters: [{type: CORS, cors: {allowOrigins: ['*'], allowMethods: [GET, PUT], allowHeaders: [x-a],
              exposeHeaders: [x-b], allowCredentials: true}}]
            """)
        #expect(
            trial.preflight("OPTIONS / origin: o; access-control-request-method: PUT") == [
                "access-control-allow-origin: o", "access-control-allow-credentials: true",
                "access-control-expose-headers: x-b", "access-control-allow-methods: GET,PUT",
                "access-control-allow-headers: x-a", "access-control-max-age: 5",
            ])
        let all = filtering("filters: [{type: CORS, cors: {allowOrigins: ['*'], allowMethods: ['*'], maxAge: 60}}]")
        #expect(
            all.preflight("OPTIONS / origin: o; access-control-request-method: PUT") == [
                "access-control-allow-origin: o", "access-control-allow-methods: *", "access-control-max-age: 60",
            ])
    }

    @Test(
        "Filters that are not there, not known or in each other's way make the rule answer 500, never skip",
        arguments: [
            "{type: ExtensionRef, extensionRef: {group: g, kind: k, name: n}}",
            "{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: b, port: 80}}}",
            "{type: URLRewrite, urlRewrite: {hostname: x}}, {type: URLRewrite, urlRewrite: {hostname: y}}",
            "{type: CORS}",
            "{type: RequestRedirect, requestRedirect: {hostname: x}}, {type: URLRewrite, urlRewrite: {hostname: y}}",
            "{type: RequestRedirect, requestRedirect: {statusCode: 304}}",
            "{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: ':path', value: /x}]}}",
        ])
    func broken(_ filter: String) {
        let trial = filtering("filters: [\(filter)]")
        #expect(trial.send("GET /") == "500")
        #expect(trial.findings.contains { $0.contains("error") && $0.contains("spec.rules[0]") }, "\(trial.findings)")
    }

    @Test(
        "retry: codes, attempts (2 where nothing is said), a back-off that is the least; connection errors with the stanza",
        arguments: [
            ("{codes: [500, 504], attempts: 3, backoff: 100ms}", 3, [500, 504], 100),
            ("{codes: [503]}", 2, [503], 25), ("{attempts: 1}", 1, [], 25), ("{}", 2, [], 25),
        ] as [(String, UInt32, [UInt16], Int64)])
    func retry(_ text: String, _ attempts: UInt32, _ codes: [UInt16], _ least: Int64) throws {
        let trial = filtering("retry: \(text)")
        let rule = try #require(trial.rule())
        #expect(trial.findings == [] && rule.retryAttempts == attempts)
        for code in UInt16(400)...599 { #expect(trial.isRetriable(status: code) == codes.contains(code)) }
        for outcome in [TryOutcome.connectFailure, .refusedStream, .reset(requestSent: true), .tryTimeout] {
            #expect(trial.isRetriable(outcome), "\(outcome)")
        }
        #expect(trial.waits(tries: 1).shortest >= .milliseconds(least))
    }

    @Test("retry: codes below 400 refuse the object")
    func badRetry() {
        #expect(filtering("retry: {codes: [200]}").findings.contains { $0.contains("spec.rules[0].retry.codes[0]") })
    }

    @Test("Without the stanza: Istio's default, 2 tries more where nothing was served")
    func defaultRetry() throws {
        let trial = filtering("name: x")
        let rule = try #require(trial.rule())
        #expect(rule.retryAttempts == 2)
        let outcomes: [(TryOutcome, Bool)] = [
            (.connectFailure, true), (.refusedStream, true), (.reset(requestSent: true), false), (.tryTimeout, false),
            (.response(status: 503, grpcStatus: nil, isRateLimited: false), false),
            (.response(status: 200, grpcStatus: 14, isRateLimited: false), true),
            (.response(status: 200, grpcStatus: 1, isRateLimited: false), true),
            (.response(status: 200, grpcStatus: 4, isRateLimited: false), false),
        ]
        for (outcome, expected) in outcomes {
            #expect(trial.isRetriable(outcome) == expected, "\(outcome)")
        }
    }
}
