// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Mesh
import Routing
import Testing

/// Which endpoint of a service takes a connection.
@Suite struct LoadBalancingTests {
    /// No connections anywhere.
    let idle: [UInt32] = []

    /// A service at 10.1.0.1 with endpoints `e0`, `e1`, … at 10.0.1.0, 10.0.1.1, … .
    static func town(
        _ count: Int, loadBalancing: LoadBalancing = .standard, set: (Int, inout Workload) -> Void = { _, _ in }
    ) -> Town {
        var town = Town()
        for number in 0..<count {
            town.add("e\(number)", "10.0.1.\(number)") { set(number, &$0) }
        }
        town.serve("s", at: "10.1.0.1", by: (0..<count).map { "e\($0)" }) { $0.loadBalancing = loadBalancing }
        return town
    }

    /// How often each endpoint is chosen in `count` connections that stay open when `isOpen`.
    static func spread(_ town: Town, count: Int, isOpen: Bool, initial: [String: UInt32] = [:]) -> [String: Int] {
        let snapshot = town.snapshot
        var load = [UInt32](repeating: 0, count: snapshot.workloadCount)
        for (uid, connections) in initial {
            if let workload = snapshot.workload(uid: uid) { load[workload.position] = connections }
        }
        var random = RandomSource(seed: 7)
        var chosen: [String: Int] = [:]
        let request = OutboundRequest(source: snapshot.workload(uid: "client"), destination: address("10.1.0.1:80"))
        for _ in 0..<count {
            guard case .hbone(let route) = snapshot.decide(request, load: load.span, random: &random) else { continue }
            if isOpen { load[route.nextHopWorkload.position] += 1 }
            chosen[snapshot[snapshot[route.nextHopWorkload].uid], default: 0] += 1
        }
        return chosen
    }

