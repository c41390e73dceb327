// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTP
import HTTPRouting
import Mesh
import Testing

@Suite("Matches")
struct MatchTests {
    private func decides(_ match: RequestMatch, _ request: String, client: String? = nil) -> Bool {
        var city = City()
        city.serve("a", pods: ["p app=web", "q"])
        city.route("a", [([match], City.rule("hit"))])
        let table = city.table()
        return HTTPRoutingTests.decide(table, request, client: client) == "hit"
    }

    @Test(
        "Gateway API: a path prefix holds for whole elements, an exact path for itself",
        arguments: [
            (.elements("/abc"), "/abc", true), (.elements("/abc"), "/abc/", true), (.elements("/abc"), "/abc/d", true),
            (.elements("/abc"), "/abcd", false), (.elements("/abc"), "/ABC", false),
            (.elements("/abc"), "/abc?x=/d", true),
            (.elements(""), "/", true), (.elements(""), "/x", true), (.exact("/abc"), "/abc", true),
            (.exact("/abc"), "/abc/", false), (.exact("/abc"), "/abc?q", true), (.prefix("/abc"), "/abcd", true),
            (.prefix("/abc"), "/ab", false), (.prefix("/"), "/x", true), (.regex("/a.c"), "/abc", true),
            (.regex("/a.c"), "/abcd", false), (.regex("/abc/[0-9]+"), "/abc/12", true), (.regex("(a"), "/abc", false),
            (.any, "*", true),
        ] as [(PathMatch, String, Bool)])
    func paths(_ path: PathMatch, _ target: String, _ expected: Bool) {
        #expect(decides(RequestMatch(path: path), "GET \(target)") == expected)
    }

    @Test(
        "ignoreUriCase disregards case where the path is exact or a prefix",
        arguments: [
            (.exact("/aBc"), "/AbC", true), (.prefix("/aB"), "/AbC", true), (.elements("/aB"), "/AbC", false),
            (.elements("/aB"), "/Ab/C", true), (.exact("/é"), "/É", false), (.regex("/ab"), "/AB", false),
        ] as [(PathMatch, String, Bool)])
    func foldedPaths(_ path: PathMatch, _ target: String, _ expected: Bool) {
        var match = RequestMatch(path: path)
        match.ignoresPathCase = true
        #expect(decides(match, "GET \(target)") == expected)
    }

    @Test(
        "Header fields: exact, prefix, suffix, expression, presence; repeated ones are joined; withoutHeaders",
        arguments: [
            ("x", .exact("v"), false, "x: v", true), ("x", .exact("v"), false, "x: V", false),
            ("x", .exact("v,w"), false, "x: v; x: w", true), ("x", .exact("v"), false, "x: v; x: w", false),
            ("cookie", .exact("a=1; b=2"), false, "cookie: a=1; cookie: b=2", true),
            ("x", .prefix("v"), false, "x: vw", true), ("x", .suffix("w"), false, "x: vw", true),
            ("x", .regex("v.*"), false, "x: v; x: w", true), ("x", .regex("v"), false, "x: vw", false),
            ("x", .presence, false, "x:", true), ("x", .presence, false, "y: v", false),
            ("x", .exact("v"), true, "y: v", true), ("x", .exact("v"), true, "x: v", false),
            ("x", .exact("v"), true, "x: w", true), ("x", .presence, true, "x: w", false),
            ("x", .presence, true, "y: w", true), ("host", .exact("h"), false, "host: h", true),
            ("host", .exact("h"), true, "host: h", false), ("x", .exact(""), false, "x:", true),
        ] as [(String, TextMatch, Bool, String, Bool)])
    func headers(_ name: String, _ value: TextMatch, _ isInverted: Bool, _ fields: String, _ expected: Bool) {
        var match = RequestMatch()
        match.headers = [.init(name: name, value: value, isInverted: isInverted)]
        #expect(decides(match, "GET / \(fields)") == expected)
    }

    @Test(
        "Query parameters: the first of a name counts, case does too; exact \"\" holds for a bare key",
        arguments: [
            (.exact("1"), "/?a=1", true), (.exact("1"), "/?b=2&a=1", true), (.exact("1"), "/?a=2&a=1", false),
            (.exact("1"), "/?A=1", false), (.exact(""), "/?a", true), (.exact(""), "/?a=", true),
            (.exact(""), "/?ab", false), (.presence, "/?x&a=9", true), (.presence, "/", false),
            (.regex("[0-9]+"), "/?a=12", true), (.prefix("1"), "/?a=12", true), (.exact("1"), "/a=1", false),
        ] as [(TextMatch, String, Bool)])
    func query(_ value: TextMatch, _ target: String, _ expected: Bool) {
        var match = RequestMatch()
        match.query = [.init(name: "a", value: value)]
        #expect(decides(match, "GET \(target)") == expected)
    }

    @Test("Method, authority and scheme")
    func others() {
        var match = RequestMatch()
        match.method = .regex("GET|HEAD")
        #expect(decides(match, "HEAD /") && !decides(match, "get /"))
        match.authority = .prefix("a.")
        #expect(decides(match, "GET /") && !decides(match, "GET / host: b.example"))
        match.scheme = .exact("https")
        #expect(!decides(match, "GET /") && decides(match, "GET / scheme: https"))
    }

    @Test("sourceLabels asks the labels of the client's workload, which an unknown client has none of")
    func sourceLabels() {
        var match = RequestMatch()
        match.sourceLabels = ["app": "web"]
        #expect(decides(match, "GET /", client: "p"))
        #expect(!decides(match, "GET /", client: "q") && !decides(match, "GET /"))
    }

    @Test("Conditions of one match hold together, matches of one rule are alternatives, the first rule counts")
    func combination() {
        var city = City()
        city.serve("a")
        var both = RequestMatch(path: .elements("/x"))
        both.method = .exact("POST")
        city.route(
            "a",
            [
                ([both, RequestMatch(path: .exact("/y"))], City.rule("one")),
                ([RequestMatch(path: .elements("/x"))], City.rule("two")),
            ])
        let table = city.table()
        let answers = ["POST /x", "GET /x", "GET /y", "GET /z"].map { decide(table, $0) }
        #expect(answers == ["one", "two", "one", "404"])
    }

    @Test("A client has the routes of its namespace, else everyone's, else none: then requests go to the service")
    func groups() {
        var city = City()
        city.serve("a")
        city.serve("b")
        city.route("a", [([RequestMatch()], City.rule("producer"))])
        city.route("a", [([RequestMatch()], City.rule("consumer"))])
        city.model.routes.bindings[1].clients = .namespace("n")
        city.route("b", [([RequestMatch()], City.rule("consumer"))])
        city.model.routes.bindings[2].clients = .namespace("n")
        let table = city.table()
        let answers = [
            decide(table, "GET /", namespace: "n"), decide(table, "GET /", namespace: "m"), decide(table, "GET /"),
            decide(table, "GET /", at: "b", namespace: "n"), decide(table, "GET /", at: "b", namespace: "m"),
        ]
        #expect(answers == ["consumer", "producer", "producer", "consumer", "default"])
    }
}
