// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTP
import Mesh
import Routing
import Testing

@testable import HTTPRouting

@Suite("Choosing endpoints")
struct BalancingTests {
    private static let start = MonotonicTime(nanoseconds: 1_000_000_000_000)

    /// Pods p0, p1, … of a service `a`, and the policy of their host.
    private func city(_ count: Int, _ change: (inout TrafficPolicy) -> Void = { _ in }) -> City {
        var city = City()
        city.serve("a", pods: (0..<count).map { "p\($0) n=\($0)" })
        var policy = DestinationPolicy(service: City.key("a"))
        change(&policy.policy)
        city.model.routes.destinationPolicies = [policy]
        return city
    }

    private func cluster(_ table: borrowing RouteTable) -> ClusterIndex {
        guard let scope = table.scope(of: "a") else { preconditionFailure("no scope") }
        return table.scopes[scope.position].cluster
    }

    /// How often each pod is chosen, by name; each choice is a request that ends at once, or never.
    private func counts(
        _ table: borrowing RouteTable, _ number: Int, state: inout LoadState, keeps: Bool = false,
        now: MonotonicTime = start, change: (inout EndpointQuery) -> Void = { _ in }
    ) -> [String: Int] {
        var random = RandomSource(seed: 7)
        var counts: [String: Int] = [:]
        for _ in 0..<number {
            var query = EndpointQuery(cluster: cluster(table))
            change(&query)
            guard let chosen = table.chooseEndpoint(query, now: now, state: &state, random: &random) else {
                counts["none", default: 0] += 1
                continue
            }
            if keeps { state.requestBegan(chosen.slot) }
            counts[table.mesh[table.mesh[chosen.workload].uid], default: 0] += 1
        }
        return counts
    }

    @Test("ROUND_ROBIN: each endpoint in turn; by weight where weights differ, exactly")
    func roundRobin() {
        var city = city(3) { $0.loadBalancer.algorithm = .roundRobin }
        var state = LoadState()
        #expect(counts(city.table(), 300, state: &state) == ["p0": 100, "p1": 100, "p2": 100])
        city.model.workloads[0].capacity = 5
        city.model.workloads[1].capacity = 2
        var other = LoadState()
        #expect(counts(city.table(), 800, state: &other) == ["p0": 500, "p1": 200, "p2": 100])
    }

    @Test("LEAST_REQUEST: requests under way stay within a few of each other")
    func leastRequest() {
        var state = LoadState()
        let counts = counts(city(5).table(), 5_000, state: &state, keeps: true)
        #expect(counts.count == 5 && counts.values.allSatisfy { abs($0 - 1_000) < 20 }, "\(counts)")
    }

    @Test("RANDOM: by chance, by weight")
    func random() {
        var city = city(2) { $0.loadBalancer.algorithm = .random }
        city.model.workloads[0].capacity = 3
        var state = LoadState()
        #expect(abs((counts(city.table(), 8_000, state: &state)["p0"] ?? 0) - 6_000) < 194)
    }

    @Test("PASSTHROUGH: where the client sent the request, if that is an endpoint")
    func passthrough() {
        let city = city(3) { $0.loadBalancer.algorithm = .passthrough }
        var state = LoadState()
        let table = city.table()
        let wanted = SocketAddress(ip: city.model.workloads[1].addresses[0], port: 8080)
        #expect(counts(table, 50, state: &state) { $0.original = wanted } == ["p1": 50])
        #expect(counts(table, 60, state: &state).count == 3)
    }

    @Test("Peak EWMA: an endpoint that was slow once is avoided at once, and forgiven with time")
    func peakEWMA() throws {
        let city = city(2) { $0.loadBalancer.algorithm = .peakEWMA }
        let table = city.table()
        var state = LoadState()
        for endpoint in table.candidates(of: cluster(table)) {
            state.requestBegan(endpoint.slot)
            let isSlow = table.mesh[table.mesh[endpoint.workload].uid] == "p0"
            state.requestEnded(endpoint.slot, latency: isSlow ? .seconds(2) : .milliseconds(5), now: Self.start)
        }
        #expect(counts(table, 100, state: &state) == ["p1": 100])
        // 20 s later the fast one has been measured again and again, at 50 ms; the peak has been halved more than twice.
        var later = state
        let now = Self.start + .seconds(120)
        for endpoint in table.candidates(of: cluster(table))
        where table.mesh[table.mesh[endpoint.workload].uid] == "p1" {
            later.requestBegan(endpoint.slot)
            later.requestEnded(endpoint.slot, latency: .milliseconds(500), now: now)
        }
        #expect(counts(table, 100, state: &later, now: now) == ["p0": 100])
    }

