// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTP2
import Testing

@testable import GRPC

@Suite("Unary calls")
struct CallTests {
    @Test("A message goes there and back with its metadata", arguments: [0, 1, 5_000, 60_000])
    func roundTrip(_ size: Int) throws {
        var pair = CallPair()
        let message = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
        let hasStarted = pair.start(message)
        #expect(hasStarted)
        try pair.run()
        let request = try #require(pair.requests.first)
        #expect(request.path == "/test.Service/Method")
        #expect(request.message == message)
        #expect(request.single("authorization") == "Bearer abc")
        #expect(request.metadata.map(\.name).allSatisfy { !$0.hasPrefix(":") && !$0.hasPrefix("grpc-") })
        pair.server.respond(request.call, message.reversed(), &pair.serverConnection)
        try pair.run()
        let response = try #require(pair.responses.first)
        #expect(try response.result.get() == message.reversed())
        #expect(pair.server.callCount == 0 && pair.client.callCount == 0)
    }

    @Test("A refusal carries its code and its text, whatever characters that has")
    func refusal() throws {
        var pair = CallPair()
        _ = pair.start([1])
        try pair.run()
        let status = GRPCStatus(.permissionDenied, " 100 % kaputt: öäü\n\"x\" ")
        pair.server.refuse(pair.requests[0].call, status, &pair.serverConnection)
        try pair.run()
        let result = try #require(pair.responses.first).result
        #expect(result == .failure(status))
    }

    @Test("PROTOCOL-HTTP2: a call that breaks a rule is refused with the status for that rule")
    func brokenRules() throws {
        struct Row {
            var method = "POST"
            var type = "application/grpc"
            var fields: [(String, String)] = []
            var payload: [UInt8] = [0, 0, 0, 0, 1, 7]
            let http: Int
            let code: String
        }
        let rows = [
            Row(method: "GET", http: 405, code: ""), Row(type: "application/json", http: 415, code: ""),
            Row(type: "application/grpcx", http: 415, code: ""),
            Row(fields: [("grpc-encoding", "gzip")], http: 200, code: "12"),
            Row(fields: [("grpc-timeout", "soon")], http: 200, code: "13"),
            Row(payload: [1, 0, 0, 0, 1, 7], http: 200, code: "12"),  // compressed
            Row(payload: [2, 0, 0, 0, 1, 7], http: 200, code: "13"),  // no such flag
            Row(payload: [0, 0, 0, 0, 2, 7], http: 200, code: "13"),  // ends within the message
            Row(payload: [0, 0, 0, 0], http: 200, code: "13"),  // ends within the prefix
            Row(payload: [], http: 200, code: "13"),  // no message at all
            Row(payload: [0, 0, 0, 0, 1, 7, 0, 0, 0, 0, 0], http: 200, code: "13"),  // two messages
            Row(payload: [0, 0, 1, 0, 1, 7], http: 200, code: "8"),  // longer than the limit
            Row(payload: [0, 0xFF, 0xFF, 0xFF, 0xFF], http: 200, code: "8"),
        ]
        for row in rows {
            var pair = CallPair()
            let stream = pair.startRaw(method: row.method, contentType: row.type, row.fields, payload: row.payload)
            #expect(stream != nil)
            let answer = try #require(try pair.rawAnswer())
            #expect(answer.http == row.http && answer.code == row.code, "\(row)")
            #expect(pair.requests.isEmpty && pair.server.callCount == 0)
        }
    }

    @Test("A call that is not answered by its deadline ends on both sides, and a late answer is dropped")
    func deadline() throws {
        var pair = CallPair()
        _ = pair.start([1], seconds: 2)
        try pair.run()
        #expect(pair.server.nextDeadline == pair.now + .seconds(2))
        pair.now = pair.now + .seconds(2)
        pair.server.expire(&pair.serverConnection, now: pair.now)
        pair.server.respond(pair.requests[0].call, [2], &pair.serverConnection)
        try pair.run()
        guard case .failure(let status) = try #require(pair.responses.first).result else {
            Issue.record("the call succeeded")
            return
        }
        #expect(status.code == .deadlineExceeded)
        #expect(pair.client.callCount == 0)
    }

    @Test("A client gives up a call by itself when no server answers")
    func clientDeadline() throws {
        var pair = CallPair()
        _ = pair.start([1], seconds: 2)
        try pair.run()
        pair.now = pair.now + .seconds(2)
        let response = pair.client.expire(&pair.clientConnection, now: pair.now)
        guard case .failure(let status) = try #require(response).result else { return }
        #expect(status.code == .deadlineExceeded)
        try pair.run()
        #expect(pair.server.callCount == 0, "the server hears of it by RST_STREAM")
    }

    @Test("An answer larger than the client's limit is refused")
    func answerTooLarge() throws {
        var small = GRPCConfiguration()
        small.maximumMessageLength = 100
        var pair = CallPair(client: small)
        _ = pair.start([1])
        try pair.run()
        pair.server.respond(pair.requests[0].call, [UInt8](repeating: 0, count: 101), &pair.serverConnection)
        try pair.run()
        guard case .failure(let status) = try #require(pair.responses.first).result else {
            Issue.record("the call succeeded")
            return
        }
        #expect(status.code == .resourceExhausted)
    }

    @Test("Calls are bounded in what they hold together")
    func heldBytes() throws {
        var tight = GRPCConfiguration()
        tight.maximumHeldBytes = 8
        var pair = CallPair(server: tight)
        let stream = pair.startRaw(payload: [0, 0, 0, 0, 4, 1, 2, 3, 4])
        #expect(stream != nil)
        let answer = try #require(try pair.rawAnswer())
        #expect(answer.code == "8")
    }
}
