// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes

@testable import HTTP2

/// A frame as it was on the wire.
struct WireFrame: Equatable, CustomStringConvertible {
    var type: UInt8
    var flags: UInt8
    var id: UInt32
    var payload: [UInt8]

    var description: String {
        "frame(type \(type), flags \(flags), stream \(id), " + Wire.hex(payload) + ")"
    }

    static func reset(_ id: UInt32, _ code: HTTP2ErrorCode) -> WireFrame {
        WireFrame(type: 3, flags: 0, id: id, payload: Wire.bytes(code.rawValue))
    }

    static func goAway(_ last: UInt32, _ code: HTTP2ErrorCode) -> WireFrame {
        WireFrame(type: 7, flags: 0, id: 0, payload: Wire.bytes(last) + Wire.bytes(code.rawValue))
    }

    static func windowUpdate(_ id: UInt32, _ increment: UInt32) -> WireFrame {
        WireFrame(type: 8, flags: 0, id: id, payload: Wire.bytes(increment))
    }

    static var settingsAck: WireFrame { WireFrame(type: 4, flags: 1, id: 0, payload: []) }
}

/// Builds and reads frames independently of the code under test.
enum Wire {
    static var preface: [UInt8] { Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) }
    static var settingsAck: [UInt8] { frame(.settings, flags: 1) }

    static func frame(_ type: FrameType, flags: UInt8 = 0, id: UInt32 = 0, payload: [UInt8] = []) -> [UInt8] {
        [UInt8(payload.count >> 16), UInt8(payload.count >> 8 & 255), UInt8(payload.count & 255), type.rawValue, flags]
            + bytes(id) + payload
    }

    static func bytes(_ value: UInt32) -> [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
    }

    static func setting(_ identifier: UInt16, _ value: UInt32) -> [UInt8] {
        [UInt8(identifier >> 8), UInt8(identifier & 255)] + bytes(value)
    }

    static func reset(_ id: UInt32, _ code: HTTP2ErrorCode = .cancel) -> [UInt8] {
        frame(.resetStream, id: id, payload: bytes(code.rawValue))
    }

    static func windowUpdate(_ id: UInt32, _ increment: UInt32) -> [UInt8] {
        frame(.windowUpdate, id: id, payload: bytes(increment))
    }

    static func data(_ id: UInt32, _ payload: [UInt8], isEndStream: Bool = false) -> [UInt8] {
        frame(.data, flags: isEndStream ? 1 : 0, id: id, payload: payload)
    }

    static func goAway(_ last: UInt32, _ code: HTTP2ErrorCode = .noError) -> [UInt8] {
        frame(.goAway, payload: bytes(last) + bytes(code.rawValue))
    }

    /// HEADERS with plain literals (RFC 7541 §6.2.2), END_HEADERS set.
    static func headers(_ id: UInt32, _ fields: [(String, String)], isEndStream: Bool = false) -> [UInt8] {
        frame(.headers, flags: isEndStream ? 5 : 4, id: id, payload: block(fields))
    }

    static func block(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { [0] + string($0.0) + string($0.1) }
    }

    private static func string(_ text: String) -> [UInt8] {
        let utf8 = Array(text.utf8)
        guard utf8.count >= 127 else { return [UInt8(utf8.count)] + utf8 }
        var rest = utf8.count - 127
        var result: [UInt8] = [127]
        while rest >= 128 {
            result.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        return result + [UInt8(rest)] + utf8
    }

    static var get: [(String, String)] {
        [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "a.example")]
    }

    static var connect: [(String, String)] { [(":method", "CONNECT"), (":authority", "10.0.0.1:80")] }

    static func parse(_ bytes: [UInt8]) -> [WireFrame] {
        var result: [WireFrame] = []
        var offset = bytes.starts(with: preface) ? preface.count : 0
        while offset + 9 <= bytes.count {
            let length = Int(bytes[offset]) << 16 | Int(bytes[offset + 1]) << 8 | Int(bytes[offset + 2])
            let id = bytes[(offset + 5)..<(offset + 9)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            let payload = Array(bytes[(offset + 9)..<(offset + 9 + length)])
            result.append(WireFrame(type: bytes[offset + 3], flags: bytes[offset + 4], id: id, payload: payload))
            offset += 9 + length
        }
        precondition(offset == bytes.count, "half a frame was written")
        return result
    }

    /// Bytes of annotated hex: blanks are ignored, and what follows // on a line.
    static func hex(_ text: String) -> [UInt8] {
        var digits: [UInt8] = []
        for line in text.split(separator: "\n") {
            for character in (line.split(separator: "//", omittingEmptySubsequences: false).first ?? "") {
                if let value = character.hexDigitValue { digits.append(UInt8(value)) }
            }
        }
        precondition(digits.count % 2 == 0, "odd number of hex digits")
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