    @Test("Consistent hash: the same key the same endpoint; when one goes, only its keys move")
    func consistentHash() {
        var city = city(5) { $0.loadBalancer.algorithm = .consistentHash(.header("x"), minimumRingSize: 1024) }
        func owners(_ city: City) -> [String] {
            let table = city.table()
            var random = RandomSource(seed: 1)
            let state = LoadState()
            return (0..<1_000).map { key in
                let head = head("GET / x: key-\(key)")
                var query = EndpointQuery(cluster: cluster(table))
                query.hash = table.hashKey(for: query.cluster, head, from: .loopbackV4, random: &random).value
                var own = state
                guard let chosen = table.chooseEndpoint(query, now: Self.start, state: &own, random: &random) else {
                    return "none"
                }
                return table.mesh[table.mesh[chosen.workload].uid]
            }
        }
        let before = owners(city)
        #expect(before == owners(city))
        for pod in 0..<5 { #expect((120...290).contains(before.count { $0 == "p\(pod)" })) }
        city.model.endpoints.removeAll { $0.workloadUID == "p2" }
        let after = owners(city)
        for (old, new) in zip(before, after) { #expect(old == "p2" ? new != "p2" : new == old) }
    }

    @Test("Consistent hash by cookie: one that is missing is made, and names the same endpoint when it comes back")
    func hashCookie() {
        let cookie = LoadBalancerPolicy.HashCookie(
            name: "c", path: "/p", timeToLive: .seconds(60), attributes: ["SameSite=Lax"])
        let table = city(9) { $0.loadBalancer.algorithm = .consistentHash(.cookie(cookie), minimumRingSize: 64) }
            .table()
        let cluster = cluster(table)
        var random = RandomSource(seed: 9)
        let first = table.hashKey(for: cluster, head("GET /"), from: .loopbackV4, random: &random)
        var response = ResponseHead()
        table.appendCookie(first, of: cluster, to: &response)
        let text = lines(response.fields)[0]
        #expect(text.hasPrefix("set-cookie: c=\"") && text.hasSuffix("; Max-Age=60; Path=/p; SameSite=Lax; HttpOnly"))
        let value = text.split(separator: "\"")[1]
        for sent in ["c=\(value)", "c=\"\(value)\"", "a=b; c=\(value); d=e"] {
            let again = table.hashKey(
                for: cluster, head("GET / cookie: \(sent)".replacing("; ", with: ";")), from: .loopbackV4,
                random: &random)
            #expect(again.value == first.value && again.cookie == nil, "\(sent)")
        }
    }

    @Test("What was tried or is left alone is not chosen; when nothing is left, nothing is")
    func exclusion() throws {
        let city = city(3)
        let table = city.table()
        var state = LoadState()
        let candidates = table.candidates(of: cluster(table))
        state.setEjected(candidates[0].slot, true)
        var query = EndpointQuery(cluster: cluster(table))
        let fits = query.tried.insert(candidates[1].workload)
        let tried = query.tried
        let left = table.mesh[table.mesh[candidates[2].workload].uid]
        #expect(fits && counts(table, 50, state: &state) { $0.tried = tried } == [left: 50])
        state.setEjected(candidates[2].slot, true)
        #expect(counts(table, 5, state: &state) { $0.tried = tried } == ["none": 5])
    }

    @Test("A subset is the endpoints with its labels; one without endpoints has none")
    func subsets() {
        var city = city(4)
        city.model.routes.destinationPolicies[0].subsets = [
            .init(name: "one", labels: ["n": "1"], policy: TrafficPolicy()),
            .init(name: "empty", labels: ["n": "9"], policy: TrafficPolicy()),
        ]
        let backends = ["one", "empty"].map { RouteBackend(City.target("a", subset: $0)) }
        city.route(
            "a",
            [
                ([RequestMatch(path: .exact("/1"))], City.rule("r", to: [backends[0]])),
                ([RequestMatch()], City.rule("r", to: [backends[1]])),
            ])
        let table = city.table()
        let names = table.clusters.indices.map { position in
            let cluster = ClusterIndex(position)
            return "\(table.subset(of: cluster)) \(table.candidates(of: cluster).count)"
        }
        #expect(Set(names) == [" 4", "one 1", "empty 0"])
    }

    @Test("A new endpoint warms up: a tenth of its share at first, half of it halfway, then all")
    func warmUp() {
        var city = city(2) {
            $0.loadBalancer.algorithm = .random
            $0.loadBalancer.warmUp = LoadBalancerPolicy.WarmUp(duration: .seconds(100))
        }
        let late = city.model.endpoints.removeLast()
        var directory = EndpointDirectory()
        _ = city.table(&directory, now: Self.start)
        city.model.endpoints.append(late)
        let table = city.table(&directory, now: Self.start)
        func share(after seconds: Int64) -> Double {
            var state = LoadState()
            let counts = counts(table, 20_000, state: &state, now: Self.start + .seconds(seconds))
            return Double(counts["p1"] ?? 0) / Double(counts["p0"] ?? 1)
        }
        #expect(abs(share(after: 0) - 0.1) < 0.02)
        #expect(abs(share(after: 50) - 0.5) < 0.04)
        #expect(abs(share(after: 100) - 1) < 0.06)
    }

    @Test("Slots stay with their endpoints from table to table, and are told apart when they change hands")
    func slots() {
        var city = city(2)
        var directory = EndpointDirectory()
        let first = city.table(&directory, now: Self.start)
        let old = first.candidates(of: cluster(first)).map(\.slot)
        var state = LoadState()
        state.requestBegan(old[0])
        state.requestBegan(old[1])
        city.model.endpoints.removeFirst()
        let second = city.table(&directory, now: Self.start)
        let kept = second.candidates(of: cluster(second)).map(\.slot)
        #expect(kept == [old[1]])
        city.model.workloads.append(Workload(uid: "new", name: "new", namespace: "default", addresses: [.loopbackV4]))
        city.model.endpoints.append(Endpoint(service: City.key("a"), workloadUID: "new"))
        let third = city.table(&directory, now: Self.start)
        let fresh = third.candidates(of: cluster(third)).map(\.slot)[1]
        #expect(fresh.index == old[0].index && fresh != old[0])
        #expect(state.requests(fresh) == 0 && state.requests(old[1]) == 1)
        state.requestBegan(fresh)
        state.requestEnded(old[0], latency: nil, now: Self.start)
        #expect(state.requests(fresh) == 1)
    }

    // MARK: - Locality

    private func placed(_ change: (inout TrafficPolicy) -> Void) -> City {
        var city = city(4, change)
        let places = [("r1", "z1"), ("r1", "z2"), ("r2", "z1"), ("r3", "z1")]
        for (position, place) in places.enumerated() {
            city.model.workloads[position].locality = Locality(region: place.0, zone: place.1)
        }
        var own = Workload(uid: "waypoint", name: "w", namespace: "default", addresses: [.loopbackV6])
        own.locality = Locality(region: "r1", zone: "z1")
        city.model.workloads.append(own)
        return city
    }

    @Test("Failover: the same zone, then the region, the region to fall back to, anywhere")
    func failover() {
        var city = placed {
            $0.loadBalancer.locality = .failover(["r1": "r3"])
            $0.outlierDetection = OutlierDetection()
        }
        var order: [String] = []
        for _ in 0..<4 {
            let table = city.table(origin: "waypoint")
            var state = LoadState()
            let counts = counts(table, 20, state: &state)
            #expect(counts.count == 1)
            guard let chosen = counts.keys.first else { return }
            order.append(chosen)
            city.model.endpoints.removeAll { $0.workloadUID == chosen }
        }
        #expect(order == ["p0", "p1", "p3", "p2"])
    }

    @Test("Over-provisioning 1.4: with half of the near ones ready, 70 in a hundred stay near")
    func spill() {
        var city = placed {
            $0.loadBalancer.locality = .failover([:])
            $0.outlierDetection = OutlierDetection()
        }
        city.model.workloads[1].locality = Locality(region: "r1", zone: "z1")
        city.model.endpoints[1].isReady = false
        var state = LoadState()
        let counts = counts(city.table(origin: "waypoint"), 10_000, state: &state)
        #expect(abs((counts["p0"] ?? 0) - 7_000) < 230, "\(counts)")
    }

    @Test("Distribute: shares in a hundred by region; what is in no share gets nothing")
    func distribute() {
        let city = placed { $0.loadBalancer.locality = .distribute(["r1/*": ["r1/z2/*": 80, "r2/*": 20]]) }
        var state = LoadState()
        let counts = counts(city.table(origin: "waypoint"), 10_000, state: &state)
        #expect(counts.keys.sorted() == ["p1", "p2"] && abs((counts["p1"] ?? 0) - 8_000) < 200, "\(counts)")
    }

    @Test("A Service's trafficDistribution holds where the policy says nothing")
    func trafficDistribution() {
        var city = placed { _ in }
        city.model.services[0].loadBalancing = .preferSameZone
        var state = LoadState()
        #expect(counts(city.table(origin: "waypoint"), 50, state: &state) == ["p0": 50])
        #expect(counts(city.table(), 100, state: &state).count == 4)
    }
}
