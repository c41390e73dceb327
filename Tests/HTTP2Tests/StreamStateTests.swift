// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP2

@Suite("Stream states")
struct StreamStateTests {
    /// A server with stream 1 open (a CONNECT tunnel, answered).
    static func tunnel() throws -> (Endpoint, StreamHandle) {
        let server = try Endpoint.connected(.server)
        let events = try server.receive(Wire.headers(1, Wire.connect))
        let stream = try #require(events.first?.stream)
        server.core.sendResponse(stream, status: 200, isEndStream: false)
        _ = server.drain()
        return (server, stream)
    }

    @Test("RFC 9113 §8.5: a CONNECT tunnel opens, carries bytes both ways and ends")
    func tunnelLife() throws {
        let client = Endpoint(.client)
        let server = Endpoint(.server)
        _ = try server.receive(client.drain())
        _ = try client.receive(server.drain())
        _ = try server.receive(client.drain())
        let stream = try #require(client.request(method: "CONNECT"))
        let opened = try server.receive(client.drain())
        let remote = try #require(opened.first?.stream)
        #expect(opened == [.headers(remote, kind: .request, isEndStream: false)])
        #expect(server.lastFields == [":method: CONNECT", ":authority: a.example"])
        server.core.setContext(9, for: remote)
        server.core.sendResponse(remote, status: 200, isEndStream: false)
        #expect(try client.receive(server.drain()) == [.headers(stream, kind: .response, isEndStream: false)])
        #expect(client.lastFields == [":status: 200"])
        let frame = client.data(stream, [1, 2, 3], isEndStream: true)
        #expect(Array(frame.prefix(9)) == Wire.hex("000003 00 01 00000001"))
        #expect(try server.receive(frame) == [.data(remote, offset: 9, count: 3, isEndStream: true)])
        server.core.endStream(remote)
        let end = server.drain()
        #expect(end == Wire.hex("000000 00 01 00000001"))
        #expect(try client.receive(end) == [.data(stream, offset: 9, count: 0, isEndStream: true)])
        #expect(client.activeStreams == 0 && server.activeStreams == 0)
        #expect(!client.isLive(stream) && !server.isLive(remote))
    }

    @Test("The context of a stream stays readable while its last event is handled, and not longer")
    func contextOutlivesStream() throws {
        let (server, stream) = try Self.tunnel()
        server.core.setContext(0xDEAD_BEEF_0000_0001, for: stream)
        let bytes = Wire.reset(1)
        var offset = 0
        let event = try server.core.receive(bytes.span, offset: &offset, now: server.now)
        #expect(event == .reset(stream, code: .cancel, by: .peer))
        #expect(!server.isLive(stream))
        let context = server.core.context(of: stream)
        #expect(context == 0xDEAD_BEEF_0000_0001)
        _ = try server.core.receive(bytes.span, offset: &offset, now: server.now)
        let later = server.core.context(of: stream)
        #expect(later == nil)
    }

    @Test("A handle survives the trip through 64 bits, and a stale one misses the stream that took its slot")
    func handles() throws {
        let client = try Endpoint.connected(.client)
        let first = try #require(client.request())
        #expect(StreamHandle(bits: first.bits) == first)
        client.core.reset(first, .cancel)
        _ = try client.receive(Wire.frame(.settings))
        let second = try #require(client.request())
        #expect(second.index == first.index && second != first)
        #expect(!client.isLive(first))
        client.core.consumed(first, count: 5)
        client.core.reset(first, .cancel)
        #expect(client.isLive(second))
    }

