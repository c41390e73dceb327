// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP2

/// Attacks by name: each ends the stream or the connection within a named limit.
@Suite("Hostile peers")
struct HostilePeerTests {
    /// Sends `frames(n)` until the connection fails.
    ///
    /// - Returns: the error and how many rounds it took; nil after 30 000 rounds.
    static func flood(
        _ endpoint: Endpoint, drains: Bool = true, _ frames: (UInt32) -> [UInt8]
    ) -> (error: HTTP2Error, rounds: Int)? {
        for round in 0..<30_000 {
            if let error = endpoint.failure(on: frames(UInt32(round))) { return (error, round + 1) }
            if drains { _ = endpoint.drain() }
        }
        return nil
    }

    @Test("CVE-2023-44487 (Rapid Reset): requests reset before they are answered end the connection")
    func rapidReset() throws {
        let server = try Endpoint.connected(.server)
        let result = Self.flood(server) { Wire.headers(2 * $0 + 1, Wire.get) + Wire.reset(2 * $0 + 1) }
        #expect(result?.error == .tooManyResets && result?.rounds == 1_001)
        #expect(server.frames().last?.payload.suffix(4) == Wire.bytes(HTTP2ErrorCode.enhanceYourCalm.rawValue)[...])
    }

    @Test("CVE-2023-44487: resets of tunnels that were answered are ordinary, however many")
    func ordinaryResets() throws {
        let server = try Endpoint.connected(.server)
        for round in 0..<5_000 {
            let id = UInt32(2 * round + 1)
            let stream = try #require(try server.receive(Wire.headers(id, Wire.connect)).first?.stream)
            server.core.sendResponse(stream, status: 200, isEndStream: false)
            #expect(try server.receive(Wire.reset(id)).count == 1)
            _ = server.drain()
        }
    }

    @Test("CVE-2023-44487: the reset budget comes back with time")
    func resetRefill() throws {
        let server = try Endpoint.connected(.server)
        var id: UInt32 = 1
        for _ in 0..<20 {
            for _ in 0..<50 {
                #expect(server.failure(on: Wire.headers(id, Wire.get) + Wire.reset(id)) == nil)
                id += 2
            }
        }
        server.now = server.now + .seconds(3)
        for _ in 0..<99 {
            #expect(server.failure(on: Wire.headers(id, Wire.get) + Wire.reset(id)) == nil)
            id += 2
        }
        #expect(server.failure(on: Wire.headers(id, Wire.get) + Wire.reset(id)) == .tooManyResets)
    }

    static let madeYouReset: [(name: String, frames: @Sendable (UInt32) -> [UInt8])] = [
        ("WINDOW_UPDATE of 0", { Wire.headers($0, Wire.get) + Wire.windowUpdate($0, 0) }),
        ("WINDOW_UPDATE beyond 2³¹-1", { Wire.headers($0, Wire.get) + Wire.windowUpdate($0, 0x7FFF_FFFF) }),
        ("DATA after END_STREAM", { Wire.headers($0, Wire.get, isEndStream: true) + Wire.data($0, [1]) }),
        ("HEADERS after END_STREAM", { Wire.headers($0, Wire.get, isEndStream: true) + Wire.headers($0, Wire.get) }),
        (
            "PRIORITY of the wrong length",
            { Wire.headers($0, Wire.get) + Wire.frame(.priority, id: $0, payload: [0, 0, 0]) }
        ),
        (
            "PRIORITY on itself",
            { Wire.headers($0, Wire.get) + Wire.frame(.priority, id: $0, payload: Wire.bytes($0) + [1]) }
        ),
        (
            "content-length too small",
            { Wire.headers($0, Wire.get + [("content-length", "1")]) + Wire.data($0, [1, 2]) }
        ),
        ("malformed trailers", { Wire.headers($0, Wire.get) + Wire.headers($0, [(":a", "b")], isEndStream: true) }),
        ("DATA after RST_STREAM", { Wire.headers($0, Wire.get) + Wire.reset($0) + Wire.data($0, [1]) }),
        // CVE-2019-9514: requests that can only be refused.
        ("malformed request", { Wire.headers($0, [(":method", "GET")]) }),
    ]

