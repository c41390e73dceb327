// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTP
import Mesh
import Testing

@testable import HTTPRouting

@Suite("Route tables")
struct RouteTableTests {
    // MARK: - The definition

    /// Whether a request meets a match, word for word: nothing is indexed, nothing compiled.
    private static func meets(_ match: RequestMatch, _ request: Request) -> Bool {
        func fold(_ text: String) -> String { match.ignoresPathCase ? text.lowercased() : text }
        let path = fold(request.path)
        let isPath =
            switch match.path {
            case .any: true
            case .exact(let value): path == fold(value)
            case .prefix(let value): path.hasPrefix(fold(value))
            case .elements(let value): path == fold(value) || path.hasPrefix(fold(value) + "/") || value.isEmpty
            // Random tables hold only expressions of the form TEXT.*
            case .regex(let value): request.path.hasPrefix(value.dropLast(2))
            }
        guard isPath, match.method.map({ $0 == .exact(request.method) }) ?? true else { return false }
        for header in match.headers {
            let values = request.fields.filter { $0.0 == header.name }.map(\.1)
            let joined = values.joined(separator: ",")
            let holds: Bool =
                switch header.value {
                case .exact(let value): !values.isEmpty && joined == value
                case .presence: !values.isEmpty
                default: false
                }
            if holds == header.isInverted { return false }
        }
        return true
    }

    private struct Request {
        var method: String
        var path: String
        var fields: [(String, String)]

        var text: String {
            let list = fields.map { "\($0.0): \($0.1)" }.joined(separator: "; ")
            return "\(method) \(path)\(list.isEmpty ? "" : " " + list)"
        }
    }

    private static func path(_ random: inout RandomSource) -> String {
        let count = Int(random.next(upperBound: UInt64(4)))
        return "/"
            + (0..<count).map { _ in ["a", "b", "B", "ab", ""].randomElement(using: &random) ?? "a" }
            .joined(separator: "/")
    }

    private static func match(_ random: inout RandomSource) -> RequestMatch {
        var match = RequestMatch()
        let path = path(&random)
        switch random.next(upperBound: UInt64(6)) {
        case 0: match.path = .any
        case 1: match.path = .exact(path)
        case 2: match.path = .prefix(path)
        case 3: match.path = .regex(path + ".*")
        default: match.path = .elements(path.hasSuffix("/") ? String(path.dropLast()) : path)
        }
        match.ignoresPathCase = random.next(upperBound: UInt64(4)) == 0
        if case .regex = match.path { match.ignoresPathCase = false }
        if random.next(upperBound: UInt64(4)) == 0 { match.method = .exact("GET") }
        for _ in 0..<random.next(upperBound: UInt64(3)) {
            let value = ["1", "2", "1,2"].randomElement(using: &random) ?? "1"
            match.headers.append(
                .init(
                    name: ["x", "y"].randomElement(using: &random) ?? "x",
                    value: random.next(upperBound: UInt64(3)) == 0 ? .presence : .exact(value),
                    isInverted: random.next(upperBound: UInt64(4)) == 0))
        }
        return match
    }

    @Test("On random tables and requests the index finds what evaluating every condition in order finds")
    func agreesWithDefinition() {
        var random = RandomSource(seed: 11)
        var hits = 0
        for _ in 0..<150 {
            var city = City()
            city.serve("a")
            let count = Int(random.next(upperBound: UInt64(30))) + 1
            let matches = (0..<count).map { _ in Self.match(&random) }
            city.route("a", matches.enumerated().map { ([$1], City.rule("\($0)")) })
            let table = city.table()
            for _ in 0..<40 {
                var request = Request(
                    method: ["GET", "POST"].randomElement(using: &random) ?? "GET", path: Self.path(&random),
                    fields: [])
                for _ in 0..<random.next(upperBound: UInt64(4)) {
                    request.fields.append(
                        (
                            ["x", "y", "z"].randomElement(using: &random) ?? "x",
                            ["1", "2"].randomElement(using: &random) ?? "1"
                        ))
                }
                let expected = matches.firstIndex { Self.meets($0, request) }.map { "\($0)" } ?? "404"
                let found = decide(table, request.text)
                #expect(found == expected, "\(request.text) by \(matches)")
                if expected != "404" { hits += 1 }
            }
        }
        #expect(hits > 2_000)
    }

