// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTP2

/// The HTTP/2 state of one connection and the answers under way; no socket.
struct Exchange: ServedProtocol, ~Copyable {
    private(set) var http2: HTTP2Connection
    private var replies: [Reply] = []
    /// Streams with something to send that are not known to be blocked.
    private var ready: [StreamHandle] = []

    init(now: MonotonicTime) {
        var configuration = HTTP2Configuration()
        configuration.enablesConnectProtocol = true
        configuration.maxConcurrentStreams = 100
        http2 = HTTP2Connection(role: .server, configuration: configuration, now: now)
    }

    mutating func receive(_ input: borrowing ByteBuffer, now: MonotonicTime) -> Bool {
        var offset = 0
        do throws(HTTP2Error) {
            while let event = try http2.receive(input.readable, offset: &offset, now: now) {
                handle(event, input)
            }
            return true
        } catch {
            replies = []
            ready = []
            return false
        }
    }

    mutating func tick(now: MonotonicTime) -> Bool {
        guard now >= http2.nextDeadline else { return true }
        do throws(HTTP2Error) {
            try http2.tick(now: now)
            return true
        } catch {
            return false
        }
    }

    var isFinished: Bool { http2.isDrained && !http2.hasPendingOutput }

    private mutating func handle(_ event: HTTP2Event, _ input: borrowing ByteBuffer) {
        switch event {
        case .headers(let stream, let kind, let isEndStream):
            if kind == .request {
                replies.append(Reply(stream, fields: http2.fields, isEndStream: isEndStream))
                ready.append(stream)
            } else if isEndStream {
                completeRequest(stream)
            }
        case .data(let stream, let offset, let count, let isEndStream):
            if let index = replies.firstIndex(where: { $0.stream == stream }), replies[index].isEcho {
                let bytes = input.readable.extracting(offset..<(offset + count))
                replies[index].append(bytes)
                ready.append(stream)
            }
            if !holdsContent(of: stream) { http2.consumed(stream, count: count) }
            if isEndStream { completeRequest(stream) }
        case .reset(let stream, _, _): replies.removeAll { $0.stream == stream }
        case .sendWindowOpened(let stream): ready.append(stream)
        case .connectionWindowOpened, .settingsChanged:
            while let stream = http2.nextSendableStream() { ready.append(stream) }
        case .goAway, .pingAcknowledged: break
        }
    }

    private func holdsContent(of stream: StreamHandle) -> Bool {
        replies.contains { $0.stream == stream && $0.holdsContent }
    }

    private mutating func completeRequest(_ stream: StreamHandle) {
        guard let index = replies.firstIndex(where: { $0.stream == stream }) else { return }
        replies[index].isRequestComplete = true
        ready.append(stream)
    }

    /// Moves pending control frames, heads and content into the output, a frame per stream in turn.
    mutating func fill(_ output: inout ByteBuffer) {
        _ = http2.drainPending(into: &output)
        while !ready.isEmpty, !http2.hasPendingOutput, output.freeCount > 32 * 1024 {
            let stream = ready.removeFirst()
            guard let index = replies.firstIndex(where: { $0.stream == stream }) else { continue }
            if send(index, &output) { ready.append(stream) }
            _ = http2.drainPending(into: &output)
        }
    }

    /// Sends the next piece of an answer.
    ///
    /// - Returns: whether there is more that can be sent.
    private mutating func send(_ index: Int, _ output: inout ByteBuffer) -> Bool {
        guard replies[index].isRequestComplete || replies[index].isEcho else { return false }
        let stream = replies[index].stream
        if !replies[index].isHeadSent {
            replies[index].isHeadSent = true
            sendHead(replies[index])
            _ = http2.drainPending(into: &output)
            if replies[index].available == 0, replies[index].isLast, !replies[index].sendsTrailers {
                replies.remove(at: index)
                return false
            }
        }
        let wanted = replies[index].available
        let isLast = replies[index].isLast
        if wanted == 0, !isLast { return false }
        var count = 0
        if wanted > 0 {
            count = min(wanted, http2.sendableBytes(stream), 16_384)
            if count == 0 { return false }
        }
        let endsWithData = isLast && count == wanted && !replies[index].sendsTrailers
        if count > 0 || endsWithData { sendData(index, count, isEndStream: endsWithData, &output) }
        guard isLast, count == wanted else { return true }
        if replies[index].sendsTrailers { sendTrailers(stream) }
        replies.remove(at: index)
        return false
    }

    private mutating func sendHead(_ reply: Reply) {
        let stream = reply.stream
        if reply.isEarly {
            guard http2.beginHeaders(stream) else { return }
            http2.addField(name: ":status", value: "103")
            http2.addField(name: "link", value: "</style.css>; rel=preload")
            http2.endHeaders(isEndStream: false)
        }
        guard http2.beginHeaders(stream) else { return }
        http2.addField(name: ":status", value: "200")
        http2.addField(name: "server", value: "ambit-conformance")
        http2.addField(name: "content-type", value: "text/plain")
        if case .octets(let remaining, _) = reply.content, !reply.isEcho, !reply.isHead {
            let digits = String(remaining)
            http2.addField(name: "content-length", value: digits.utf8.span)
        }
        if reply.hasManyFields { addManyFields() }
        let isEmpty = reply.available == 0 && reply.isLast && !reply.sendsTrailers
        http2.endHeaders(isEndStream: isEmpty)
    }

    /// Fields of all kinds of representations, larger together than one frame.
    private mutating func addManyFields() {
        for index in 0..<60 {
            let name = "x-field-\(index)"
            let value = String(repeating: index % 2 == 0 ? "value-" : "\u{E9}\u{FF}~", count: index * 3)
            let plain = String(repeating: "Aa0-", count: index * 3)
            http2.addField(name: name.utf8.span, value: (index % 2 == 0 ? value : plain).utf8.span)
        }
        http2.addField(name: "set-cookie", value: "secret=1", indexing: .neverIndexed)
        http2.addField(name: "x-empty", value: "")
    }

    private mutating func sendData(_ index: Int, _ count: Int, isEndStream: Bool, _ output: inout ByteBuffer) {
        var header = InlineArray<9, UInt8>(repeating: 0)
        var span = header.mutableSpan
        http2.commitData(replies[index].stream, count: count, isEndStream: isEndStream, header: &span)
        output.append(copying: header.span)
        replies[index].move(count, into: &output)
    }

    private mutating func sendTrailers(_ stream: StreamHandle) {
        guard http2.beginHeaders(stream) else { return }
        http2.addField(name: "grpc-status", value: "0")
        http2.addField(name: "x-checksum", value: "1234")
        http2.endHeaders(isEndStream: true)
    }
}