    @Test(
        "CVE-2025-8671 (MadeYouReset), CVE-2019-9514: errors that make us reset end the connection",
        arguments: madeYouReset.indices)
    func madeUsReset(row: Int) throws {
        let server = try Endpoint.connected(.server)
        let result = Self.flood(server) { Self.madeYouReset[row].frames(2 * $0 + 1) }
        #expect(result?.error == .tooManyResets, "\(Self.madeYouReset[row].name)")
        #expect((result?.rounds ?? .max) <= 1_001)
    }

    @Test(
        "CVE-2024-27316: endless CONTINUATION ends the connection, by count or by size, and holds little",
        arguments: [0, 1, 100, 16_384])
    func continuationFlood(size: Int) throws {
        let server = try Endpoint.connected(.server)
        _ = try server.receive(Wire.frame(.headers, id: 1, payload: [0x82]))
        let result = Self.flood(server) { _ in
            Wire.frame(.continuation, id: 1, payload: [UInt8](repeating: 0x84, count: size))
        }
        #expect(result?.error == (size == 16_384 ? .headerBlockTooLarge : .tooManyContinuations))
        #expect((result?.rounds ?? .max) <= 33)
        #expect(server.core.block.bytes.capacity <= 65_536)
    }

    @Test("CVE-2024-27316: a header block that is not ended in time ends the connection")
    func slowContinuation() throws {
        let server = try Endpoint.connected(.server)
        _ = try server.receive(Wire.frame(.headers, id: 1, payload: [0x82]))
        _ = try server.tick(after: 5)
        _ = try server.receive(Wire.frame(.continuation, id: 1, payload: [0x84]))
        #expect(throws: HTTP2Error.frameTimedOut) { try server.tick(after: 5) }
    }

    @Test("RFC 9113 §10.5: a control frame that comes octet by octet must be complete in time; DATA may take its time")
    func slowFrame() throws {
        let (server, _) = try StreamStateTests.tunnel()
        for octet in Wire.data(1, [1, 2, 3]) {
            _ = try server.receive([octet])
            _ = try server.tick(after: 9)
        }
        let ping = Wire.frame(.ping, payload: [UInt8](repeating: 0, count: 8))
        _ = try server.receive(Array(ping.prefix(11)))
        _ = try server.tick(after: 9)
        _ = try server.receive([0])
        #expect(throws: HTTP2Error.frameTimedOut) { try server.tick(after: 1) }
    }

    static let useless: [(name: String, frames: [UInt8])] = [
        ("CVE-2019-9512: PING", Wire.frame(.ping, payload: [UInt8](repeating: 0, count: 8))),
        (
            "RFC 9113 §6.7: PING answers that nobody asked for",
            Wire.frame(.ping, flags: 1, payload: [UInt8](repeating: 0, count: 8))
        ),
        ("CVE-2019-9513: PRIORITY", Wire.frame(.priority, id: 1, payload: [0, 0, 0, 0, 1])),
        ("CVE-2019-9515: SETTINGS", Wire.frame(.settings, payload: Wire.setting(4, 1))),
        ("CVE-2019-9518: empty DATA", Wire.data(1, [])),
        ("CVE-2019-9518: DATA that is only padding", Wire.frame(.data, flags: 8, id: 1, payload: [1, 0])),
        ("RFC 9113 §6.9: WINDOW_UPDATE for the connection", Wire.windowUpdate(0, 1)),
        ("RFC 9113 §6.9: WINDOW_UPDATE for a stream", Wire.windowUpdate(1, 1)),
        ("RFC 9218 §7.1: PRIORITY_UPDATE", Wire.frame(.priorityUpdate, payload: Wire.bytes(1))),
        ("RFC 9113 §5.5: frames of unknown type", Wire.frame(FrameType(rawValue: 0xAA))),
        ("RFC 9113 §5.1: RST_STREAM of a closed stream", Wire.reset(3)),
        ("RFC 9113 §5.1: WINDOW_UPDATE of a closed stream", Wire.windowUpdate(3, 1)),
        ("RFC 9113 §6.8: GOAWAY", Wire.goAway(0)),
    ]

