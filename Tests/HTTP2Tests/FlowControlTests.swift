// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP2

@Suite("Flow control")
struct FlowControlTests {
    static func small() -> HTTP2Configuration {
        var configuration = HTTP2Configuration()
        configuration.initialStreamWindow = 70_000
        configuration.connectionWindow = 100_000
        configuration.growsWindows = false
        return configuration
    }

    static func chunk(_ count: Int) -> [UInt8] { [UInt8](repeating: 0x55, count: count) }

    @Test(
        "RFC 9113 §6.9.1: DATA beyond the stream's window is a stream error, beyond the connection's the connection's")
    func exceeded() throws {
        let server = try Endpoint.connected(.server, Self.small())
        server.consumes = false
        _ = try server.receive(Wire.headers(1, Wire.connect) + Wire.headers(3, Wire.connect))
        for _ in 0..<4 { _ = try server.receive(Wire.data(1, Self.chunk(16_384))) }
        let events = try server.receive(Wire.data(1, Self.chunk(5_000)))
        let stream = try #require(events.first?.stream)
        #expect(events == [.reset(stream, code: .flowControlError, by: .local(.streamWindowExceeded))])
        // The reset gave 70 536 octets back: half of the connection's window, so they are announced.
        #expect(server.frames() == [.windowUpdate(0, 65_536), .reset(1, .flowControlError)])
        for _ in 0..<4 { _ = try server.receive(Wire.data(3, Self.chunk(16_384))) }
        _ = try server.receive(Wire.headers(5, Wire.connect))
        _ = try server.receive(Wire.data(5, Self.chunk(16_384)))
        #expect(server.failure(on: Wire.data(5, Self.chunk(16_384))) == .connectionWindowExceeded)
    }

    @Test("RFC 9113 §6.9: consumed octets are granted again in steps of half a window")
    func batching() throws {
        let server = try Endpoint.connected(.server, Self.small())
        server.consumes = false
        let stream = try #require(try server.receive(Wire.headers(1, Wire.connect)).first?.stream)
        for _ in 0..<4 { _ = try server.receive(Wire.data(1, Self.chunk(16_384))) }
        #expect(server.frames() == [])
        server.core.consumed(stream, count: 34_999)
        #expect(server.frames() == [])
        server.core.consumed(stream, count: 1)
        #expect(server.frames() == [.windowUpdate(1, 35_000)])
        server.core.consumed(stream, count: 15_000)
        #expect(server.frames() == [.windowUpdate(0, 50_000)])
    }

    @Test("RFC 9113 §6.1: padding counts for both windows and is granted again without the caller")
    func padding() throws {
        var configuration = Self.small()
        configuration.initialStreamWindow = 65_535
        configuration.connectionWindow = 65_536
        let server = try Endpoint.connected(.server, configuration)
        _ = try server.receive(Wire.headers(1, Wire.connect))
        let padded = Wire.frame(.data, flags: 8, id: 1, payload: [255, 9] + Self.chunk(255))
        for _ in 0..<128 {
            let events = try server.receive(padded)
            #expect(events.count == 1)
        }
        // 128 frames of 257 octets are half of the windows.
        #expect(server.frames().filter { $0.id == 1 }.count == 1)
        #expect(server.received == [UInt8](repeating: 9, count: 128))
        let sum = server.core.receiveWindow + server.core.pendingCredit
        #expect(sum == 65_536)
    }

