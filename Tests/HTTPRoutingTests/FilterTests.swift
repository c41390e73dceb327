// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTP
import HTTPRouting
import Mesh
import Testing

@Suite("Filters and answers")
struct FilterTests {
    /// A request after the filters of a rule: authority, target and fields.
    private func filtered(
        _ request: String, _ match: RequestMatch = RequestMatch(), backend: RouteFilters = RouteFilters(),
        _ change: (inout RouteFilters) -> Void
    ) -> [String] {
        var city = City()
        city.serve("a")
        var target = RouteBackend(City.target("a"))
        target.filters = backend
        var rule = City.rule("r", to: [target])
        change(&rule.filters)
        city.route("a", [([match], rule)])
        let table = city.table()
        var scratch = RouteScratch()
        var head = head(request)
        guard let decision = decision(table, head, &scratch) else { return ["no scope"] }
        table.applyRequestFilters(decision, to: &head, scratch: &scratch)
        return [String(decoding: head.authority) + String(decoding: head.target)] + lines(head.fields)
    }

    private func decision(
        _ table: borrowing RouteTable, _ head: borrowing RequestHead, _ scratch: inout RouteScratch
    ) -> RouteDecision? {
        guard let scope = table.scope(of: "a") else { return nil }
        var random = RandomSource(seed: 1)
        return table.decide(
            head, in: scope, from: table.client(namespace: "", workload: nil), random: &random, scratch: &scratch)
    }

    @Test(
        "Gateway API: ReplacePrefixMatch",
        arguments: [
            ("/foo/bar", "/foo", "/xyz", "/xyz/bar"), ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
            ("/foo", "/foo", "/xyz", "/xyz"), ("/foo/", "/foo", "/xyz", "/xyz/"), ("/foo/bar", "/foo", "", "/bar"),
            ("/foo", "/foo", "", "/"), ("/foo/", "/foo", "", "/"), ("/foo", "/foo", "/", "/"),
            ("/foo/", "/foo", "/", "/"), ("/foo/bar", "/foo", "/", "/bar"),
            ("/foo/bar?q=1", "/foo", "/xyz", "/xyz/bar?q=1"),
            ("/bar", "", "/xyz", "/xyz/bar"), ("/", "", "/xyz", "/xyz/"),
        ])
    func elements(_ path: String, _ prefix: String, _ replacement: String, _ expected: String) {
        let result = filtered("GET \(path)", RequestMatch(path: .elements(prefix))) {
            $0.rewrite = URLRewrite(path: .elements(replacement))
        }
        #expect(result == ["a.example" + expected])
    }

    @Test(
        "Istio: rewrite.uri replaces the matched prefix as text, or the whole path",
        arguments: [
            (.prefix("/foo"), "/foobar", "/x", "/xbar"), (.exact("/foo"), "/foo", "/x", "/x"),
            (.regex("/f.*"), "/foo?q", "/x", "/x?q"), (.any, "/foo", "/v2/", "/v2/foo"),
            (.prefix("/foo/"), "/foo/bar", "/", "/bar"),
        ] as [(PathMatch, String, String, String)])
    func matched(_ path: PathMatch, _ target: String, _ replacement: String, _ expected: String) {
        let result = filtered("GET \(target)", RequestMatch(path: path)) {
            $0.rewrite = URLRewrite(path: .matched(replacement))
        }
        #expect(result == ["a.example" + expected])
    }

