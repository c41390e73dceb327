// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Identity
import Mesh
import Testing

/// Finding workloads.
@Suite struct WorkloadLookupTests {
    struct Rank: CustomStringConvertible, Sendable {
        var description: String
        var better: @Sendable (inout Workload) -> Void
        var worse: @Sendable (inout Workload) -> Void
    }

    static let ranks = [
        Rank(description: "captured pod before pod") {
            $0.tunnelProtocol = .hbone
        } worse: { _ in
        },
        Rank(description: "pod before captured entry") { _ in
        } worse: {
            $0.isPod = false
            $0.tunnelProtocol = .hbone
        },
        Rank(description: "captured entry before entry") {
            $0.isPod = false
            $0.tunnelProtocol = .hbone
        } worse: {
            $0.isPod = false
        },
        Rank(description: "anything before a host-network pod") {
            $0.isPod = false
        } worse: {
            $0.isHostNetwork = true
            $0.tunnelProtocol = .hbone
        },
    ]

    @Test(
        "ztunnel overlapping_workload_ip: the better of two workloads of one address, in either order", arguments: ranks
    )
    func rank(row: Rank) {
        let better = Workload.pod("better", "10.0.0.1", set: row.better)
        let worse = Workload.pod("worse", "10.0.0.1", set: row.worse)
        for workloads in [[better, worse], [worse, better]] {
            let snapshot = MeshSnapshot(.with { $0.workloads += workloads }, generation: 1)
            #expect(snapshot.uid(at: "10.0.0.1") == "better")
        }
    }

    @Test("Of two equal workloads of one address the first counts")
    func equalRank() {
        let model = MeshModel.with { $0.workloads += [.pod("first", "10.0.0.1"), .pod("second", "10.0.0.1")] }
        #expect(MeshSnapshot(model, generation: 1).uid(at: "10.0.0.1") == "first")
    }

    @Test("ztunnel build_request_host_network: a host-network pod is not found by address")
    func hostNetwork() {
        let model = MeshModel.with { $0.workloads.append(.pod("node", "10.0.0.1") { $0.isHostNetwork = true }) }
        #expect(MeshSnapshot(model, generation: 1).uid(at: "10.0.0.1") == nil)
    }

    @Test("ztunnel build_request_wrong_network: the same address in another network is another workload")
    func networks() throws {
        let model = MeshModel.with {
            $0.workloads.append(.pod("far", "10.0.0.1") { $0.network = "remote" })
            $0.workloads.append(.pod("far-client") { $0.network = "remote" })
        }
        let snapshot = MeshSnapshot(model, generation: 1)
        #expect(snapshot.uid(at: "10.0.0.1") == nil)
        let client = try #require(snapshot.workload(uid: "far-client"))
        #expect(snapshot.workload(at: ip("10.0.0.1"), seenFrom: client) != nil)
    }

    @Test("A workload is found by each of its addresses, and a mapped IPv4 address is that address")
    func addresses() {
        let model = MeshModel.with { $0.workloads.append(.pod("dual", "10.0.0.1", "fd00::1")) }
        let snapshot = MeshSnapshot(model, generation: 1)
        #expect(snapshot.uid(at: "10.0.0.1") == "dual")
        #expect(snapshot.uid(at: "fd00::1") == "dual")
        #expect(snapshot.uid(at: "::ffff:10.0.0.1") == "dual")
        #expect(snapshot.uid(at: "10.0.0.2") == nil)
    }

    @Test("Workloads are found by uid, of several with one uid the first, and by node")
    func uidsAndNodes() throws {
        let model = MeshModel.with {
            $0.workloads += [
                .pod("one", "10.0.0.1") { $0.node = "n1" }, .pod("one", "10.0.0.2"),
                .pod("two") {
                    $0.node = "n1"
                    $0.isHostNetwork = true
                }, .pod("three") { $0.node = "n2" },
            ]
        }
        let snapshot = MeshSnapshot(model, generation: 1)
        let one = try #require(snapshot.workload(uid: "one"))
        #expect(snapshot.workloads.addresses[Int(snapshot[one].addresses.start)] == ip("10.0.0.1"))
        #expect(snapshot.uid(at: "10.0.0.2") == nil)
        #expect(snapshot.workload(uid: "four") == nil)
        #expect(snapshot.workloads(onNode: "n1").map { snapshot[snapshot[$0].name] } == ["one", "two"])
        #expect(snapshot.workloads(onNode: "n3").isEmpty)
    }