    @Test("RFC 9113 §10.5: useless frames end the connection with ENHANCE_YOUR_CALM", arguments: useless)
    func uselessFrames(row: (name: String, frames: [UInt8])) throws {
        let (server, _) = try StreamStateTests.tunnel()
        _ = try server.receive(Wire.headers(3, Wire.connect) + Wire.reset(3))
        let result = Self.flood(server) { _ in row.frames }
        #expect(result?.error == .tooManyGlitches, "\(row.name)")
        #expect((result?.rounds ?? .max) <= 1_010, "\(row.name)")
    }

    @Test(
        "CVE-2019-9512, CVE-2019-9515: answers that are not read are bounded",
        arguments: [
            Wire.frame(.ping, payload: [UInt8](repeating: 0, count: 8)), Wire.frame(.settings),
        ])
    func unreadAnswers(frame: [UInt8]) throws {
        var configuration = HTTP2Configuration()
        configuration.glitchBurst = .max
        let server = try Endpoint.connected(.server, configuration)
        let result = Self.flood(server, drains: false) { _ in frame }
        #expect(result?.error == .tooManyUnreadAnswers)
        #expect(server.core.output.count < 17_000)
    }

    @Test("CVE-2019-9511: a flood of tiny DATA frames ends the connection")
    func tinyData() throws {
        let (server, _) = try StreamStateTests.tunnel()
        let result = Self.flood(server) { _ in Wire.data(1, [1]) }
        #expect(result?.error == .tooManySmallFrames && result?.rounds == 20_001)
    }

    @Test("CVE-2019-9511: interactive tunnels may send tiny DATA frames for hours")
    func keystrokes() throws {
        let (server, _) = try StreamStateTests.tunnel()
        for _ in 0..<50_000 {
            server.now = server.now + .microseconds(200)
            #expect(server.failure(on: Wire.data(1, [1])) == nil)
        }
    }

    @Test("CVE-2019-9517, slow read: a stream whose window stands still is reset, one that trickles is not")
    func stalledWindow() throws {
        var configuration = HTTP2Configuration()
        configuration.sendStallTimeout = .seconds(60)
        configuration.keepaliveTimeout = .seconds(100_000)
        let server = try Endpoint.connected(.server, configuration, settings: Wire.setting(4, 0))
        let streams = try server.receive(Wire.headers(1, Wire.get) + Wire.headers(3, Wire.get)).compactMap(\.stream)
        for stream in streams {
            server.core.sendResponse(stream, status: 200, isEndStream: false)
            #expect(server.sendable(stream) == 0)
        }
        #expect(try server.tick(after: 60) == nil)
        for _ in 0..<5 {
            _ = try server.receive(Wire.windowUpdate(3, 1))
            _ = server.data(streams[1], [1])
            #expect(server.sendable(streams[1]) == 0)
            _ = server.drain()
            let event = try server.tick(after: 60)
            guard server.isLive(streams[0]) else { continue }
            #expect(event == .reset(streams[0], code: .enhanceYourCalm, by: .local(.sendStalled)))
        }
        #expect(!server.isLive(streams[0]) && server.isLive(streams[1]))
    }

    @Test("RFC 9113 §8.5: a tunnel may stand still for ever")
    func stalledTunnel() throws {
        let server = try Endpoint.connected(.server, settings: Wire.setting(4, 0))
        let stream = try #require(try server.receive(Wire.headers(1, Wire.connect)).first?.stream)
        server.core.sendResponse(stream, status: 200, isEndStream: false)
        #expect(server.sendable(stream) == 0)
        for _ in 0..<100 {
            _ = try server.receive(Wire.frame(.ping, payload: [UInt8](repeating: 0, count: 8)))
            #expect(try server.tick(after: 9) == nil)
        }
    }