    @Test("Idle endpoints are equally likely")
    func uniform() {
        let chosen = Self.spread(Self.town(10), count: 10_000, isOpen: false)
        for number in 0..<10 { #expect((800...1_200).contains(chosen["e\(number)"] ?? 0), "e\(number): \(chosen)") }
    }

    @Test("Least connections of two choices: open connections spread evenly")
    func even() {
        let chosen = Self.spread(Self.town(10), count: 10_000, isOpen: true)
        for number in 0..<10 { #expect((985...1_015).contains(chosen["e\(number)"] ?? 0), "e\(number): \(chosen)") }
    }

    @Test("Of two endpoints the one with fewer connections is always taken")
    func two() {
        let chosen = Self.spread(Self.town(2), count: 100, isOpen: false, initial: ["e0": 5, "e1": 4])
        #expect(chosen == ["e1": 100])
    }

    @Test("The most loaded of many endpoints is never taken")
    func busiest() {
        let chosen = Self.spread(Self.town(5), count: 1_000, isOpen: false, initial: ["e3": 1])
        #expect(chosen["e3"] == nil)
        #expect(chosen.count == 4)
    }

    @Test("Open connections spread by weight, and an endpoint of weight 0 takes none")
    func weights() {
        let town = Self.town(4) { number, workload in workload.capacity = [1, 3, 4, 0][number] }
        let chosen = Self.spread(town, count: 8_000, isOpen: true)
        #expect(chosen["e3"] == nil)
        for (uid, share) in [("e0", 1_000), ("e1", 3_000), ("e2", 4_000)] {
            #expect(abs((chosen[uid] ?? 0) - share) <= 40, "\(chosen)")
        }
        let idle = Self.spread(town, count: 8_000, isOpen: false)
        #expect(abs((idle["e0"] ?? 0) - 1_000) <= 150 && abs((idle["e1"] ?? 0) - 3_000) <= 250, "\(idle)")
    }

    @Test("ztunnel test_load_balance, health: unready and terminating endpoints are never taken")
    func unready() {
        var town = Self.town(4)
        town.model.endpoints[0].isReady = false
        town.model.endpoints[2].isTerminating = true
        #expect(Self.spread(town, count: 200, isOpen: false).keys.sorted() == ["e1", "e3"])
        town.model.services[0].publishNotReadyAddresses = true
        #expect(Self.spread(town, count: 200, isOpen: false).count == 4)
    }

    // MARK: Locality

    struct Place: CustomStringConvertible, Sendable {
        var description: String
        var loadBalancing: LoadBalancing
        /// Region, zone, subzone and node of each endpoint; the client is at r1 z1 s1 n1.
        var places: [String]
        var chosen: [Int]
    }

    static let places = [
        Place(
            description: "standard ignores it", loadBalancing: .standard, places: ["r1 z1 s1 n1", "r2 z2 s2 n2"],
            chosen: [0, 1]),
        Place(
            description: "same zone", loadBalancing: .preferSameZone,
            places: ["r2 z2 s2 n9", "r1 z2 s2 n8", "r1 z1 s2 n7", "r1 z1 s1 n1"], chosen: [2, 3]),
        Place(
            description: "same region when there is none in the zone", loadBalancing: .preferSameZone,
            places: ["r2 z2 s2 n9", "r1 z2 s2 n8", "r1 z3 s2 n7"], chosen: [1, 2]),
        Place(
            description: "anywhere when there is none in the region", loadBalancing: .preferSameZone,
            places: ["r2 z1 s1 n1", "r3 z1 s1 n1"], chosen: [0, 1]),
        Place(
            description: "a zone of that name in another region is another zone", loadBalancing: .preferSameZone,
            places: ["r2 z1 s1 n9", "r1 z9 s1 n8"], chosen: [1]),
        Place(
            description: "same node", loadBalancing: .preferSameNode,
            places: ["r1 z1 s1 n2", "r1 z1 s1 n1", "r1 z1 s2 n1"], chosen: [1]),
        Place(
            description: "same subzone when there is none on the node", loadBalancing: .preferSameNode,
            places: ["r1 z1 s1 n2", "r1 z1 s1 n3", "r1 z1 s2 n4"], chosen: [0, 1]),
        Place(
            description: "internalTrafficPolicy Local", loadBalancing: .localNode,
            places: ["r1 z1 s1 n2", "r9 z9 s9 n1", "r1 z1 s1 n1"], chosen: [1, 2]),
        Place(
            description: "internalTrafficPolicy Local without any", loadBalancing: .localNode,
            places: ["r1 z1 s1 n2", "r1 z1 s1 n3"], chosen: []),
        Place(
            description: "strict needs all scopes",
            loadBalancing: LoadBalancing(mode: .strict, routingPreference: [.region, .zone]),
            places: ["r1 z1 s9 n9", "r1 z2 s1 n1", "r2 z1 s1 n1"], chosen: [0]),
    ]

    @Test("reference §1.6: endpoints that share more with the client first", arguments: places)
    func locality(row: Place) {
        let town = Self.town(row.places.count, loadBalancing: row.loadBalancing) { number, workload in
            let parts = row.places[number].split(separator: " ").map(String.init)
            workload.locality = Locality(region: parts[0], zone: parts[1], subzone: parts[2])
            workload.node = parts[3]
        }
        let chosen = Self.spread(town, count: 200, isOpen: false).keys.sorted()
        #expect(chosen == row.chosen.map { "e\($0)" })
        if row.chosen.isEmpty { #expect(town.decide(to: "10.1.0.1:80").hasPrefix("reject: no healthy upstream")) }
    }

    @Test(
        "Locality agrees with counting scopes, for random places of many endpoints", arguments: 0..<32 as Range<UInt64>)
    func localityAgreesWithDefinition(seed: UInt64) {
        var random = RandomSource(seed: seed)
        func pick(_ prefix: String) -> String { "\(prefix)\(random.next(upperBound: 3 as UInt64))" }
        let town = Self.town(24, loadBalancing: .preferSameNode) { _, workload in
            workload.locality = Locality(region: pick("r"), zone: pick("z"), subzone: pick("s"))
            workload.node = pick("n")
            workload.capacity = UInt32(1 + random.next(upperBound: 3 as UInt64))
        }
        let client = town.model.workloads[0]
        func rank(_ workload: Workload) -> Int {
            let shared = [
                workload.locality.region == client.locality.region, workload.locality.zone == client.locality.zone,
                workload.locality.subzone == client.locality.subzone, workload.node == client.node,
            ]
            return shared.firstIndex(of: false) ?? shared.count
        }
        let endpoints = town.model.workloads.dropFirst()
        let best = endpoints.map(rank).max()
        let expected = Set(endpoints.filter { rank($0) == best }.map(\.uid))
        #expect(Set(Self.spread(town, count: 600, isOpen: false).keys) == expected)
    }

    // MARK: After a failure

    @Test("After a failure another endpoint is chosen, until there is none")
    func nextEndpoint() throws {
        let snapshot = Self.town(3).snapshot
        var request = OutboundRequest(source: snapshot.workload(uid: "client"), destination: address("10.1.0.1:80"))
        var random = RandomSource(seed: 3)
        var seen = Set<WorkloadIndex>()
        for _ in 0..<3 {
            guard case .hbone(let route) = snapshot.decide(request, load: idle.span, random: &random) else {
                Issue.record("gave up early")
                return
            }
            #expect(seen.insert(route.nextHopWorkload).inserted)
            let fits = request.tried.insert(route.nextHopWorkload)
            #expect(fits)
        }
        #expect(snapshot.decide(request, load: idle.span, random: &random) == .reject(.noOtherEndpoint))
    }

    @Test("After a failure in the zone another zone is tried")
    func nextZone() {
        let town = Self.town(2, loadBalancing: .preferSameZone) { number, workload in
            workload.locality = Locality(region: "r1", zone: number == 0 ? "z1" : "z2")
        }
        let snapshot = town.snapshot
        var request = OutboundRequest(source: snapshot.workload(uid: "client"), destination: address("10.1.0.1:80"))
        var random = RandomSource(seed: 3)
        if let near = snapshot.workload(uid: "e0") { _ = request.tried.insert(near) }
        #expect(snapshot.text(snapshot.decide(request, load: idle.span, random: &random)).contains("10.0.1.1:15008"))
    }

    @Test("A pod called by its own address has no alternative")
    func noAlternative() throws {
        let snapshot = Self.town(2).snapshot
        var request = OutboundRequest(source: snapshot.workload(uid: "client"), destination: address("10.0.1.0:80"))
        var random = RandomSource(seed: 3)
        _ = request.tried.insert(try #require(snapshot.workload(uid: "e0")))
        #expect(snapshot.decide(request, load: idle.span, random: &random) == .reject(.noOtherEndpoint))
    }

    @Test("Waypoint proxies are balanced and retried like endpoints")
    func waypointProxies() throws {
        var town = Town()
        for name in ["p1", "p2"] { town.add(name, name == "p1" ? "10.0.1.1" : "10.0.1.2") }
        town.add("guarded", "10.0.0.5") { $0.waypoint = Town.waypoint }
        town.serve("waypoint", by: ["p1", "p2"])
        town.addWaypoint()
        #expect(town.choices(to: "10.0.0.5:80").count == 2)
        let snapshot = town.snapshot
        var request = OutboundRequest(source: snapshot.workload(uid: "client"), destination: address("10.0.0.5:80"))
        var random = RandomSource(seed: 3)
        _ = request.tried.insert(try #require(snapshot.workload(uid: "p1")))
        #expect(
            snapshot.text(snapshot.decide(request, load: idle.span, random: &random)).hasPrefix(
                "waypoint 10.0.1.2:15008")
        )
        _ = request.tried.insert(try #require(snapshot.workload(uid: "p2")))
        #expect(snapshot.decide(request, load: idle.span, random: &random) == .reject(.noOtherEndpoint))
    }

    @Test("One usable endpoint among many unusable ones is found", arguments: [1, 2, 3, 50, 200])
    func needle(count: Int) {
        let town = Self.town(count, loadBalancing: .standard) { number, workload in
            if number != count / 2 { workload.network = "elsewhere" }
        }
        for seed in 0..<20 as Range<UInt64> {
            #expect(town.decide(to: "10.1.0.1:80", seed: seed).hasPrefix("hbone 10.0.1.\(count / 2):15008"))
        }
    }

    @Test("Four failures fit, a fifth ends the attempts")
    func triedCapacity() {
        var tried = TriedWorkloads()
        let fitted = [0, 1, 2, 3, 2, 9].map { tried.insert(WorkloadIndex($0)) }
        #expect(fitted == [true, true, true, true, true, false])
        #expect(tried.count == 4)
        #expect(tried.contains(WorkloadIndex(3)) && !tried.contains(WorkloadIndex(9)))
    }
}
