// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP2

extension HTTP2Connection {
    var authorityBytes: [UInt8] {
        let value = fields.authority
        return [UInt8](copying: value)
    }
}

/// A core with the bytes it has written, for tests.
final class Endpoint {
    var core: HTTP2Connection
    var now = MonotonicTime(nanoseconds: 1_000_000_000)

    init(_ role: HTTP2Connection.Role, _ configuration: HTTP2Configuration = HTTP2Configuration()) {
        core = HTTP2Connection(role: role, configuration: configuration, now: now)
    }

    var authority: [UInt8] { core.authorityBytes }

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

    func receive(_ bytes: [UInt8]) throws(HTTP2Error) -> [HTTP2Event] {
        var events: [HTTP2Event] = []
        var offset = 0
        while let event = try core.receive(bytes.span, offset: &offset, now: now) { events.append(event) }
        return events
    }

    func data(_ stream: StreamHandle, _ payload: [UInt8], isEndStream: Bool = false) -> [UInt8] {
        var frame = [UInt8](repeating: 0, count: 9)
        var span = frame.mutableSpan
        core.commitData(stream, count: payload.count, isEndStream: isEndStream, header: &span)
        return frame + payload
    }
}

@Suite("HTTP2Connection")
struct HTTP2ConnectionTests {
    @Test("RFC 9113 §8.5: a CONNECT tunnel opens, carries bytes both ways and ends")
    func tunnel() throws {
        let client = Endpoint(.client)
        let server = Endpoint(.server)
        _ = try server.receive(client.drain())
        _ = try client.receive(server.drain())
        let opening = client.core.openStream(context: 7)
        let stream = try #require(opening)
        let context = client.core.context(of: stream)
        #expect(context == 7)
        client.core.beginHeaders(stream)
        client.core.addField(name: ":method", value: "CONNECT")
        client.core.addField(name: ":authority", value: "10.0.0.1:80")
        client.core.endHeaders(isEndStream: false)
        let opened = try server.receive(client.drain())
        let remote = try #require(
            opened.compactMap { event -> StreamHandle? in
                if case .headers(let stream, .request, false) = event { stream } else { nil }
            }.first)
        #expect(server.authority == Array("10.0.0.1:80".utf8))
        server.core.setContext(9, for: remote)
        server.core.sendResponse(remote, status: 200, isEndStream: false)
        #expect(try client.receive(server.drain()) == [.headers(stream, kind: .response, isEndStream: false)])
        let status = client.core.fields.status
        #expect(status == 200)
        let frame = client.data(stream, [1, 2, 3], isEndStream: true)
        #expect(try server.receive(frame) == [.data(remote, offset: 9, count: 3, isEndStream: true)])
        server.core.consumed(remote, count: 3)
        server.core.endStream(remote)
        #expect(try client.receive(server.drain()) == [.data(stream, offset: 9, count: 0, isEndStream: true)])
        let left = client.core.activeStreamCount + server.core.activeStreamCount
        #expect(left == 0)
    }
}