    @Test("A thousand workloads are each found by uid and address")
    func many() {
        let model = MeshModel.with { model in
            for number in 0..<1_000 {
                model.workloads.append(.pod("pod-\(number)", "10.0.\(number / 256).\(number % 256)"))
            }
        }
        let snapshot = MeshSnapshot(model, generation: 1)
        for number in 0..<1_000 {
            #expect(snapshot.uid(at: "10.0.\(number / 256).\(number % 256)") == "pod-\(number)")
            #expect(snapshot.workload(uid: "pod-\(number)") != nil)
        }
        #expect(snapshot.uid(at: "10.1.0.0") == nil)
    }

    @Test("A workload is found again in a later snapshot, wherever it is there")
    func counterpart() throws {
        let old = MeshSnapshot(.with { $0.workloads += [.pod("x"), .pod("y"), .pod("z")] }, generation: 1)
        let new = MeshSnapshot(.with { $0.workloads += [.pod("z"), .pod("w"), .pod("y")] }, generation: 2)
        for name in ["y", "z"] {
            let before = try #require(old.workload(uid: name))
            #expect(old.counterpart(of: before, in: new) == new.workload(uid: name))
        }
        let gone = try #require(old.workload(uid: "x"))
        #expect(old.counterpart(of: gone, in: new) == nil)
    }

    @Test("SPIFFE IDs come from trust domain, namespace and service account; names that make none give none")
    func identities() throws {
        let model = MeshModel.with {
            $0.workloads += [
                .pod("good") { $0.serviceAccount = "sleep" }, .pod("same") { $0.serviceAccount = "sleep" },
                .pod("bad") { $0.trustDomain = "Not A Domain" }, .pod("none") { $0.serviceAccount = "" },
            ]
        }
        let snapshot = MeshSnapshot(model, generation: 1)
        let good = try #require(snapshot.workload(uid: "good"))
        let same = try #require(snapshot.workload(uid: "same"))
        let bad = try #require(snapshot.workload(uid: "bad"))
        let none = try #require(snapshot.workload(uid: "none"))
        #expect(snapshot.identity(of: good)?.description == "spiffe://cluster.local/ns/default/sa/sleep")
        #expect(snapshot[good].identity == snapshot[same].identity)
        #expect(snapshot.identity(of: bad) == nil)
        #expect(snapshot.identity(of: none) == nil)
    }

    @Test("What a node knows about its pods comes with them")
    func enrollments() throws {
        let model = MeshModel.with {
            $0.workloads.append(.pod("one"))
            $0.enrollments = [
                Enrollment(workloadUID: "one", isEnrolled: true, networkNamespacePath: "/run/netns/one"),
                Enrollment(workloadUID: "absent", isEnrolled: true, networkNamespacePath: nil),
            ]
        }
        let snapshot = MeshSnapshot(model, generation: 1)
        let one = try #require(snapshot.workload(uid: "one"))
        let client = try #require(snapshot.workload(uid: "client-a"))
        #expect(snapshot.enrollment(of: one)?.networkNamespacePath == "/run/netns/one")
        #expect(snapshot.enrollment(of: client) == nil)
    }

    @Test("Records are numbers only, and stay small")
    func size() {
        #expect(MemoryLayout<WorkloadRecord>.stride <= 128)
        #expect(MemoryLayout<EndpointRecord>.stride <= 24)
        #expect(_isPOD(WorkloadRecord.self))
        #expect(_isPOD(ServiceRecord.self))
        #expect(_isPOD(EndpointRecord.self))
        #expect(_isPOD(RuleRecord.self))
        #expect(_isPOD(ConditionRecord.self))
    }
}
