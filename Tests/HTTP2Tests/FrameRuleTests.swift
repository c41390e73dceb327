// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP2

/// Rules of RFC 9113 §3 to §6 that a single frame can break; each row is run whole and octet by octet.
@Suite("Frame rules")
struct FrameRuleTests {
    struct Violation: Sendable {
        var rule: String
        var frames: [UInt8]
        var error: HTTP2Error
        var code: HTTP2ErrorCode
    }

    static let get = Wire.headers(1, Wire.get)

    static let serverViolations: [Violation] = [
        .init(
            rule: "§4.2: a frame above SETTINGS_MAX_FRAME_SIZE", frames: Wire.hex("004001 00 00 00000001"),
            error: .frameTooLarge, code: .frameSizeError),
        .init(
            rule: "§5.1: DATA on an idle stream", frames: Wire.data(1, [1]), error: .frameOnIdleStream,
            code: .protocolError),
        .init(
            rule: "§5.1: RST_STREAM on an idle stream", frames: Wire.reset(1), error: .frameOnIdleStream,
            code: .protocolError),
        .init(
            rule: "§5.1: WINDOW_UPDATE on an idle stream", frames: Wire.windowUpdate(1, 1), error: .frameOnIdleStream,
            code: .protocolError),
        .init(
            rule: "§5.1.1: a client opens an even stream", frames: Wire.headers(2, Wire.get),
            error: .frameOnIdleStream, code: .protocolError),
        .init(
            rule: "§5.1.1: a stream below one opened before",
            frames: Wire.headers(5, Wire.get) + Wire.headers(3, Wire.get), error: .invalidStreamID,
            code: .protocolError),
        .init(
            rule: "§5.1.1: DATA on a stream that was skipped", frames: Wire.headers(5, Wire.get) + Wire.data(3, [1]),
            error: .invalidStreamID, code: .protocolError),
        .init(
            rule: "§6.1: DATA on stream 0", frames: Wire.data(0, [1]), error: .streamIDRequired, code: .protocolError),
        .init(
            rule: "§6.1: padding as long as the payload", frames: get + Wire.hex("000002 00 08 00000001 02 00"),
            error: .invalidPadding, code: .protocolError),
        .init(
            rule: "§6.1: padded DATA without a pad length", frames: get + Wire.hex("000000 00 08 00000001"),
            error: .invalidFrameLength, code: .frameSizeError),
        .init(
            rule: "§6.2: HEADERS on stream 0", frames: Wire.headers(0, Wire.get), error: .streamIDRequired,
            code: .protocolError),
        .init(
            rule: "§6.2: HEADERS with more padding than payload", frames: Wire.hex("000002 01 0c 00000001 05 82"),
            error: .invalidPadding, code: .protocolError),
        .init(
            rule: "§6.2: HEADERS too short for its priority fields", frames: Wire.hex("000003 01 24 00000001 000000"),
            error: .invalidFrameLength, code: .frameSizeError),
        .init(
            rule: "§6.3: PRIORITY on stream 0", frames: Wire.hex("000005 02 00 00000000 00000000 10"),
            error: .streamIDRequired, code: .protocolError),
        .init(
            rule: "§6.4: RST_STREAM on stream 0", frames: Wire.reset(0), error: .streamIDRequired,
            code: .protocolError),
        .init(
            rule: "§6.4: RST_STREAM that is not four octets", frames: get + Wire.hex("000003 03 00 00000001 000000"),
            error: .invalidFrameLength, code: .frameSizeError),
        .init(
            rule: "§6.5: SETTINGS on a stream", frames: Wire.hex("000000 04 00 00000001"), error: .streamIDForbidden,
            code: .protocolError),
        .init(
            rule: "§6.5: SETTINGS that is not a multiple of six octets",
            frames: Wire.hex("000003 04 00 00000000 000300"),
            error: .invalidFrameLength, code: .frameSizeError),
        .init(
            rule: "§6.5: an acknowledgement with payload",
            frames: Wire.hex("000006 04 01 00000000 0003 00000000"), error: .invalidFrameLength, code: .frameSizeError),
        .init(
            rule: "§6.5.2: SETTINGS_ENABLE_PUSH of 2", frames: Wire.hex("000006 04 00 00000000 0002 00000002"),
            error: .invalidSetting, code: .protocolError),
        .init(
            rule: "§6.5.2: SETTINGS_INITIAL_WINDOW_SIZE of 2³¹",
            frames: Wire.hex("000006 04 00 00000000 0004 80000000"),
            error: .windowSettingTooLarge, code: .flowControlError),
        .init(
            rule: "§6.5.2: SETTINGS_MAX_FRAME_SIZE of 16 383", frames: Wire.hex("000006 04 00 00000000 0005 00003fff"),
            error: .invalidSetting, code: .protocolError),
        .init(
            rule: "§6.5.2: SETTINGS_MAX_FRAME_SIZE of 2²⁴", frames: Wire.hex("000006 04 00 00000000 0005 01000000"),
            error: .invalidSetting, code: .protocolError),
        .init(
            rule: "§6.5.3: an acknowledgement of nothing", frames: Wire.settingsAck,
            error: .unexpectedSettingsAcknowledgement, code: .protocolError),
        .init(
            rule: "RFC 8441 §3: SETTINGS_ENABLE_CONNECT_PROTOCOL of 2",
            frames: Wire.hex("000006 04 00 00000000 0008 00000002"), error: .invalidSetting, code: .protocolError),
        .init(
            rule: "RFC 9218 §2.1: SETTINGS_NO_RFC7540_PRIORITIES of 2",
            frames: Wire.hex("000006 04 00 00000000 0009 00000002"), error: .invalidSetting, code: .protocolError),
        .init(
            rule: "§8.4: PUSH_PROMISE from a client", frames: get + Wire.hex("000004 05 04 00000001 00000002"),
            error: .pushForbidden, code: .protocolError),
        .init(
            rule: "§6.7: PING on a stream", frames: Wire.hex("000008 06 00 00000001 0000000000000000"),
            error: .streamIDForbidden, code: .protocolError),
        .init(
            rule: "§6.7: PING that is not eight octets", frames: Wire.hex("000006 06 00 00000000 000000000000"),
            error: .invalidFrameLength, code: .frameSizeError),
        .init(
            rule: "§6.8: GOAWAY on a stream", frames: Wire.hex("000008 07 00 00000001 00000000 00000000"),
            error: .streamIDForbidden, code: .protocolError),
        .init(
            rule: "§6.8: GOAWAY shorter than eight octets", frames: Wire.hex("000004 07 00 00000000 00000000"),
            error: .invalidFrameLength, code: .frameSizeError),
        .init(
            rule: "§6.8: a second GOAWAY with a higher stream", frames: Wire.goAway(1) + Wire.goAway(3),
            error: .goAwayWentUp, code: .protocolError),
        .init(
            rule: "§6.9: WINDOW_UPDATE that is not four octets", frames: Wire.hex("000003 08 00 00000000 000001"),
            error: .invalidFrameLength, code: .frameSizeError),
        .init(
            rule: "§6.9: WINDOW_UPDATE of 0 for the connection", frames: Wire.windowUpdate(0, 0),
            error: .connectionWindowIncrementZero, code: .protocolError),
        .init(
            rule: "§6.9.1: the connection's window above 2³¹-1", frames: Wire.windowUpdate(0, 0x7FFF_FFFF),
            error: .connectionWindowOverflow, code: .flowControlError),
        .init(
            rule: "§6.10: CONTINUATION without HEADERS", frames: Wire.hex("000001 09 04 00000001 82"),
            error: .continuationUnexpected, code: .protocolError),
        .init(
            rule: "§6.10: CONTINUATION after END_HEADERS", frames: get + Wire.hex("000001 09 04 00000001 82"),
            error: .continuationUnexpected, code: .protocolError),
        .init(
            rule: "§6.10: another frame inside a header block",
            frames: Wire.hex("000001 01 00 00000001 82") + Wire.frame(.ping, payload: [UInt8](repeating: 0, count: 8)),
            error: .continuationExpected, code: .protocolError),
        .init(
            rule: "§6.10: CONTINUATION of another stream",
            frames: Wire.hex("000001 01 00 00000001 82") + Wire.hex("000001 09 04 00000003 84"),
            error: .continuationExpected, code: .protocolError),
        .init(
            rule: "§5.5: an unknown frame inside a header block",
            frames: Wire.hex("000001 01 00 00000001 82") + Wire.hex("000000 ee 00 00000001"),
            error: .continuationExpected, code: .protocolError),
        .init(
            rule: "§4.3: a header block that cannot be decoded", frames: Wire.hex("000001 01 05 00000001 80"),
            error: .headerCompression(.invalidIndex), code: .compressionError),
        .init(
            rule: "RFC 9218 §7.1: PRIORITY_UPDATE on a stream",
            frames: Wire.hex("000004 10 00 00000001 00000001"), error: .streamIDForbidden, code: .protocolError),
        .init(
            rule: "RFC 9218 §7.1: PRIORITY_UPDATE for stream 0",
            frames: Wire.hex("000004 10 00 00000000 00000000"), error: .invalidPriorityUpdate, code: .protocolError),
    ]