    @Test(
        "RFC 9113 §5.1: DATA or HEADERS on a half-closed (remote) stream is a stream error STREAM_CLOSED",
        arguments: [
            Wire.data(1, [1]), Wire.headers(1, [("a", "b")], isEndStream: true),
        ])
    func halfClosedRemote(frame: [UInt8]) throws {
        let server = try Endpoint.connected(.server)
        let stream = try #require(try server.receive(Wire.headers(1, Wire.get, isEndStream: true)).first?.stream)
        #expect(
            try server.receive(frame) == [.reset(stream, code: .streamClosed, by: .local(.frameAfterEndStream))])
        #expect(server.frames() == [.reset(1, .streamClosed)])
    }

    @Test("RFC 9113 §5.1: WINDOW_UPDATE, PRIORITY and RST_STREAM are allowed on a half-closed (remote) stream")
    func halfClosedRemoteAllowed() throws {
        let server = try Endpoint.connected(.server)
        let stream = try #require(try server.receive(Wire.headers(1, Wire.get, isEndStream: true)).first?.stream)
        let priority = Wire.hex("000005 02 00 00000001 00000000 10")
        #expect(try server.receive(Wire.windowUpdate(1, 5) + priority) == [])
        #expect(try server.receive(Wire.reset(1)) == [.reset(stream, code: .cancel, by: .peer)])
    }

    @Test(
        "RFC 9113 §5.1: DATA or HEADERS after both sides have ended is a connection error STREAM_CLOSED",
        arguments: [
            Wire.data(1, [1]), Wire.headers(1, Wire.get),
        ])
    func closedByEnd(frame: [UInt8]) throws {
        let server = try Endpoint.connected(.server)
        let stream = try #require(try server.receive(Wire.headers(1, Wire.get, isEndStream: true)).first?.stream)
        server.core.sendResponse(stream, status: 204, isEndStream: true)
        _ = server.drain()
        #expect(server.failure(on: frame) == .frameOnClosedStream)
        #expect(server.frames() == [.goAway(1, .streamClosed)])
    }

    @Test("RFC 9113 §5.1: DATA after the peer's own RST_STREAM is a stream error STREAM_CLOSED, answered once")
    func closedByPeerReset() throws {
        let (server, _) = try Self.tunnel()
        _ = try server.receive(Wire.reset(1))
        #expect(try server.receive(Wire.data(1, [1]) + Wire.data(1, [2])) == [])
        #expect(server.frames() == [.reset(1, .streamClosed)])
    }

    @Test("RFC 9113 §5.1: frames on their way when we reset are discarded, but decoded and counted")
    func closedByOwnReset() throws {
        let (server, stream) = try Self.tunnel()
        server.core.reset(stream, .cancel)
        #expect(server.frames() == [.reset(1, .cancel)])
        // The discarded trailers enter "x: y" into the decoder's table, the next request refers to it.
        let trailers = Wire.frame(.headers, flags: 5, id: 1, payload: Wire.hex("4001 7801 79"))
        let next = Wire.frame(.headers, flags: 5, id: 3, payload: Wire.block(Wire.get) + [0xBE])
        let late = Wire.data(1, [UInt8](repeating: 0, count: 16_384))
        _ = try server.receive(late + trailers)
        for _ in 0..<127 { _ = try server.receive(late) }
        #expect(server.frames().filter { $0.type == 8 } == [.windowUpdate(0, 128 * 16_384)])
        let events = try server.receive(next)
        #expect(events.count == 1 && server.lastFields.last == "x: y")
    }

    @Test("RFC 9113 §5.1.2: streams above our SETTINGS_MAX_CONCURRENT_STREAMS are refused with REFUSED_STREAM")
    func tooManyStreams() throws {
        var configuration = HTTP2Configuration()
        configuration.maxConcurrentStreams = 2
        let server = try Endpoint.connected(.server, configuration)
        let events = try server.receive(
            Wire.headers(1, Wire.get) + Wire.headers(3, Wire.get) + Wire.headers(5, Wire.get))
        #expect(events.count == 2)
        #expect(server.frames() == [.reset(5, .refusedStream)])
        #expect(try server.receive(Wire.reset(1) + Wire.headers(7, Wire.get)).count == 2)
    }

    @Test("A stream that both sides have ended keeps its handle until all octets are consumed")
    func lingering() throws {
        let (server, stream) = try Self.tunnel()
        server.consumes = false
        _ = try server.receive(Wire.data(1, [1, 2, 3], isEndStream: true))
        server.core.endStream(stream)
        #expect(server.activeStreams == 0)
        #expect(server.isLive(stream))
        server.core.consumed(stream, count: 3)
        #expect(!server.isLive(stream))
    }

    @Test("A stream that never sent HEADERS is dropped without a word, and its identifier is skipped")
    func abandonedBeforeHeaders() throws {
        let client = try Endpoint.connected(.client)
        let opened = client.core.openStream(context: 1)
        let stream = try #require(opened)
        client.core.reset(stream, .cancel)
        #expect(client.frames() == [])
        #expect(client.activeStreams == 0)
        #expect(client.request()?.id == StreamID(3))
    }

    @Test("RFC 9113 §5.1.1: a client that has used up its identifiers opens no more streams")
    func identifiersUsedUp() throws {
        let client = try Endpoint.connected(.client)
        client.core.nextLocalID = 0x7FFF_FFFF
        #expect(client.request()?.id == .maximum)
        #expect(client.request() == nil)
        #expect(client.availableStreams == 0)
    }

    @Test("RFC 9113 §5.1: the server may answer and end before the request has ended, and reset with NO_ERROR")
    func earlyResponse() throws {
        let server = try Endpoint.connected(.server)
        let stream = try #require(try server.receive(Wire.headers(1, Wire.get)).first?.stream)
        server.core.sendResponse(stream, status: 413, isEndStream: true)
        server.core.reset(stream, .noError)
        #expect(server.frames().last == .reset(1, .noError))
        #expect(server.failure(on: Wire.data(1, [1, 2, 3], isEndStream: true)) == nil)
    }
}