    @Test("RFC 9113 §6.1: padded DATA may come in pieces of one octet")
    func paddingInPieces() throws {
        let (server, stream) = try StreamStateTests.tunnel()
        server.chunk = 1
        let events = try server.receive(Wire.frame(.data, flags: 9, id: 1, payload: [3, 1, 2, 0, 0, 0]))
        #expect(
            events == [
                .data(stream, offset: 0, count: 1, isEndStream: false),
                .data(stream, offset: 0, count: 1, isEndStream: true),
            ])
        #expect(server.received == [1, 2])
    }

    @Test("RFC 9113 §6.9.1: sendableBytes is the least of both windows and the frame size; blocked streams are told")
    func sendable() throws {
        let client = try Endpoint.connected(.client, settings: Wire.setting(4, 50_000))
        let first = try #require(client.request())
        let second = try #require(client.request())
        #expect(client.sendable(first) == 16_384)
        for _ in 0..<3 { _ = client.data(first, Self.chunk(16_384)) }
        #expect(client.sendable(first) == 848)
        _ = client.data(first, Self.chunk(848))
        #expect(client.sendable(first) == 0)
        #expect(client.sendable(second) == 15_535)
        _ = client.data(second, Self.chunk(15_535))
        #expect(client.sendable(second) == 0)
        // The stream's window opens, but the connection's is closed: nothing to tell yet.
        #expect(try client.receive(Wire.windowUpdate(1, 100)) == [])
        #expect(try client.receive(Wire.windowUpdate(0, 1_000)) == [.connectionWindowOpened])
        var order: [StreamHandle] = []
        while let stream = client.nextSendable() { order.append(stream) }
        #expect(order == [second, first])
        #expect(client.sendable(first) == 100)
        #expect(client.sendable(second) == 1_000)
    }

    @Test("RFC 9113 §6.9: WINDOW_UPDATE of 0 for a stream is a stream error")
    func zeroIncrement() throws {
        let (server, stream) = try StreamStateTests.tunnel()
        #expect(
            try server.receive(Wire.windowUpdate(1, 0))
                == [.reset(stream, code: .protocolError, by: .local(.streamWindowIncrementZero))])
        #expect(server.frames() == [.reset(1, .protocolError)])
    }

    @Test("RFC 9113 §6.9.1: a stream's window above 2³¹-1 is a stream error FLOW_CONTROL_ERROR")
    func streamOverflow() throws {
        let (server, stream) = try StreamStateTests.tunnel()
        #expect(
            try server.receive(Wire.windowUpdate(1, 0x7FFF_FFFF))
                == [.reset(stream, code: .flowControlError, by: .local(.streamWindowOverflow))])
        #expect(server.frames() == [.reset(1, .flowControlError)])
    }

    @Test("No window is granted on a stream whose peer has ended it")
    func noUpdateAfterEnd() throws {
        let server = try Endpoint.connected(.server, Self.small())
        server.consumes = false
        let stream = try #require(try server.receive(Wire.headers(1, Wire.connect)).first?.stream)
        for last in [false, false, true] {
            _ = try server.receive(Wire.data(1, Self.chunk(16_000), isEndStream: last))
        }
        server.core.consumed(stream, count: 48_000)
        #expect(server.frames() == [])
    }

    @Test("A measured bandwidth-delay product doubles the windows, up to the budget")
    func growth() throws {
        var configuration = HTTP2Configuration()
        configuration.initialStreamWindow = 65_535
        configuration.connectionWindow = 262_144
        configuration.maxStreamWindow = 200_000
        let server = try Endpoint.connected(.server, configuration)
        _ = try server.receive(
            Wire.headers(1, Wire.connect) + Wire.headers(3, Wire.connect) + Wire.headers(5, Wire.connect))
        server.core.setWindowBudget(400_000)
        for round in 0..<3 {
            server.now = server.now + .seconds(11)
            // A quarter of the window, so that there is something to measure.
            for _ in 0..<(1 << round) { _ = try server.receive(Wire.data(1, Self.chunk(16_384))) }
            let ping = try #require(server.frames().first { $0.type == 6 })
            // More octets in less time each round.
            for _ in 0..<(3 << round + 1) { _ = try server.receive(Wire.data(3, Self.chunk(16_384))) }
            server.now = server.now + .milliseconds(10)
            _ = try server.receive(Wire.frame(.ping, flags: 1, payload: ping.payload))
            let settings = server.frames().filter { $0.type == 4 && $0.flags == 0 }
            if round == 0 { #expect(settings.map(\.payload) == [Wire.setting(4, 131_072)]) }
            if round == 1 { #expect(settings.map(\.payload) == [Wire.setting(4, 200_000)]) }
            if round == 2 { #expect(settings == []) }
            if !settings.isEmpty { _ = try server.receive(Wire.settingsAck) }
        }
        #expect(server.core.windowBytes == 400_000)
        let granted = server.core.receiveWindow + server.core.pendingCredit
        #expect(granted == 400_000)
    }
}
