// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP2

@Suite("Shutdown and time")
struct LifetimeTests {
    static func pings(_ endpoint: Endpoint) -> [WireFrame] { endpoint.frames().filter { $0.type == 6 } }

    @Test("RFC 9113 §6.8: a server drains in two steps, one round trip apart")
    func drain() throws {
        let (server, _) = try StreamStateTests.tunnel()
        server.core.beginDrain(now: server.now)
        let first = server.frames()
        #expect(first.first == .goAway(0x7FFF_FFFF, .noError))
        let ping = try #require(first.last)
        // A stream that was on its way is still taken.
        let late = try server.receive(Wire.headers(3, Wire.connect))
        #expect(late.count == 1)
        #expect(try server.receive(Wire.frame(.ping, flags: 1, payload: ping.payload)) == [.pingAcknowledged])
        #expect(server.frames() == [.goAway(3, .noError)])
        #expect(try server.receive(Wire.headers(5, Wire.connect)) == [])
        #expect(server.frames() == [.reset(5, .refusedStream)])
        #expect(!server.isDrained)
        _ = try server.receive(Wire.reset(1) + Wire.reset(3))
        #expect(server.isDrained)
    }

    @Test("RFC 9113 §6.8: a peer that does not answer the PING cannot delay the second GOAWAY")
    func drainWithoutAnswer() throws {
        let (server, _) = try StreamStateTests.tunnel()
        server.core.beginDrain(now: server.now)
        _ = server.drain()
        #expect(server.deadline == server.now + .seconds(1))
        _ = try server.tick(after: 1)
        #expect(server.frames() == [.goAway(1, .noError)])
    }

    @Test("RFC 9113 §6.8: a client drains with one GOAWAY and opens no more streams")
    func clientDrain() throws {
        let client = try Endpoint.connected(.client)
        let stream = try #require(client.request())
        _ = client.drain()
        client.core.beginDrain(now: client.now)
        #expect(client.frames() == [.goAway(0, .noError)])
        #expect(client.request() == nil)
        #expect(!client.isDrained)
        client.core.reset(stream, .cancel)
        #expect(client.isDrained)
    }