    @Test("RFC 9113: a frame that a server must answer with GOAWAY", arguments: serverViolations, [Int.max, 1])
    func server(violation: Violation, chunk: Int) throws {
        let server = try Endpoint.connected(.server)
        server.chunk = chunk
        #expect(server.failure(on: violation.frames) == violation.error, "\(violation.rule)")
        #expect(violation.error.scope == .connection && violation.error.blame == .peer)
        let last = try #require(server.frames().last)
        #expect(last.type == 7 && Array(last.payload[4..<8]) == Wire.bytes(violation.code.rawValue))
        #expect(server.failure(on: [0]) == violation.error, "a failed connection takes nothing more")
    }

    static let clientViolations: [Violation] = [
        .init(
            rule: "§8.4: PUSH_PROMISE although push is off", frames: Wire.hex("000004 05 04 00000001 00000002"),
            error: .pushForbidden, code: .protocolError),
        .init(
            rule: "§5.1.1: HEADERS on a stream that the client has not opened",
            frames: Wire.headers(3, [(":status", "200")]), error: .frameOnIdleStream, code: .protocolError),
        .init(
            rule: "§5.1: a server opens a stream without a promise", frames: Wire.headers(2, [(":status", "200")]),
            error: .frameOnIdleStream, code: .protocolError),
        .init(
            rule: "§6.5.2: a server sets SETTINGS_ENABLE_PUSH", frames: Wire.hex("000006 04 00 00000000 0002 00000001"),
            error: .invalidSetting, code: .protocolError),
        .init(
            rule: "RFC 8441 §3: SETTINGS_ENABLE_CONNECT_PROTOCOL is taken back",
            frames: Wire.hex("000006 04 00 00000000 0008 00000001 000006 04 00 00000000 0008 00000000"),
            error: .invalidSetting, code: .protocolError),
        .init(
            rule: "RFC 9218 §7.1: PRIORITY_UPDATE to a client", frames: Wire.hex("000004 10 00 00000000 00000001"),
            error: .invalidPriorityUpdate, code: .protocolError),
    ]