    @Test("RFC 9113 §6.8: new streams after our last GOAWAY are refused, and a flood of them ends the connection")
    func framesAfterGoAway() throws {
        let server = try Endpoint.connected(.server)
        server.core.beginDrain(now: server.now)
        _ = try server.tick(after: 1)
        let result = Self.flood(server) { Wire.headers(2 * $0 + 1, Wire.get) }
        #expect(result?.error == .tooManyResets && (1_001...1_034).contains(result?.rounds ?? 0))
    }

    @Test("RFC 9113 §10.5: half-open streams are bounded by SETTINGS_MAX_CONCURRENT_STREAMS, and cost little each")
    func halfOpenStreams() throws {
        let server = try Endpoint.connected(.server)
        for round in 0..<900 { _ = try server.receive(Wire.headers(UInt32(2 * round + 1), Wire.get)) }
        #expect(server.activeStreams == 200)
        #expect(server.core.streams.count == 200)
    }

    @Test(
        "RFC 9113 §4.2: absurd lengths are refused before a single octet of the payload is taken",
        arguments: [
            "ffffff 00 00 00000001", "ffffff 01 04 00000001", "ffffff 04 00 00000000", "ffffff ee 00 00000000",
            "004001 09 00 00000001",
        ])
    func absurdLengths(header: String) throws {
        let (server, _) = try StreamStateTests.tunnel()
        #expect(server.failure(on: Wire.hex(header)) == .frameTooLarge)
    }

    @Test("RFC 9113 §4.2: a large SETTINGS_MAX_FRAME_SIZE of ours is for DATA; control frames stay small")
    func largeControlFrames() throws {
        var configuration = HTTP2Configuration()
        configuration.maxFrameSize = 1 << 20
        let server = try Endpoint.connected(.server, configuration)
        _ = try server.receive(Wire.headers(1, Wire.connect))
        #expect(try server.receive(Wire.data(1, [UInt8](repeating: 1, count: 100_000))).count == 1)
        #expect(server.failure(on: Wire.hex("010000 01 04 00000003")) == .frameTooLarge)
    }

    @Test("RFC 7541 §4.2: a table that is emptied and filled again and again costs no memory")
    func tableThrash() throws {
        let server = try Endpoint.connected(.server)
        for round in 0..<300 {
            let entry: [UInt8] = [0x40, 1, 0x61, 0x7F, 0x81, 0x10] + [UInt8](repeating: 0x62, count: 2_176)
            let block = Wire.hex("20 3fe11f") + Wire.block(Wire.get) + entry
            let id = UInt32(2 * round + 1)
            _ = try server.receive(Wire.frame(.headers, flags: 5, id: id, payload: block) + Wire.reset(id))
        }
        #expect(server.core.decoder.tableSize == 2_176 + 1 + 32)
    }

    @Test(
        "RFC 9113 §10.5, the other way round: WINDOW_UPDATE for every 4 KiB, twice, and a PING per round trip, are no flood"
    )
    func chattyButHonest() throws {
        let (server, stream) = try StreamStateTests.tunnel()
        let payload = [UInt8](repeating: 1, count: 16_384)
        let ping = Wire.frame(.ping, payload: [UInt8](repeating: 0, count: 8))
        for _ in 0..<5_000 {
            guard server.sendable(stream) == 16_384 else {
                Issue.record("blocked")
                return
            }
            _ = server.data(stream, payload)
            for _ in 0..<4 {
                #expect(server.failure(on: Wire.windowUpdate(0, 4_096) + Wire.windowUpdate(1, 4_096)) == nil)
            }
            #expect(server.failure(on: ping + Wire.data(1, [UInt8](repeating: 1, count: 1_024))) == nil)
            _ = server.drain()
        }
    }
}
