// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTP2
import Testing

@testable import Kubernetes

@Suite("APICalls")
struct APICallsTests {
    /// A client and a server joined without a network.
    private struct Pair: ~Copyable {
        var calls = APICalls(authority: "api.example:6443", pathPrefix: "")
        var client: HTTP2Connection
        var server: HTTP2Connection
        var now = MonotonicTime(nanoseconds: 1_000_000_000)
        /// Streams that the server has seen reset.
        var resets = 0
        var stream: StreamHandle?
        var replies: [APIReply] = []

        init() {
            client = HTTP2Connection(role: .client, configuration: APICalls.configuration, now: now)
            server = HTTP2Connection(role: .server, configuration: HTTP2Configuration(), now: now)
        }

        mutating func run() throws {
            for _ in 0..<4 {
                var sent = ByteBuffer(capacity: 16_384)
                _ = calls.write(&client, into: &sent)
                var offset = 0
                while let event = try server.receive(sent.readable, offset: &offset, now: now) {
                    switch event {
                    case .headers(let stream, _, _): self.stream = stream
                    case .reset: resets += 1
                    default: break
                    }
                }
                var answer = ByteBuffer(capacity: 16_384)
                _ = server.drainPending(into: &answer)
                try receive(&answer)
            }
        }

        private mutating func receive(_ answer: inout ByteBuffer) throws {
            var offset = 0
            while let event = try client.receive(answer.readable, offset: &offset, now: now) {
                if let reply = calls.receive(event, answer.readable, &client, now: now) { replies.append(reply) }
            }
        }

        mutating func answer(_ status: String) throws {
            let stream = try #require(stream)
            server.beginHeaders(stream)
            server.addField(name: ":status", value: Array(status.utf8).span)
            server.endHeaders(isEndStream: false)
            try run()
        }

        mutating func send(_ text: String) throws {
            let stream = try #require(stream)
            let payload = Array(text.utf8)
            var record = ByteBuffer(capacity: 16_384)
            _ = record.appendUninitialized(9)
            var frame = record.mutableReadable
            var header = frame._mutatingExtracting(0..<9)
            server.commitData(stream, count: payload.count, isEndStream: false, header: &header)
            record.append(copying: payload.span)
            try receive(&record)
        }
    }

    private static let event = #"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}"# + "\n"

    private func watch(_ pair: inout Pair) throws {
        var request = APIRequest(.get, "/api/v1/pods?watch=true")
        request.delivery = .pieces(.values)
        request.timeout = .seconds(630)
        request.silence = .seconds(180)
        let now = pair.now
        let isStarted = pair.calls.start(request, token: nil, context: 7, &pair.client, now: now)
        #expect(isStarted)
        try pair.run()
        try pair.answer("200")
    }

    @Test("A watch that stalls without a word is ended when its silence is over; every word puts that off")
    func stalls() throws {
        var pair = Pair()
        try watch(&pair)
        pair.now = pair.now + .seconds(100)
        try pair.send(Self.event)
        #expect(pair.replies.last?.pieces.count == 1)
        let spoken = pair.now
        #expect(pair.calls.nextDeadline == spoken + .seconds(180))
        let early = spoken + .seconds(179)
        let isEarly = pair.calls.expire(&pair.client, now: early) != nil
        #expect(!isEarly)
        pair.now = spoken + .seconds(180)
        let late = pair.now
        let reply = try #require(pair.calls.expire(&pair.client, now: late))
        guard case .failed(.timedOut) = reply.end, reply.context == 7 else {
            Issue.record("the watch goes on")
            return
        }
        try pair.run()
        #expect(pair.resets == 1 && pair.calls.callCount == 0)
    }

    @Test("A watch that always has something to say ends when its time is over all the same")
    func overdue() throws {
        var pair = Pair()
        try watch(&pair)
        let start = pair.now
        for second in stride(from: Int64(60), to: 630, by: 60) {
            pair.now = start + .seconds(second)
            try pair.send(Self.event)
        }
        #expect(pair.calls.nextDeadline == start + .seconds(630))
    }
}
