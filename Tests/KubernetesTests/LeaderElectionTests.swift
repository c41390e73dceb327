// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Identity
import Manifest
import Testing

@testable import Kubernetes

@Suite("LeaderElection")
struct LeaderElectionTests {
    /// An API server that has one lease, and a clock for everybody.
    private struct Server {
        var holder: String?
        var version = 1
        var transitions: Int64 = 0
        var now = MonotonicTime(nanoseconds: 1_000_000_000)

        var lease: YAMLNode? {
            get throws {
                guard let holder else { return nil }
                return try YAMLNode(
                    json: Array(
                        """
                        {"metadata":{"resourceVersion":"\(version)"},"spec":{"holderIdentity":"\(holder)",\
                        "leaseTransitions":\(transitions),"acquireTime":"2026-01-01T00:00:00.000000Z"}}
                        """.utf8))
            }
        }

        /// Lets a process ask what it wants to ask; the request takes `delay`, half before the server acts.
        mutating func serve(
            _ process: inout LeaderElection, delay: Nanoseconds = .milliseconds(2)
        ) throws -> LeaderElection.Step? {
            guard let step = process.step(now: now, time: UnixTime(seconds: 1_767_225_600)) else { return nil }
            let asked = now
            now = now + delay
            switch step {
            case .read: break
            case .create(let body), .update(let body):
                let object = try YAMLNode(json: body)
                let based = object["metadata"]?["resourceVersion"]?.string
                guard based == (holder == nil ? nil : "\(version)") else {
                    process.lost(now: now)
                    return step
                }
                holder = object["spec"]?["holderIdentity"]?.string
                transitions = object["spec"]?["leaseTransitions"]?.integer ?? -1
                version += 1
            }
            process.answered(step, try lease, asked: asked, now: now)
            return step
        }

        /// Lets a process ask until it wants to wait.
        mutating func settle(_ process: inout LeaderElection) throws {
            while try serve(&process) != nil {}
        }

        mutating func pass(_ seconds: Int64) { now = now + .seconds(seconds) }
    }

    private func process(_ name: String, _ server: Server) -> LeaderElection {
        LeaderElection(
            namespace: "ambit-system", name: "l", identity: name, terms: LeaderElection.Terms(), now: server.now)
    }

    @Test("A lease that is not there is made, and its maker leads for ten seconds from its question")
    func creation() throws {
        var server = Server()
        var one = process("one", server)
        let start = server.now
        try server.settle(&one)
        #expect(server.holder == "one")
        let end = try #require(one.leadership(now: server.now))
        #expect(end > start + .seconds(10) && end < start + .milliseconds(10_010))
        #expect(one.leadership(now: end) == nil)
    }

    @Test("A holder is left alone while it renews, and followed when it has not for the whole duration")
    func takeover() throws {
        var server = Server()
        var one = process("one", server)
        var two = process("two", server)
        try server.settle(&one)
        for _ in 0..<10 {
            server.pass(3)
            try server.settle(&one)
            try server.settle(&two)
            #expect(one.leadership(now: server.now) != nil && two.leadership(now: server.now) == nil)
        }
        // From now on one is stuck.
        var waited: Int64 = 0
        while two.leadership(now: server.now) == nil {
            #expect(waited <= 20)
            server.pass(1)
            waited += 1
            try server.settle(&two)
            #expect(two.leadership(now: server.now) == nil || one.leadership(now: server.now) == nil)
        }
        #expect(waited >= 14 && server.holder == "two" && server.transitions == 1)
        // It wakes up, does not lead, and learns who does.
        #expect(one.leadership(now: server.now) == nil)
        try server.settle(&one)
        #expect(one.leadership(now: server.now) == nil && one.holder == "two")
    }

    @Test("Two that ask for the same lease: one has it, the other is told of the conflict")
    func race() throws {
        var server = Server(holder: "")
        var one = process("one", server)
        var two = process("two", server)
        _ = try server.serve(&one)
        _ = try server.serve(&two)
        try server.settle(&two)
        try server.settle(&one)
        #expect(server.holder == "two")
        #expect(two.leadership(now: server.now) != nil && one.leadership(now: server.now) == nil)
    }

    @Test("A lease that is given up is taken at once")
    func release() throws {
        var server = Server()
        var one = process("one", server)
        var two = process("two", server)
        try server.settle(&one)
        try server.settle(&two)
        let body = try #require(one.release(now: server.now, time: UnixTime(seconds: 0)))
        let released = try YAMLNode(json: body)
        #expect(released["spec"]?["holderIdentity"]?.string == "")
        #expect(released["metadata"]?["resourceVersion"]?.string == "\(server.version)")
        server.holder = ""
        server.version += 1
        server.pass(3)
        try server.settle(&two)
        #expect(two.leadership(now: server.now) != nil)
        #expect(two.release(now: server.now, time: UnixTime(seconds: 0)) != nil)
        #expect(one.release(now: server.now + .seconds(60), time: UnixTime(seconds: 0)) == nil)
    }

    @Test("Without answers a leader leads to the end of its time and not beyond, and asks often")
    func silence() throws {
        var server = Server()
        var one = process("one", server)
        try server.settle(&one)
        let end = try #require(one.leadership(now: server.now))
        var asked = 0
        while server.now < end + .seconds(5) {
            if one.step(now: server.now, time: UnixTime(seconds: 0)) != nil {
                asked += 1
                one.failed(now: server.now)
            }
            #expect((one.leadership(now: server.now) != nil) == (server.now < end))
            server.now = server.now + .milliseconds(100)
        }
        #expect(asked >= 6)
    }

    @Test("An answer that took longer than the leadership lasts gives none")
    func lateAnswer() throws {
        var server = Server()
        var one = process("one", server)
        _ = try server.serve(&one)
        _ = try server.serve(&one, delay: .seconds(11))
        #expect(server.holder == "one" && one.leadership(now: server.now) == nil)
    }

    @Test("A lease that somebody deletes is made again")
    func deletion() throws {
        var server = Server()
        var one = process("one", server)
        try server.settle(&one)
        server.holder = nil
        server.pass(3)
        let step = try #require(one.step(now: server.now, time: UnixTime(seconds: 0)))
        one.answered(step, nil, asked: server.now, now: server.now)
        #expect(one.leadership(now: server.now) == nil)
        try server.settle(&one)
        #expect(server.holder == "one" && one.leadership(now: server.now) != nil)
    }
}