    @Test("With 10 000 rules a request looks at as many conditions as with 10")
    func indexed() throws {
        func evaluated(_ count: Int) throws -> Int {
            var city = City()
            city.serve("a")
            var rules: [(matches: [RequestMatch], rule: RouteRule)] = []
            for number in 0..<count {
                var match: RequestMatch
                switch number % 4 {
                case 0: match = RequestMatch(path: .exact("/exact/\(number)"))
                case 1: match = RequestMatch(path: .elements("/prefix/\(number)"))
                case 2: match = RequestMatch(path: .regex("/regex/\(number)/[a-z]+"))
                default:
                    match = RequestMatch(path: .elements(""))
                    match.headers = [.init(name: "x-tenant", value: .exact("t\(number)"))]
                }
                rules.append(([match], City.rule("\(number)")))
            }
            city.route("a", rules)
            let table = city.table()
            // The lists that a request for rule 9 or 9_999, which has a header, can be led to.
            let group = table.groups[0]
            var longest = Int(group.others.count)
            for slot in group.slots.positions { longest = max(longest, Int(table.keySlots[slot].list.count)) }
            let last = count - 1
            let answers = [
                decide(table, "GET /exact/4"), decide(table, "GET /prefix/5/x"), decide(table, "GET /regex/6/x"),
                decide(table, "GET /x x-tenant: t7"), decide(table, "GET /regex/6/9"),
                decide(table, last % 4 == 3 ? "GET /y x-tenant: t\(last)" : "GET /prefix/\(last)"),
            ]
            #expect(answers == ["4", "5", "6", "7", "404", "\(last)"])
            return longest
        }
        #expect(try evaluated(10) == 1)
        #expect(try evaluated(10_000) == 1)
    }

    // MARK: - Drawing

    @Test("Shares of backends are exact in the long run, and a seed repeats them")
    func weights() throws {
        var city = City()
        for name in ["a", "b", "c"] { city.serve(name) }
        let backends = [
            RouteBackend(City.target("a"), weight: 90), RouteBackend(City.target("b"), weight: 9),
            RouteBackend(City.target("c"), weight: 0), RouteBackend(.invalid, weight: 1),
        ]
        city.route("a", [([RequestMatch()], City.rule("r", to: backends))])
        let table = city.table()
        let found = table.scope(of: "a")
        let scope = try #require(found)
        func counts(seed: UInt64) -> [String: Int] {
            var random = RandomSource(seed: seed)
            var scratch = RouteScratch()
            var counts: [String: Int] = [:]
            let request = head("GET /")
            for _ in 0..<20_000 {
                let decision = table.decide(
                    request, in: scope, from: table.client(namespace: "", workload: nil), random: &random,
                    scratch: &scratch)
                let name = table.cluster(of: decision).map { table.name(of: $0) } ?? "\(decision.outcome)"
                counts[name, default: 0] += 1
            }
            return counts
        }
        let once = counts(seed: 3)
        let again = counts(seed: 3)
        #expect(once == again)
        // Five standard deviations: sqrt(20000 × p × (1 - p)).
        #expect(abs((once["inbound-vip|80|http|\(City.host("a"))"] ?? 0) - 18_000) < 213)
        #expect(abs((once["inbound-vip|80|http|\(City.host("b"))"] ?? 0) - 1_800) < 203)
        #expect(abs((once["invalidBackend"] ?? 0) - 200) < 71)
        #expect(once.count == 3)
    }

    @Test("Delay, abort and mirrors are drawn independently of each other")
    func faults() throws {
        var city = City()
        city.serve("a")
        city.serve("b")
        var rule = City.rule("r")
        rule.fault.delay = .seconds(5)
        rule.fault.delayPartsPerMillion = 100_000
        rule.fault.abort = .grpc(14)
        rule.fault.abortPartsPerMillion = 500_000
        let mirror = BackendReference(service: City.key("b"), port: 80)
        rule.filters.mirrors = [
            Mirror(target: mirror, partsPerMillion: 250_000), Mirror(target: mirror),
            Mirror(target: BackendReference(service: City.key("none"), port: 80)),
        ]
        city.route("a", [([RequestMatch()], rule)])
        let table = city.table()
        let found = table.scope(of: "a")
        let scope = try #require(found)
        var random = RandomSource(seed: 5)
        var scratch = RouteScratch()
        var (delays, aborts, both, copies) = (0, 0, 0, 0)
        let request = head("GET /")
        for _ in 0..<20_000 {
            let decision = table.decide(
                request, in: scope, from: table.client(namespace: "", workload: nil), random: &random,
                scratch: &scratch)
            let isDelayed = decision.fault.delay == .seconds(5)
            let isAborted = decision.fault.abort == .grpc(14)
            delays += isDelayed ? 1 : 0
            aborts += isAborted ? 1 : 0
            both += isDelayed && isAborted ? 1 : 0
            var position = 0
            while table.nextMirror(of: decision, from: &position) != nil { copies += 1 }
        }
        #expect(abs(delays - 2_000) < 213 && abs(aborts - 10_000) < 354 && abs(both - 1_000) < 155)
        #expect(abs(copies - 25_000) < 307)
    }

