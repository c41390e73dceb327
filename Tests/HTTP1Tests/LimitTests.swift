// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP1

@Suite("HTTP/1 limits")
struct LimitTests {
    /// A request that is `extra` octets or items beyond a limit (0: just within).
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let error: HTTP1Error
        let request: @Sendable (_ extra: Int) -> String

        var testDescription: String { name }
    }

    private static var limits: HTTP1Limits {
        var limits = HTTP1Limits()
        limits.startLineBytes = 40
        limits.headerListBytes = 100
        limits.fieldCount = 4
        limits.trailerBytes = 50
        limits.trailerCount = 2
        limits.chunkExtensionBytes = 20
        return limits
    }

    private static func pad(_ count: Int) -> String { String(repeating: "a", count: count) }

    private static let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    static let rows: [Row] = [
        // "GET /" + 26 + " HTTP/1.1" = 40 octets.
        Row(name: "startLineBytes", error: .startLineTooLong) { "GET /\(pad(26 + $0)) HTTP/1.1\r\nHost: a\r\n\r\n" },
        // "Host: a" CRLF + "X: " + 86 + CRLF = 9 + 91 octets.
        Row(name: "headerListBytes", error: .headerListTooLarge) {
            "GET / HTTP/1.1\r\nHost: a\r\nX: \(pad(86 + $0))\r\n\r\n"
        },
        Row(name: "fieldCount", error: .tooManyFields) {
            "GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: y\r\n", count: 3 + $0))\r\n"
        },
        // "X: " + 45 + CRLF = 50 octets.
        Row(name: "trailerBytes", error: .trailersTooLarge) { "\(chunked)0\r\nX: \(pad(45 + $0))\r\n\r\n" },
        Row(name: "trailerCount", error: .tooManyFields) {
            "\(chunked)0\r\n\(String(repeating: "X: y\r\n", count: 2 + $0))\r\n"
        },
        // ";" + 9 in each of two chunks = 20 octets.
        Row(name: "chunkExtensionBytes", error: .chunkExtensionsTooLarge) {
            "\(chunked)1;\(pad(9))\r\nx\r\n0;\(pad(9 + $0))\r\n\r\n"
        },
    ]

    @Test("A limit allows what it says and refuses one more, however the bytes are split", arguments: rows)
    func limit(_ row: Row) {
        let within = Array(row.request(0).utf8)
        let beyond = Array(row.request(1).utf8)
        #expect(Transcript.ofServer([within], limits: Self.limits).last == "answered 200, keepAlive")
        let refused = Transcript.ofServer([beyond], limits: Self.limits)
        #expect(refused.last == "error \(row.error)")
        for split in Splits.all(of: beyond) {
            #expect(Transcript.ofServer(split, limits: Self.limits) == refused)
        }
    }

    @Test("A head without end is refused at the limit, and no more than the limit is held", arguments: [1, 1000])
    func endlessHead(_ pieceLength: Int) {
        for (start, error, bound) in [
            ("", HTTP1Error.startLineTooLong, 8192), ("GET / HTTP/1.1\r\nX: ", .headerListTooLarge, 8192 + 60 * 1024),
        ] {
            var connection = HTTP1ServerConnection()
            let piece = [UInt8](repeating: 0x61, count: pieceLength)
            var offset = 0
            #expect(throws: error) {
                _ = try connection.receive(start.utf8.span, at: &offset)
                for _ in 0..<100_000 {
                    offset = 0
                    _ = try connection.receive(piece.span, at: &offset)
                }
            }
            #expect(connection.parser.head.count <= bound)
        }
    }

    @Test("Seventeen informational responses are one too many")
    func informationalFlood() {
        let flood = String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 17)
        let lines = Transcript.ofClient([Array(flood.utf8)])
        #expect(lines.count == 17)
        #expect(lines.last == "error \(HTTP1Error.tooManyInformationalResponses)")
    }

    @Test("A connection without a message holds no buffer, and a server and a client stay within 700 bytes")
    func size() {
        let connection = HTTP1ServerConnection()
        #expect(connection.parser.head.capacity == 0)
        #expect(connection.parser.fields.capacity == 0)
        #expect(MemoryLayout<HTTP1ServerConnection>.size <= 700)
        #expect(MemoryLayout<HTTP1ClientConnection>.size <= 700)
    }

    @Test("After the first message the buffers neither grow nor move")
    func noGrowthAfterWarmUp() throws {
        var connection = HTTP1ServerConnection()
        var output = ByteBuffer(capacity: 512)
        let input = Array("GET /path HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nX-Two: 2\r\n\r\n".utf8)
        var capacities: Set<Int> = []
        for _ in 0..<100 {
            var offset = 0
            while try connection.receive(input.span, at: &offset) != nil {}
            try connection.startResponse(status: 200, length: .none, into: &output)
            try connection.finishHead(into: &output)
            #expect(try connection.finish(into: &output) == .keepAlive)
            output.clear()
            capacities.insert(connection.parser.head.capacity << 20 | connection.parser.fields.capacity)
        }
        #expect(capacities.count == 1)
        connection.releaseMemory()
        #expect(connection.parser.head.capacity == 0)
    }

    @Test("The table of character classes agrees with the grammar (RFC 9110 §5.5, §5.6.2; RFC 3986 §3.2.2, §3.3)")
    func characterClasses() {
        let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        let token = Set((letters + "!#$%&'*+-.^_`|~").utf8)
        let pchar = Set((letters + "-._~!$&'()*+,;=:@%").utf8)
        for byte in UInt8.min...UInt8.max {
            let isContent = byte == 9 || byte >= 0x20 && byte != 0x7F
            let isPath = pchar.contains(byte) || "/[]|".utf8.contains(byte)
            #expect(CharacterClass.token.contains(byte) == token.contains(byte))
            #expect(CharacterClass.content.contains(byte) == isContent)
            #expect(CharacterClass.path.contains(byte) == isPath)
            #expect(CharacterClass.query.contains(byte) == (isPath || "?{}\\^`".utf8.contains(byte)))
            #expect(
                CharacterClass.host.contains(byte) == (pchar.contains(byte) && !":@%,".utf8.contains(byte)))
        }
    }

    @Test("Every error has a text for operators and a status, and only ours is blamed on us")
    func errors() {
        #expect(Set(HTTP1Error.allCases.map(\.description)).count == HTTP1Error.allCases.count)
        for error in HTTP1Error.allCases {
            #expect(400...505 ~= error.statusForRequest)
            #expect((error.blame == .local) == (error.statusForRequest == 500))
        }
    }
}
