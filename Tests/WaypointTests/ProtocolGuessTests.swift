// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Mesh
import Testing

@testable import Waypoint

@Suite("ProtocolGuess")
struct ProtocolGuessTests {
    @Test(
        "The first octets tell HTTP/1, HTTP/2 and everything else apart",
        arguments: [
            ("GET / HTTP/1.1\r\n", ProtocolGuess.http1), ("GET /", .http1), ("GET ", .needsMore), ("GE", .needsMore),
            ("", .needsMore), ("OPTIONS * HTTP/1.1", .http1), ("CONNECT a:80 HTTP/1.1", .http1),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .http2), ("PRI * HTTP/2.0", .needsMore), ("P", .needsMore),
            ("PRI * HTTP/1.1\r\n", .http1), ("POST /x", .http1), ("M-SEARCH * HTTP/1.1", .http1),
            ("\u{16}\u{3}\u{1}", .other), ("SSH-2.0-OpenSSH\r\n", .other), ("GET  /", .other), ("get /", .other),
            ("EHLO example.org\r\n", .http1), (String(repeating: "A", count: 33), .other), ("QUIT\r\n", .other),
            ("*1\r\n$4\r\nPING\r\n", .other),
        ])
    func guesses(octets: String, expected: ProtocolGuess) {
        #expect(ProtocolGuess(octets.utf8.span, declared: .undeclared) == expected)
    }

    @Test("A port declared to be HTTP is HTTP/1 unless the preface of HTTP/2 begins it")
    func declared() {
        #expect(ProtocolGuess("\u{16}\u{3}".utf8.span, declared: .http) == .http1)
        #expect(ProtocolGuess("PRI".utf8.span, declared: .http) == .needsMore)
    }
}