    @Test("Full paths, hosts and expressions; the query stays")
    func rewrites() {
        #expect(
            filtered("GET /a?q") { $0.rewrite = URLRewrite(host: "b.example", path: .full("/x")) } == ["b.example/x?q"])
        #expect(
            filtered("GET /v1/users/7?q") {
                $0.rewrite = URLRewrite(path: .regex(pattern: "/v(\\d)/([a-z]+)", substitution: "/\\2/v\\1"))
            } == ["a.example/users/v1/7?q"])
    }

    @Test("Fields: remove, set, add; the backend's after the rule's; the authority by `host`")
    func headerFields() {
        var backend = RouteFilters()
        backend.request.set = [.init("x-set", "backend")]
        backend.request.add = [.init("x-add", "2")]
        let result = filtered("GET / x-gone: 1; x-set: old; x-set: older; x-add: 0", backend: backend) {
            $0.request.remove = ["x-gone"]
            $0.request.set = [.init("x-set", "rule"), .init("host", "c.example")]
            $0.request.add = [.init("x-add", "1")]
        }
        #expect(result == ["c.example/", "x-set: backend", "x-add: 0", "x-add: 1", "x-add: 2"])
    }

    @Test("Response fields change too")
    func responseFields() throws {
        var city = City()
        city.serve("a")
        var rule = City.rule("r")
        rule.filters.response.set = [.init("x-served-by", "ambit")]
        city.route("a", [([RequestMatch()], rule)])
        let table = city.table()
        var scratch = RouteScratch()
        let found = decision(table, head("GET /"), &scratch)
        let made = try #require(found)
        var response = ResponseHead()
        let nobody: [UInt8] = []
        let hasFilters = table.hasResponseFilters(made)
        table.applyResponseFilters(made, origin: nobody.span, to: &response)
        let fields = lines(response.fields)
        #expect(hasFilters && fields == ["x-served-by: ambit"])
    }

    // MARK: - Redirects

    private func location(_ request: String, _ match: RequestMatch, _ redirect: Redirect) -> String {
        var city = City()
        city.serve("a")
        var rule = City.rule("r")
        rule.action = .redirect(redirect)
        city.route("a", [([match], rule)])
        let table = city.table()
        var scratch = RouteScratch()
        let head = head(request)
        guard let decision = decision(table, head, &scratch) else { return "no scope" }
        var response = ResponseHead()
        table.writeRedirect(decision, for: head, into: &response, scratch: &scratch)
        return "\(response.status) " + String(decoding: response.fields.value(of: "location"))
    }

    /// A redirect with some of its fields said.
    private static func redirect(
        status: UInt16 = 302, scheme: String? = nil, host: String? = nil, port: Redirect.Port = .keep,
        path: PathRewrite? = nil
    ) -> Redirect {
        var redirect = Redirect(status: status)
        redirect.scheme = scheme
        redirect.host = host
        redirect.port = port
        redirect.path = path
        return redirect
    }

    @Test(
        "Redirects: what is not said stays; the port of the scheme is not written",
        arguments: [
            ("GET /x?q=1 host: h:80", redirect(host: "b", port: .ofRequest), "302 http://b/x?q=1"),
            ("GET /x host: h", redirect(scheme: "https", port: .ofScheme), "302 https://h/x"),
            ("GET /x host: h:8080", redirect(scheme: "https", port: .number(8443)), "302 https://h:8443/x"),
            ("GET /x host: h", redirect(scheme: "https", port: .number(443)), "302 https://h/x"),
            ("GET /x host: h", redirect(port: .number(80)), "302 http://h/x"),
            ("GET /x host: h:9080", redirect(path: .full("/y")), "302 http://h:9080/y"),
            ("GET /x host: h:80", redirect(scheme: "https"), "302 https://h/x"),
            ("GET /x host: h:9080", redirect(scheme: "https"), "302 https://h:9080/x"),
            ("GET /x/z host: [::1]:80", redirect(path: .elements("/y")), "302 http://[::1]:80/y/z"),
            ("GET /x host: h", redirect(status: 308), "308 http://h/x"),
        ])
    func redirects(_ request: String, _ redirect: Redirect, _ expected: String) {
        #expect(location(request, RequestMatch(path: .elements("/x")), redirect) == expected)
    }

    @Test("A direct response has its status and content")
    func directResponse() throws {
        var city = City()
        city.serve("a")
        var rule = City.rule("r")
        rule.action = .respond(DirectResponse(status: 418, body: Array("tea".utf8)))
        city.route("a", [([RequestMatch()], rule)])
        let table = city.table()
        var scratch = RouteScratch()
        let found = decision(table, head("GET /"), &scratch)
        let made = try #require(found)
        var response = ResponseHead()
        table.writeDirectResponse(made, into: &response)
        let (status, body) = (response.status, table.directBody(of: made))
        #expect(made.outcome == .respond && status == 418 && body == Array("tea".utf8))
    }

    // MARK: - CORS

    private func preflight(_ request: String, _ change: (inout CORSPolicy) -> Void) -> [String] {
        var city = City()
        city.serve("a")
        var rule = City.rule("r")
        var policy = CORSPolicy()
        policy.allowOrigins = [.exact("https://x.example"), .regex("https://[a-z]+\\.y\\.example")]
        policy.allowMethods = ["GET", "PUT"]
        policy.maxAge = 5
        change(&policy)
        rule.filters.cors = policy
        city.route("a", [([RequestMatch()], rule)])
        let table = city.table()
        var scratch = RouteScratch()
        let head = head(request)
        guard let decision = decision(table, head, &scratch) else { return ["no scope"] }
        var response = ResponseHead()
        guard table.answerPreflight(decision, head, into: &response) else { return ["passed on"] }
        return ["\(response.status)"] + lines(response.fields)
    }

    @Test("A preflight of an allowed origin is answered with what is allowed; the origin is echoed")
    func allowedPreflight() {
        let request = "OPTIONS / origin: https://q.y.example; access-control-request-method: PUT"
        #expect(
            preflight(request) { _ in } == [
                "200", "access-control-allow-origin: https://q.y.example", "access-control-allow-methods: GET,PUT",
                "access-control-max-age: 5",
            ])
        #expect(
            preflight(request + "; access-control-request-headers: x-a") {
                $0.allowCredentials = true
                $0.allowMethods = ["*"]
                $0.allowHeaders = ["*"]
                $0.maxAge = nil
            } == [
                "200", "access-control-allow-origin: https://q.y.example", "access-control-allow-credentials: true",
                "access-control-allow-methods: PUT", "access-control-allow-headers: x-a",
            ])
    }

    @Test("A preflight of another origin is answered without permission, or passed on where the policy says so")
    func otherPreflight() {
        let request = "OPTIONS / origin: https://evil.example; access-control-request-method: PUT"
        #expect(preflight(request) { _ in } == ["200"])
        #expect(preflight(request) { $0.forwardsUnmatchedPreflights = true } == ["passed on"])
        #expect(preflight("OPTIONS / origin: https://x.example") { _ in } == ["passed on"])
        #expect(
            preflight("GET / origin: https://x.example; access-control-request-method: PUT") { _ in } == ["passed on"])
    }

    // MARK: - Retries

    @Test(
        "retryOn: what makes a try fail",
        arguments: [
            ([.serverError], .response(status: 500, grpcStatus: nil, isRateLimited: false), true),
            ([.serverError], .response(status: 499, grpcStatus: nil, isRateLimited: false), false),
            ([.serverError], .connectFailure, true), ([.serverError], .reset(requestSent: true), true),
            ([.gatewayError], .response(status: 503, grpcStatus: nil, isRateLimited: false), true),
            ([.gatewayError], .response(status: 500, grpcStatus: nil, isRateLimited: false), false),
            ([.gatewayError], .reset(requestSent: true), false), ([.gatewayError], .tryTimeout, true),
            ([.connectFailure], .connectFailure, true), ([.connectFailure], .reset(requestSent: false), false),
            ([.resetBeforeRequest], .reset(requestSent: false), true),
            ([.resetBeforeRequest], .reset(requestSent: true), false),
            ([.refusedStream], .refusedStream, true), ([.connectFailure], .refusedStream, false),
            ([.retriable4xx], .response(status: 409, grpcStatus: nil, isRateLimited: false), true),
            ([.rateLimited], .response(status: 429, grpcStatus: nil, isRateLimited: true), true),
            ([.unavailable], .response(status: 200, grpcStatus: 14, isRateLimited: false), true),
            ([.cancelled], .response(status: 200, grpcStatus: 14, isRateLimited: false), false),
            ([], .response(status: 418, grpcStatus: nil, isRateLimited: false), true), ([], .connectFailure, false),
        ] as [(RetryPolicy.Conditions, TryOutcome, Bool)])
    func retryConditions(_ conditions: RetryPolicy.Conditions, _ outcome: TryOutcome, _ expected: Bool) throws {
        var city = City()
        city.serve("a")
        var rule = City.rule("r")
        rule.retry = RetryPolicy(attempts: 3, conditions: conditions, statusCodes: [418])
        city.route("a", [([RequestMatch()], rule)])
        let table = city.table()
        var scratch = RouteScratch()
        let found = decision(table, head("GET /"), &scratch)
        let made = try #require(found)
        let isRetriable = table.isRetriable(outcome, rule: made.rule)
        #expect(isRetriable == expected)
    }

    @Test(
        "Istio's waits are drawn below (2ⁿ-1) × 25 ms and 250 ms; those of the Gateway API are never shorter than said")
    func backoff() throws {
        var city = City()
        city.serve("a")
        var rule = City.rule("r")
        rule.retry?.isBackoffMinimum = true
        rule.retry?.backoff = .milliseconds(100)
        rule.retry?.maximumBackoff = .seconds(1)
        city.route("a", [([RequestMatch()], rule)])
        let table = city.table()
        var scratch = RouteScratch()
        let found = decision(table, head("GET /"), &scratch)
        let made = try #require(found)
        var random = RandomSource(seed: 1)
        var longest = Nanoseconds(0)
        for tries in UInt32(1)...8 {
            for _ in 0..<200 {
                let free = table.backoff(rule: .default, tries: tries, random: &random)
                longest = max(longest, free)
                #expect(free <= min(.milliseconds(25 * ((1 << Int64(tries)) - 1)), .milliseconds(250)))
                let least = table.backoff(rule: made.rule, tries: tries, random: &random)
                #expect(
                    least >= min(.milliseconds(100 << Int64(tries - 1)), .seconds(1)) && least <= .milliseconds(1500))
            }
        }
        #expect(longest > .milliseconds(200))
    }
}
