// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes

@testable import HTTP2

extension HTTP2Connection {
    /// The field section of the last `.headers` event as text.
    var fieldTexts: [String] {
        var result: [String] = []
        for index in 0..<fields.count {
            let name = fields.name(index)
            let value = fields.value(index)
            result.append(String(decoding: name) + ": " + String(decoding: value))
        }
        return result
    }
}

/// A core under test, with what it said and the clock it sees.
final class Endpoint {
    var core: HTTP2Connection
    var now = MonotonicTime(nanoseconds: 1_000_000_000)
    /// Bytes handed to the core at a time.
    var chunk = Int.max
    /// Fields of the last headers event.
    var lastFields: [String] = []
    /// Payload of all data events, in order.
    var received: [UInt8] = []
    /// Reports payload as consumed at once.
    var consumes = true

    init(_ role: HTTP2Connection.Role, _ configuration: HTTP2Configuration = HTTP2Configuration()) {
        core = HTTP2Connection(role: role, configuration: configuration, now: now)
    }

    /// A core that has exchanged SETTINGS with a peer that sent `settings`.
    static func connected(
        _ role: HTTP2Connection.Role, _ configuration: HTTP2Configuration = HTTP2Configuration(),
        settings: [UInt8] = []
    ) throws -> Endpoint {
        let endpoint = Endpoint(role, configuration)
        let preface = role == .server ? Wire.preface : []
        _ = try endpoint.receive(preface + Wire.frame(.settings, payload: settings) + Wire.settingsAck)
        _ = endpoint.drain()
        return endpoint
    }

    func drain() -> [UInt8] {
        var result: [UInt8] = []
        var buffer = ByteBuffer(capacity: 4_096)
        while core.hasPendingOutput {
            _ = core.drainPending(into: &buffer)
            result.append(copying: buffer.readable)
            buffer.clear()
        }
        return result
    }

    /// What the core has said since the last look, frame by frame.
    func frames() -> [WireFrame] { Wire.parse(drain()) }

    func receive(_ bytes: [UInt8]) throws(HTTP2Error) -> [HTTP2Event] {
        var events: [HTTP2Event] = []
        var start = 0
        while start < bytes.count {
            let end = chunk > bytes.count - start ? bytes.count : start + chunk
            let piece = Array(bytes[start..<end])
            var offset = 0
            while let event = try core.receive(piece.span, offset: &offset, now: now) {
                note(event, piece)
                events.append(event)
            }
            precondition(offset == piece.count, "input was left over")
            start = end
        }
        return events
    }

    private func note(_ event: HTTP2Event, _ piece: [UInt8]) {
        switch event {
        case .headers: lastFields = core.fieldTexts
        case .data(let stream, let offset, let count, _):
            received += piece[offset..<(offset + count)]
            if consumes { core.consumed(stream, count: count) }
        case .reset, .sendWindowOpened, .connectionWindowOpened, .goAway, .settingsChanged, .pingAcknowledged: break
        }
    }

    /// The connection error that `bytes` cause.
    func failure(on bytes: [UInt8]) -> HTTP2Error? {
        do throws(HTTP2Error) {
            _ = try receive(bytes)
            return nil
        } catch {
            return error
        }
    }

    func tick(after seconds: Double) throws(HTTP2Error) -> HTTP2Event? {
        now = now + Nanoseconds(Int64(seconds * 1e9))
        return try core.tick(now: now)
    }

    func data(_ stream: StreamHandle, _ payload: [UInt8], isEndStream: Bool = false) -> [UInt8] {
        var frame = [UInt8](repeating: 0, count: 9)
        var span = frame.mutableSpan
        core.commitData(stream, count: payload.count, isEndStream: isEndStream, header: &span)
        return frame + payload
    }

    /// Opens a stream with a GET or CONNECT request.
    func request(method: String = "GET", fields: [(String, String)] = [], isEndStream: Bool = false) -> StreamHandle? {
        guard let stream = core.openStream(context: 0) else { return nil }
        var all = [(":method", method), (":authority", "a.example")]
        if method != "CONNECT" { all += [(":scheme", "https"), (":path", "/")] }
        send(stream, all + fields, isEndStream: isEndStream)
        return stream
    }

    func send(_ stream: StreamHandle, _ fields: [(String, String)], isEndStream: Bool) {
        core.beginHeaders(stream)
        for (name, value) in fields { core.addField(name: name.utf8.span, value: value.utf8.span) }
        core.endHeaders(isEndStream: isEndStream)
    }

    func open() -> StreamHandle? { core.openStream(context: 0) }
    var acceptsExtendedConnect: Bool { core.acceptsExtendedConnect }
    var tableSize: Int { core.decoder.tableSize }
    func sendable(_ stream: StreamHandle) -> Int { core.sendableBytes(stream) }
    func nextSendable() -> StreamHandle? { core.nextSendableStream() }
    func isLive(_ stream: StreamHandle) -> Bool { core.isLive(stream) }
    var activeStreams: Int { core.activeStreamCount }
    var availableStreams: Int { core.availableStreams }
    var isDrained: Bool { core.isDrained }
    var deadline: MonotonicTime { core.nextDeadline }
}

extension HTTP2Event {
    /// The stream of an event about one.
    var stream: StreamHandle? {
        switch self {
        case .headers(let stream, _, _), .data(let stream, _, _, _), .reset(let stream, _, _),
            .sendWindowOpened(let stream):
            stream
        case .connectionWindowOpened, .goAway, .settingsChanged, .pingAcknowledged: nil
        }
    }
}
