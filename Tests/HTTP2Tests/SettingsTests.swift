// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP2

@Suite("Connection start")
struct SettingsTests {
    @Test("RFC 9113 §3.4: a client begins with the preface, SETTINGS and its window")
    func clientGolden() {
        let client = Endpoint(.client)
        #expect(
            client.drain()
                == Wire.preface
                + Wire.hex(
                    """
                    000018 04 00 00000000
                      0002 00000000  // ENABLE_PUSH 0
                      0004 00100000  // INITIAL_WINDOW_SIZE 1 MiB
                      0006 00008000  // MAX_HEADER_LIST_SIZE 32 KiB
                      0009 00000001  // NO_RFC7540_PRIORITIES
                    000004 08 00 00000000 003f0001  // connection window to 4 MiB
                    """))
    }

    @Test("RFC 9113 §3.4: a server begins with SETTINGS and its window")
    func serverGolden() {
        let server = Endpoint(.server, .proxy)
        #expect(
            server.drain()
                == Wire.hex(
                    """
                    00001e 04 00 00000000
                      0003 000000c8  // MAX_CONCURRENT_STREAMS 200
                      0004 00100000  // INITIAL_WINDOW_SIZE 1 MiB
                      0006 00008000  // MAX_HEADER_LIST_SIZE 32 KiB
                      0008 00000001  // ENABLE_CONNECT_PROTOCOL
                      0009 00000001  // NO_RFC7540_PRIORITIES
                    000004 08 00 00000000 003f0001  // connection window to 4 MiB
                    """))
    }

    @Test("RFC 9113 §6.5.3: SETTINGS are acknowledged, once each")
    func acknowledged() throws {
        let server = try Endpoint.connected(.server)
        let settings = Wire.frame(.settings, payload: Wire.setting(1, 0) + Wire.setting(1, 4_096))
        #expect(try server.receive(settings + settings) == [.settingsChanged, .settingsChanged])
        #expect(server.frames() == [.settingsAck, .settingsAck])
    }

    @Test("RFC 9113 §6.5.3: SETTINGS that are not acknowledged in time end the connection with SETTINGS_TIMEOUT")
    func timeout() throws {
        let client = Endpoint(.client)
        _ = try client.receive(Wire.frame(.settings))
        _ = client.drain()
        #expect(try client.tick(after: 9.9) == nil)
        #expect(throws: HTTP2Error.settingsTimedOut) { try client.tick(after: 0.2) }
        #expect(client.frames().last == .goAway(0, .settingsTimeout))
    }

    @Test("RFC 9113 §6.9.2: a raised initial window opens streams that were blocked, and says so")
    func raisedWindow() throws {
        let client = try Endpoint.connected(.client, settings: Wire.setting(4, 0))
        let stream = try #require(client.request())
        #expect(client.sendable(stream) == 0)
        let events = try client.receive(Wire.frame(.settings, payload: Wire.setting(4, 10)))
        #expect(events == [.settingsChanged, .connectionWindowOpened])
        #expect(client.nextSendable() == stream)
        #expect(client.nextSendable() == nil)
        #expect(client.sendable(stream) == 10)
    }

    @Test("RFC 9113 §6.9.2: a lowered initial window may become negative, and the stream waits until it is not")
    func loweredWindow() throws {
        let client = try Endpoint.connected(.client, settings: Wire.setting(4, 100))
        let stream = try #require(client.request())
        _ = client.data(stream, [UInt8](repeating: 1, count: 60))
        _ = try client.receive(Wire.frame(.settings, payload: Wire.setting(4, 20)))
        #expect(client.sendable(stream) == 0)
        #expect(try client.receive(Wire.windowUpdate(1, 40)) == [])
        #expect(client.sendable(stream) == 0)
        #expect(try client.receive(Wire.windowUpdate(1, 5)) == [.sendWindowOpened(stream)])
        #expect(client.sendable(stream) == 5)
    }

    @Test("RFC 9113 §6.9.2: an initial window that lifts a stream above 2³¹-1 is a connection error")
    func settingOverflow() throws {
        let client = try Endpoint.connected(.client)
        _ = client.request()
        _ = try client.receive(Wire.windowUpdate(1, 0x7FFF_FFFF - 65_535))
        let settings = Wire.frame(.settings, payload: Wire.setting(4, 65_536))
        #expect(client.failure(on: settings) == .windowSettingTooLarge)
    }

    @Test("RFC 9113 §6.9.2: before our smaller initial window is acknowledged the peer may use 65 535")
    func smallWindowBeforeAcknowledgement() throws {
        var configuration = HTTP2Configuration()
        configuration.initialStreamWindow = 10
        let server = Endpoint(.server, configuration)
        _ = try server.receive(Wire.preface + Wire.frame(.settings) + Wire.headers(1, Wire.connect))
        #expect(try server.receive(Wire.data(1, [UInt8](repeating: 7, count: 1_000))).count == 1)
        _ = try server.receive(Wire.settingsAck + Wire.headers(3, Wire.connect))
        _ = server.drain()
        let events = try server.receive(Wire.data(3, [UInt8](repeating: 7, count: 11)))
        #expect(events.count == 1)
        #expect(server.frames() == [.reset(3, .flowControlError)])
    }

    @Test("RFC 9113 §6.5.2: SETTINGS_MAX_CONCURRENT_STREAMS bounds what a client opens")
    func maxConcurrentStreams() throws {
        let client = try Endpoint.connected(.client, settings: Wire.setting(3, 2))
        #expect(client.availableStreams == 2)
        let first = try #require(client.request())
        _ = client.request()
        #expect(client.request() == nil)
        client.core.reset(first, .cancel)
        #expect(client.availableStreams == 1)
    }

    @Test("RFC 9113 §6.5.2: SETTINGS_MAX_FRAME_SIZE bounds DATA and splits header blocks")
    func maxFrameSize() throws {
        let client = try Endpoint.connected(.client, settings: Wire.setting(4, 1 << 20) + Wire.setting(5, 20_000))
        let stream = try #require(client.request())
        #expect(client.sendable(stream) == 20_000)
        let box = DecoderBox()
        _ = try box.decode(client.frames().flatMap(\.payload))
        let large = String(repeating: "~", count: 10_000)
        let other = try #require(client.request(fields: [("x-a", large), ("x-b", large + large + large)]))
        let frames = client.frames()
        #expect(frames.map(\.type) == [1, 9, 9])
        #expect(frames.map(\.flags) == [0, 0, 4])
        #expect(frames.allSatisfy { $0.payload.count <= 20_000 && $0.id == other.id.rawValue })
        let fields = try box.decode(frames.flatMap(\.payload))
        #expect(fields?.last == "x-b: " + large + large + large)
    }
}