    @Test("No backend, weights of 0, and a rule that failed are answered 500; so is a service that is not there")
    func invalid() {
        var city = City()
        city.serve("a")
        var failed = City.rule("f")
        failed.action = .fail
        city.route(
            "a",
            [
                ([RequestMatch(path: .exact("/1"))], City.rule("r", to: [])),
                ([RequestMatch(path: .exact("/2"))], City.rule("r", to: [RouteBackend(City.target("a"), weight: 0)])),
                ([RequestMatch(path: .exact("/3"))], failed),
                ([RequestMatch(path: .exact("/4"))], City.rule("r", to: [RouteBackend(City.target("none"))])),
                ([RequestMatch(path: .exact("/5"))], City.rule("r", to: [RouteBackend(City.target("a", subset: "s"))])),
            ])
        let table = city.table()
        let answers = (1...5).map { decide(table, "GET /\($0)") }
        #expect(answers == ["500", "500", "500", "500", "500"])
    }

    @Test("A mesh that was followed has the table of what is there now: nothing that is gone, labels of who has come")
    func followed() {
        var city = City()
        city.serve("a", pods: ["a-1 v=1", "a-2 v=2"])
        city.serve("b", pods: ["b-1 v=1"])
        var policy = DestinationPolicy(service: City.key("a"))
        policy.subsets = [.init(name: "one", labels: ["v": "1"], policy: TrafficPolicy())]
        city.model.routes.destinationPolicies = [policy]
        city.route("a", [([RequestMatch()], City.rule("r", to: [RouteBackend(City.target("a", subset: "one"))]))])
        var index = MeshIndex(city.model)
        var directory = EndpointDirectory()
        func table(_ directory: inout EndpointDirectory) -> [String] {
            let mesh = index.snapshot(generation: 1)
            let table = RouteTable(index, mesh: mesh, directory: &directory, now: MonotonicTime(nanoseconds: 1))
            return table.clusters.indices.map { position in
                let cluster = ClusterIndex(position)
                let names = table.candidates(of: cluster).map { mesh[mesh[$0.workload].uid] }
                let service = mesh[mesh[table.clusters[position].service].hostname].prefix(1)
                return "\(service) \(table.subset(of: cluster)) \(names.sorted())"
            }.sorted()
        }
        let first = table(&directory)
        #expect(first == [#"a  ["a-1", "a-2"]"#, #"a one ["a-1"]"#, #"b  ["b-1"]"#])
        var other = City()
        other.serve("a", pods: ["x v=9", "y v=9", "a-2 v=2", "a-3 v=1"])
        var change = MeshChange()
        for gone in ["a-1", "b-1"] { change.workloads.updateValue(nil, forKey: gone) }
        change.workloads["a-3"] = other.model.workloads[3]
        change.services.updateValue(nil, forKey: City.key("b"))
        change.endpoints[City.key("a")] = Array(other.model.endpoints.suffix(2))
        let isChanged = index.apply(.change(change))
        let second = table(&directory)
        #expect(isChanged && second == [#"a  ["a-2", "a-3"]"#, #"a one ["a-3"]"#])
    }

    @Test("An expression is taken from the table before, and forgotten when none asks for it")
    func expressions() {
        var cache = ExpressionCache()
        for pattern in ["a+", "b+"] {
            cache.begin()
            let (expression, broken) = (cache.expression(pattern) != nil, cache.expression("(") != nil)
            #expect(expression && !broken)
            cache.finish()
        }
        #expect(cache.patterns == ["(", "b+"])
    }
}

extension RouteTable {
    borrowing func scope(of service: String) -> RouteScope? {
        mesh.service(hostname: City.host(service), seenFrom: NameIndex(0)).flatMap { scope(service: $0, port: 80) }
    }
}
