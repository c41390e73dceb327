// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTP2
import LinuxIO

/// The HTTP/2 client core with prior knowledge: as many requests side by side as the server allows.
struct HTTP2Client: ~Copyable {
    private var core: HTTP2Connection
    private let requests: [Request]
    private let authority: String
    private var answers: [Answer]
    /// Requests not begun, or refused and to be tried again (RFC 9113 §8.7); the last one comes next.
    private var waiting: [Int]
    /// Octets of content sent for each request.
    private var sent: [Int]
    /// Streams with content to send that are not known to be blocked.
    private var ready: [StreamHandle] = []
    private var input = ByteBuffer(capacity: 64 * 1024)
    private var output = ByteBuffer(capacity: 128 * 1024)

    private init(_ requests: [Request], authority: String) {
        self.requests = requests
        self.authority = authority
        answers = requests.map { _ in Answer() }
        sent = requests.map { _ in 0 }
        waiting = requests.indices.reversed()
        core = HTTP2Connection(role: .client, configuration: HTTP2Configuration(), now: MonotonicClock.now())
    }

    static func run(_ requests: [Request], authority: String, _ socket: ClientSocket) throws -> [Answer] {
        var client = HTTP2Client(requests, authority: authority)
        let deadline = MonotonicClock.now() + .seconds(60)
        while client.answers.contains(where: { !$0.isComplete }) {
            guard !socket.isEnded else { throw ClientFailure(description: "the server closed the connection") }
            guard MonotonicClock.now() < deadline else { throw ClientFailure(description: "no answer for a minute") }
            let isIdle = try !client.receive(from: socket)
            let isWritten = try client.send(to: socket)
            if isIdle, client.core.nextDeadline <= MonotonicClock.now() {
                _ = try client.core.tick(now: MonotonicClock.now())
            } else if isIdle, isWritten {
                socket.wait()
            }
        }
        return client.answers
    }

    /// - Returns: whether anything came.
    private mutating func receive(from socket: ClientSocket) throws -> Bool {
        input.clear()
        guard try socket.read(into: &input) else { return false }
        let bytes = Array(copying: input.readable)
        var offset = 0
        while let event = try core.receive(bytes.span, offset: &offset, now: MonotonicClock.now()) {
            try handle(event, bytes)
        }
        return true
    }

    private mutating func handle(_ event: HTTP2Event, _ bytes: [UInt8]) throws {
        switch event {
        case .headers(let stream, let kind, let isEndStream):
            let index = Int(core.context(of: stream) ?? 0)
            let lines = (0..<core.fields.count).map { field in
                String(decoding: core.fields.name(field)) + ": " + String(decoding: core.fields.value(field))
            }
            if kind == .trailers { answers[index].trailers = lines } else { answers[index].fields += lines }
            if kind == .response { answers[index].status = core.fields.status }
            answers[index].isComplete = isEndStream
        case .data(let stream, let offset, let count, let isEndStream):
            let index = Int(core.context(of: stream) ?? 0)
            answers[index].content += bytes[offset..<(offset + count)]
            core.consumed(stream, count: count)
            answers[index].isComplete = isEndStream
        case .reset(let stream, let code, let initiator):
            let index = Int(core.context(of: stream) ?? 0)
            guard !answers[index].isComplete else { return }
            if code == .refusedStream, initiator == .peer {
                waiting.append(index)
                sent[index] = 0
                return
            }
            answers[index].failure = "reset with \(code) by \(initiator)"
            answers[index].isComplete = true
        case .sendWindowOpened(let stream): ready.append(stream)
        case .connectionWindowOpened, .settingsChanged:
            while let stream = core.nextSendableStream() { ready.append(stream) }
        case .goAway, .pingAcknowledged: break
        }
    }

    /// - Returns: whether all that can be sent now is written.
    private mutating func send(to socket: ClientSocket) throws -> Bool {
        repeat {
            begin()
            fill()
            guard try socket.write(&output) else { return false }
        } while core.hasPendingOutput || !ready.isEmpty
        return true
    }

    private mutating func begin() {
        while let index = waiting.last, core.pendingOutputCount < 64 * 1024 {
            guard let stream = core.openStream(context: UInt64(index)) else { return }
            waiting.removeLast()
            let request = requests[index]
            core.beginHeaders(stream)
            core.addField(name: ":method", value: request.method.utf8.span)
            core.addField(name: ":scheme", value: "http")
            core.addField(name: ":authority", value: authority.utf8.span)
            core.addField(name: ":path", value: request.path.utf8.span)
            for (name, value) in request.fields { core.addField(name: name.utf8.span, value: value.utf8.span) }
            core.endHeaders(isEndStream: request.upload == nil)
            if request.upload != nil { ready.append(stream) }
        }
    }

    private mutating func fill() {
        _ = core.drainPending(into: &output)
        while !core.hasPendingOutput, output.freeCount > 32 * 1024, !ready.isEmpty {
            let stream = ready.removeFirst()
            guard core.isLive(stream), let context = core.context(of: stream) else { continue }
            let index = Int(context)
            let left = (requests[index].upload ?? 0) - sent[index]
            let count = left == 0 ? 0 : min(left, core.sendableBytes(stream), 16_384)
            guard left == 0 || count > 0 else { continue }
            var header = InlineArray<9, UInt8>(repeating: 0)
            var span = header.mutableSpan
            core.commitData(stream, count: count, isEndStream: count == left, header: &span)
            output.append(copying: header.span)
            output.append(copying: Request.content(sent[index], count).span)
            sent[index] += count
            if count < left { ready.append(stream) }
        }
    }
}