    @Test("RFC 9113 §6.8: streams above the last one of the peer's GOAWAY are given back as refused, others go on")
    func peerGoAway() throws {
        let client = try Endpoint.connected(.client)
        let streams = (0..<4).compactMap { _ in client.request() }
        #expect(
            try client.receive(Wire.goAway(0x7FFF_FFFF)) == [.goAway(lastStreamID: .maximum, code: .noError)])
        #expect(client.availableStreams == 0)
        #expect(
            try client.receive(Wire.goAway(3)) == [
                .goAway(lastStreamID: StreamID(3), code: .noError),
                .reset(streams[2], code: .refusedStream, by: .peer),
                .reset(streams[3], code: .refusedStream, by: .peer),
            ])
        #expect(client.activeStreams == 2 && !client.isDrained)
        #expect(
            try client.receive(Wire.headers(3, [(":status", "200")]))
                == [.headers(streams[1], kind: .response, isEndStream: false)])
        // Late frames of a refused stream are ignored.
        #expect(try client.receive(Wire.headers(5, [(":status", "200")])) == [])
        client.core.reset(streams[0], .cancel)
        client.core.reset(streams[1], .cancel)
        #expect(client.isDrained)
    }

    @Test("closeNow says GOAWAY with its code, and the connection takes nothing more")
    func closeNow() throws {
        let (server, stream) = try StreamStateTests.tunnel()
        server.core.closeNow(.enhanceYourCalm)
        #expect(server.frames() == [.goAway(1, .enhanceYourCalm)])
        #expect(server.failure(on: [0]) == .closedLocally)
        #expect(server.sendable(stream) == 0)
        server.core.endStream(stream)
        server.core.reset(stream, .cancel)
        #expect(server.frames() == [])
    }

    @Test("A keepalive PING is sent after silence, and its answer keeps the connection")
    func keepalive() throws {
        let (server, _) = try StreamStateTests.tunnel()
        #expect(server.deadline == server.now + .seconds(10))
        _ = try server.tick(after: 9.9)
        #expect(Self.pings(server) == [])
        _ = try server.tick(after: 0.1)
        let ping = try #require(Self.pings(server).first)
        _ = try server.tick(after: 19)
        #expect(try server.receive(Wire.frame(.ping, flags: 1, payload: ping.payload)) == [.pingAcknowledged])
        #expect(server.deadline == server.now + .seconds(10))
    }

    @Test("A keepalive PING without an answer ends the connection")
    func keepaliveTimeout() throws {
        let (server, _) = try StreamStateTests.tunnel()
        _ = try server.tick(after: 10)
        #expect(throws: HTTP2Error.keepaliveTimedOut) { try server.tick(after: 20) }
    }

    @Test("Keepalive is silent while data flows")
    func keepaliveSilent() throws {
        let (server, _) = try StreamStateTests.tunnel()
        for _ in 0..<100 {
            _ = try server.receive(Wire.data(1, [UInt8](repeating: 1, count: 100)))
            _ = try server.tick(after: 9)
        }
        #expect(Self.pings(server) == [])
    }

    @Test("An idle connection is not asked when that is switched off, and has no deadline")
    func noIdleKeepalive() throws {
        var configuration = HTTP2Configuration()
        configuration.keepsIdleAlive = false
        let server = try Endpoint.connected(.server, configuration)
        _ = try server.tick(after: 10)
        #expect(Self.pings(server) == [])
        #expect(server.deadline == .distantFuture)
        _ = try server.receive(Wire.headers(1, Wire.connect))
        _ = try server.tick(after: 10)
        #expect(Self.pings(server).count == 1)
    }

    @Test("RFC 9113 §6.7: a PING is answered with its payload")
    func ping() throws {
        let server = try Endpoint.connected(.server)
        _ = try server.receive(Wire.hex("000008 06 00 00000000 0102030405060708"))
        #expect(server.drain() == Wire.hex("000008 06 01 00000000 0102030405060708"))
    }

    @Test("RFC 9218: PRIORITY_UPDATE and the priority field decide whom the window goes to first")
    func priorities() throws {
        let server = try Endpoint.connected(.server, settings: Wire.setting(4, 1 << 20))
        let early = Wire.frame(.priorityUpdate, payload: Wire.bytes(5) + Array("u=0".utf8))
        let events = try server.receive(
            early + Wire.headers(1, Wire.get + [("priority", "u=5")]) + Wire.headers(3, Wire.get)
                + Wire.headers(5, Wire.get + [("priority", "u=7")]) + Wire.headers(7, Wire.get))
        let streams = events.compactMap(\.stream)
        let filler = try #require(streams.first)
        server.core.sendResponse(filler, status: 200, isEndStream: false)
        for _ in 0..<4 { _ = server.data(filler, [UInt8](repeating: 0, count: 16_383)) }
        _ = server.data(filler, [0, 0, 0])
        for stream in streams { #expect(server.sendable(stream) == 0) }
        // Stream 7 becomes the most urgent but one while it waits.
        let update = Wire.frame(.priorityUpdate, payload: Wire.bytes(7) + Array("u=1, i".utf8))
        _ = try server.receive(update)
        #expect(try server.receive(Wire.windowUpdate(0, 100)) == [.connectionWindowOpened])
        var order: [UInt32] = []
        while let stream = server.nextSendable() { order.append(stream.id.rawValue) }
        #expect(order == [5, 7, 3, 1])
    }

    @Test("RFC 9218 §10: streams without a signal take turns; those that are not incremental go one after the other")
    func incremental() throws {
        let server = try Endpoint.connected(.server)
        let plain = try server.receive(Wire.headers(1, Wire.get) + Wire.headers(3, Wire.get)).compactMap(\.stream)
        var order: [UInt32] = []
        for stream in plain { server.core.scheduleSend(stream) }
        for _ in 0..<4 {
            let stream = try #require(server.nextSendable())
            order.append(stream.id.rawValue)
            server.core.scheduleSend(stream)
        }
        #expect(order == [1, 3, 1, 3])
        while server.nextSendable() != nil {}
        let field = [("priority", "u=2")]
        let serial = try server.receive(Wire.headers(5, Wire.get + field) + Wire.headers(7, Wire.get + field))
            .compactMap(\.stream)
        order = []
        for stream in serial.reversed() { server.core.scheduleSend(stream) }
        for _ in 0..<3 {
            let stream = try #require(server.nextSendable())
            order.append(stream.id.rawValue)
            server.core.scheduleSend(stream)
        }
        #expect(order == [5, 5, 5])
    }

    @Test(
        "RFC 9218 §4: priority parameters are read as far as they are understood",
        arguments: [
            ("", 3, false), ("u=0", 0, false), ("u=7, i", 7, true), ("i", 3, true), ("i=?0", 3, false),
            ("i=?1", 3, true),
            ("u=8", 3, false), ("u=-1", 3, false), ("u=1;x=2 , i;y", 1, true), ("u=1,u=5", 5, false),
            ("x=\"u=1\"", 3, false),
        ])
    func prioritySignal(text: String, urgency: UInt8, isIncremental: Bool) {
        let signal = PrioritySignal(text.utf8.span)
        #expect(signal.urgency == urgency && signal.isIncremental == isIncremental)
    }
}
