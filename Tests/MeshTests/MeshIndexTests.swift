// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Mesh
import Testing

/// Changes of a mesh; that they agree with a mesh made anew is Manifest's `FollowingTests`.
@Suite struct MeshIndexTests {
    static let key = ServiceKey(namespace: "default", hostname: "web.default.svc.cluster.local")

    /// Two pods behind a service.
    private func index() -> MeshIndex {
        MeshIndex(
            .with {
                $0.workloads += [.pod("one", "10.0.0.1"), .pod("two", "10.0.0.2")]
                $0.services.append(.named("web", vips: ["10.1.0.1/32"]))
                $0.endpoints += ["one", "two"].map { Endpoint(service: Self.key, workloadUID: $0) }
            })
    }

    private func endpoints(_ snapshot: MeshSnapshot) throws -> [String] {
        let client = try #require(snapshot.workload(uid: "client-a"))
        let service = try #require(
            snapshot.service(hostname: Self.key.hostname, seenFrom: snapshot[client].namespace))
        return snapshot[service].endpoints.positions.map { position in
            let workload = snapshot[snapshot.services.endpoints[position].workload]
            return snapshot[workload.uid] + (workload.isVacant ? " vacant" : "")
        }
    }

    @Test("A workload that is gone is behind no service, even if nobody said so, and its place may be another's")
    func goneWorkload() throws {
        var index = index()
        var change = MeshChange()
        change.workloads.updateValue(nil, forKey: "one")
        let isGone = index.apply(.change(change))
        #expect(isGone)
        #expect(try endpoints(index.snapshot(generation: 2)) == ["two"])
        change = MeshChange()
        change.workloads["three"] = .pod("three", "10.0.0.3")
        let isNew = index.apply(.change(change))
        #expect(isNew)
        let snapshot = index.snapshot(generation: 3)
        #expect(try endpoints(snapshot) == ["two"])
        #expect(snapshot.uid(at: "10.0.0.1") == nil)
        #expect(snapshot.uid(at: "10.0.0.3") == "three")
        #expect(snapshot.workload(uid: "one") == nil)
        #expect(snapshot.workloadCount == 4)
    }

    @Test("An address that two workloads claim is the other's when one goes, and back when it comes again")
    func contestedAddress() {
        var index = index()
        var expected = "one"
        for step in 0..<6 {
            var change = MeshChange()
            let thief: Workload? = step % 2 == 0 ? .pod("thief", "10.0.0.1") { $0.tunnelProtocol = .hbone } : nil
            change.workloads.updateValue(thief, forKey: "thief")
            _ = index.apply(.change(change))
            expected = step % 2 == 0 ? "thief" : "one"
            #expect(index.snapshot(generation: 1).uid(at: "10.0.0.1") == expected)
        }
    }

    @Test("What is as it was is no change")
    func sameAgain() {
        var index = index()
        var change = MeshChange()
        change.workloads["one"] = .pod("one", "10.0.0.1")
        change.workloads.updateValue(nil, forKey: "nobody")
        change.services[Self.key] = .named("web", vips: ["10.1.0.1/32"])
        change.endpoints[Self.key] = ["one", "two"].map { Endpoint(service: Self.key, workloadUID: $0) }
        let isChanged = index.apply(.change(change))
        #expect(!isChanged)
    }

    @Test("A snapshot stays as it was when the index goes on")
    func snapshotsStay() throws {
        var index = index()
        let before = index.snapshot(generation: 1)
        var change = MeshChange()
        change.workloads.updateValue(nil, forKey: "one")
        change.workloads["two"] = .pod("two", "10.0.0.9")
        change.services.updateValue(nil, forKey: Self.key)
        _ = index.apply(.change(change))
        #expect(before.uid(at: "10.0.0.1") == "one")
        #expect(before.uid(at: "10.0.0.2") == "two")
        #expect(try endpoints(before) == ["one", "two"])
        let after = index.snapshot(generation: 2)
        #expect(after.uid(at: "10.0.0.9") == "two")
        #expect(after.service(hostname: Self.key.hostname, from: "a") == nil)
    }

    @Test("Three thousand workloads that come and go leave the tables small, and each is found meanwhile")
    func churn() {
        var index = index()
        var random = RandomSource(seed: 1)
        var alive: [Int] = []
        for number in 0..<3_000 {
            var change = MeshChange()
            if alive.count > 50 {
                let gone = alive.remove(at: Int(random.next(upperBound: UInt64(alive.count))))
                change.workloads.updateValue(nil, forKey: "pod-\(gone)")
            }
            change.workloads["pod-\(number)"] = .pod("pod-\(number)", "10.2.\(number / 250).\(number % 250)") {
                $0.canonicalRevision = "\(number)"
            }
            alive.append(number)
            _ = index.apply(.change(change))
            guard number % 300 == 0 else { continue }
            let snapshot = index.snapshot(generation: UInt64(number))
            #expect(snapshot.workloadCount < 60)
            for number in alive {
                #expect(snapshot.uid(at: "10.2.\(number / 250).\(number % 250)") == "pod-\(number)")
                #expect(snapshot.workload(uid: "pod-\(number)") != nil)
            }
        }
        #expect(index.snapshot(generation: 0).names.count < 5_000)
    }

    @Test("Policies that come and go bind the workloads that they select, and are told by the digest")
    func policies() throws {
        var index = index()
        let before = index.snapshot(generation: 1)
        var policy = AuthorizationPolicy(namespace: "default", name: "p", action: .deny)
        policy.rules = [.init()]
        var change = MeshChange()
        change.authorizationPolicies[.init(namespace: "default", name: "p")] = policy
        let isBound = index.apply(.change(change))
        #expect(isBound)
        let bound = index.snapshot(generation: 2)
        change.authorizationPolicies.updateValue(nil, forKey: .init(namespace: "default", name: "p"))
        let isFree = index.apply(.change(change))
        #expect(isFree)
        let free = index.snapshot(generation: 3)
        for (uid, isTouched) in [("one", true), ("two", true), ("client-a", false)] {
            let workload = try #require(before.workload(uid: uid))
            #expect((bound[workload].namespaceRules != nil) == isTouched)
            #expect((bound[workload].inboundFingerprint != before[workload].inboundFingerprint) == isTouched)
            #expect(free[workload].namespaceRules == nil)
            #expect(free[workload].inboundFingerprint == before[workload].inboundFingerprint)
        }
    }
}