    @Test("RFC 9113: a frame that a client must answer with GOAWAY", arguments: clientViolations, [Int.max, 1])
    func client(violation: Violation, chunk: Int) throws {
        let client = try Endpoint.connected(.client)
        client.chunk = chunk
        _ = client.request()
        _ = client.drain()
        #expect(client.failure(on: violation.frames) == violation.error, "\(violation.rule)")
        #expect(client.frames().last == .goAway(0, violation.code))
    }

    static let tolerated: [(rule: String, frames: [UInt8])] = [
        ("§5.5: an unknown frame type", Wire.hex("000003 ee ff 00000007 010203")),
        ("§6.5.2: an unknown setting", Wire.hex("000006 04 00 00000000 00ff 12345678")),
        ("§4.1: the reserved bit and undefined flags", Wire.hex("000008 06 fe 80000000 0102030405060708")),
        ("§5.1: PRIORITY on an idle stream", Wire.hex("000005 02 00 00000009 00000000 10")),
        (
            "§5.1: WINDOW_UPDATE and RST_STREAM after the stream was reset",
            get + Wire.reset(1) + Wire.windowUpdate(1, 1) + Wire.reset(1)
        ),
        (
            "§6.2: HEADERS with priority and padding",
            Wire.hex("00000a 01 2d 00000001 02 00000000 10 8287 0000")
        ),
    ]

    @Test("RFC 9113: a frame that is no connection error", arguments: tolerated, [Int.max, 1])
    func toleratedFrames(row: (rule: String, frames: [UInt8]), chunk: Int) throws {
        let server = try Endpoint.connected(.server)
        server.chunk = chunk
        #expect(server.failure(on: row.frames) == nil, "\(row.rule)")
    }

    @Test(
        "RFC 9113 §3.4: a server that does not see the preface says PROTOCOL_ERROR",
        arguments: [
            "GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\rX",
        ])
    func badPreface(text: String) {
        let server = Endpoint(.server)
        #expect(server.failure(on: Array(text.utf8)) == .invalidPreface)
    }

    @Test("RFC 9113 §3.4: the first frame must be SETTINGS, for both sides")
    func settingsFirst() {
        let ping = Wire.frame(.ping, payload: [UInt8](repeating: 0, count: 8))
        #expect(Endpoint(.server).failure(on: Wire.preface + ping) == .settingsNotFirst)
        #expect(Endpoint(.client).failure(on: ping) == .settingsNotFirst)
        #expect(Endpoint(.client).failure(on: Wire.settingsAck) == .settingsNotFirst)
        // An HTTP/1.1 server answers with text.
        #expect(Endpoint(.client).failure(on: Array("HTTP/1.1 400 Bad Request\r\n".utf8)) == .settingsNotFirst)
    }
}
