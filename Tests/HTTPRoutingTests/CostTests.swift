// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import AllocationCounter
import Bytes
import HTTP
import Mesh
import Testing

@testable import HTTPRouting

@Suite("Routing cost")
struct CostTests {
    /// A table of rules by path, prefix, expression and header, over three pods.
    static func city(rules count: Int) -> City {
        var city = City()
        city.serve("a", pods: ["p0", "p1", "p2"])
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
            var rule = City.rule("\(number)")
            rule.fault.delayPartsPerMillion = 10
            rule.filters.request.set = [.init("x-rule", "\(number)")]
            rule.filters.rewrite = URLRewrite(path: .matched("/new"))
            rules.append(([match], rule))
        }
        city.route("a", rules)
        return city
    }

    static let requests = [
        "GET /exact/4 accept: */*; user-agent: test", "GET /prefix/5/more?q=1 accept: */*; x-tenant: none",
        "GET /regex/6/word accept: */*", "POST /else x-tenant: t7; accept: a; accept: b",
    ]

    /// Decides about requests as the data path does.
    static func serve(
        _ table: borrowing RouteTable, _ scope: RouteScope, _ heads: borrowing Heads, _ number: Int,
        _ state: inout LoadState, _ scratch: inout RouteScratch, _ copy: inout RequestHead
    ) -> Int {
        var random = RandomSource(seed: 3)
        let client = table.client(namespace: "", workload: nil)
        var sum = 0
        for index in 0..<number {
            copy.reset()
            switch index & 3 {
            case 0: copy.assign(heads.first)
            case 1: copy.assign(heads.second)
            case 2: copy.assign(heads.third)
            default: copy.assign(heads.fourth)
            }
            let decision = table.decide(copy, in: scope, from: client, random: &random, scratch: &scratch)
            table.applyRequestFilters(decision, to: &copy, scratch: &scratch)
            guard let cluster = table.cluster(of: decision) else { continue }
            let now = MonotonicTime(nanoseconds: UInt64(index))
            let query = EndpointQuery(cluster: cluster)
            if let endpoint = table.chooseEndpoint(query, now: now, state: &state, random: &random) {
                state.requestBegan(endpoint.slot)
                state.requestEnded(endpoint.slot, latency: .milliseconds(1), now: now)
                sum += 1
            }
        }
        return sum
    }

    struct Heads: ~Copyable {
        let first = head(CostTests.requests[0])
        let second = head(CostTests.requests[1])
        let third = head(CostTests.requests[2])
        let fourth = head(CostTests.requests[3])
    }

    @Test("Deciding, filtering and choosing an endpoint allocate nothing after the first requests")
    func allocatesNothing() throws {
        let table = Self.city(rules: 40).table()
        let found = table.scope(of: "a")
        let scope = try #require(found)
        let heads = Heads()
        var state = LoadState()
        var scratch = RouteScratch()
        var copy = RequestHead()
        _ = Self.serve(table, scope, heads, 40, &state, &scratch, &copy)
        let before = allocation_count()
        let served = Self.serve(table, scope, heads, 1_000, &state, &scratch, &copy)
        let allocations = allocation_count() - before
        #expect(served == 1_000)
        #if DEBUG
            // Unoptimised code boxes what optimised code does not: `swift test -c release` counts none.
            #expect(allocations <= 400_000)
        #else
            #expect(allocations == 0)
        #endif
    }
}
