// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP1

/// Responses and what must be seen of them by a client that sent `method`.
struct Answer: Sendable, CustomTestStringConvertible {
    let rule: String
    let method: String
    let offersUpgrade: Bool
    let input: String
    let expected: [String]

    init(_ rule: String, method: String = "GET", offersUpgrade: Bool = false, _ input: String, _ expected: [String]) {
        self.rule = rule
        self.method = method
        self.offersUpgrade = offersUpgrade
        self.input = input
        self.expected = expected
    }

    var testDescription: String { rule }
    var bytes: [UInt8] { Array(input.unicodeScalars.map { UInt8($0.value) }) }

    func transcript(_ pieces: [[UInt8]]) -> [String] {
        Transcript.ofClient(pieces, method: method, offersUpgrade: offersUpgrade)
    }
}

@Suite("HTTP/1 responses")
struct ResponseTests {
    static let answers: [Answer] = framing + refused

    private static let framing: [Answer] = [
        Answer(
            "RFC 9112 §6.3 rule 6: Content-Length",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n",
            [
                "200 [OK] http11 length(2) persistent stated=2|content-length=2", "bytes hi", "end", "then keepAlive",
                "404 [] http11 length(0) persistent stated=0|content-length=0", "end", "then keepAlive",
            ]),
        Answer(
            "RFC 9112 §6.3 rule 8: without a length the end of the connection ends it",
            "HTTP/1.1 200 OK\r\nX: y\r\n\r\nuntil the end",
            ["200 [OK] http11 untilClose|x=y", "bytes until the end", "end"]),
        Answer(
            "RFC 9112 §7.1: chunked, with trailers",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=1\r\na\r\n0\r\ngrpc-status: 0\r\n\r\n",
            [
                "200 [OK] http11 chunked persistent|transfer-encoding!=chunked", "bytes a",
                "trailers|grpc-status=0", "end", "then keepAlive",
            ]),
        Answer(
            "RFC 9112 §6.3 rule 1: HEAD has no content, whatever its fields say", method: "HEAD",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            [
                "200 [OK] http11 none persistent stated=5|content-length=5", "end", "then keepAlive",
                "200 [OK] http11 none persistent|transfer-encoding!=chunked", "end", "then keepAlive",
            ]),
        Answer(
            "RFC 9112 §6.3 rule 1: 204 and 304 have no content",
            "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
            [
                "204 [No Content] http11 none persistent", "end", "then keepAlive",
                "304 [Not Modified] http11 none persistent stated=9|content-length=9", "end", "then keepAlive",
            ]),
        Answer(
            "RFC 9110 §15.2: informational responses come in front of the final one",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
                + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            [
                "100 [Continue] http11 none persistent", "103 [Early Hints] http11 none persistent|link=<a>",
                "200 [OK] http11 length(0) persistent stated=0|content-length=0", "end", "then keepAlive",
            ]),
        Answer(
            "RFC 9110 §15.2.2: 101 hands the connection over", offersUpgrade: true,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\nraw",
            [
                "101 [Switching Protocols] http11 none persistent|upgrade!=echo|connection!=upgrade", "handover",
                "bytes raw",
            ]),
        Answer(
            "RFC 9112 §6.3 rule 2: 2xx to CONNECT hands over, and its length means nothing", method: "CONNECT",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nraw",
            ["200 [OK] http11 none persistent|content-length=5", "handover", "bytes raw"]),
        Answer(
            "RFC 9110 §9.3.6: a refused CONNECT has ordinary content", method: "CONNECT",
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
            [
                "403 [Forbidden] http11 length(2) persistent stated=2|content-length=2", "bytes no", "end",
                "then keepAlive",
            ]),
        Answer(
            "RFC 9112 §9.3: close and HTTP/1.0 do not stay open",
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
            ["200 [OK] http10 length(0) stated=0|content-length=0", "end", "then close"]),
        Answer(
            "RFC 9112 §9.3: HTTP/1.0 with keep-alive does",
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
            [
                "200 [OK] http10 length(0) persistent stated=0|connection!=keep-alive|content-length=0", "end",
                "then keepAlive",
            ]),
        Answer(
            "RFC 9112 §4: the reason phrase may lack, with and without its space",
            "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\nHTTP/1.1 999\r\nContent-Length: 0\r\n\r\n",
            [
                "299 [] http11 length(0) persistent stated=0|content-length=0", "end", "then keepAlive",
                "999 [] http11 length(0) persistent stated=0|content-length=0", "end", "then keepAlive",
            ]),
    ]

    private static func refusal(
        _ rule: String, method: String = "GET", offersUpgrade: Bool = false, _ input: String, _ error: HTTP1Error,
        after: [String] = []
    ) -> Answer {
        Answer(rule, method: method, offersUpgrade: offersUpgrade, input, after + ["error \(error)"])
    }

    private static let refused: [Answer] = [
        refusal("no status line", "<html>\r\n", .invalidStartLine),
        refusal("SSH", "SSH-2.0-OpenSSH_9.2\r\n", .invalidStartLine),
        refusal("an empty line in front", "\r\nHTTP/1.1 200 OK\r\n\r\n", .invalidStartLine),
        refusal("two digits", "HTTP/1.1 20 OK\r\n\r\n", .invalidStatus),
        refusal("four digits", "HTTP/1.1 2000 OK\r\n\r\n", .invalidStatus),
        refusal("status 099", "HTTP/1.1 099 OK\r\n\r\n", .invalidStatus),
        refusal("HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", .unsupportedVersion),
        refusal("a bare LF", "HTTP/1.1 200 OK\n\r\n", .bareLineFeed),
        refusal("a folded field", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", .lineFolding),
        refusal("RFC 9112 §5.1: space before the colon", "HTTP/1.1 200 OK\r\nX : a\r\n\r\n", .whitespaceBeforeColon),
        refusal(
            "RFC 9112 §6.3 rule 3: length and coding",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", .lengthAndTransferEncoding),
        refusal(
            "RFC 9112 §6.3 rule 5: lengths that differ",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 4\r\n\r\n", .duplicateContentLength),
        refusal(
            "RFC 9112 §6.1: a coding in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            .invalidTransferEncoding),
        refusal(
            "RFC 9112 §6.1: a coding that is not chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            .invalidTransferEncoding),
        refusal(
            "RFC 9112 §6.1: a coding on 204", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
            .contentNotAllowed),
        refusal(
            "RFC 9110 §8.6: a length on 204", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", .contentNotAllowed
        ),
        refusal(
            "RFC 9110 §15.2.2: 101 that was not asked for",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n", .unexpectedSwitch),
        refusal(
            "RFC 9112 §8: the end within content", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", .truncated,
            after: ["200 [OK] http11 length(5) persistent stated=5|content-length=5", "bytes ab"]),
        refusal(
            "RFC 9112 §8: the end in front of the last chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", .truncated,
            after: ["200 [OK] http11 chunked persistent|transfer-encoding!=chunked", "bytes ab"]),
        refusal("RFC 9112 §8: the end within a head", "HTTP/1.1 200 OK\r\nX: ", .truncated),
    ]

    @Test("A response is read as the RFC says, however its bytes are split", arguments: answers)
    func reads(_ answer: Answer) {
        #expect(answer.transcript([answer.bytes]) == answer.expected)
        for split in Splits.all(of: answer.bytes) {
            #expect(answer.transcript(split) == answer.expected)
        }
    }

    @Test("RFC 9112 §9.2: bytes that no request asked for end the connection")
    func unsolicited() {
        var connection = HTTP1ClientConnection()
        let input = Array("HTTP/1.1 408 Request Timeout\r\n\r\n".utf8)
        var offset = 0
        #expect(throws: HTTP1Error.unsolicitedResponse) { _ = try connection.receive(input.span, at: &offset) }
        #expect(connection.disposition == .close)
    }

    @Test("A server that closes without an octet of response is told from one that stops within")
    func closedBeforeResponse() throws {
        for input in ["", "H"] {
            var connection = HTTP1ClientConnection()
            var output = ByteBuffer(capacity: 256)
            try connection.startRequest(method: "GET".utf8.span, target: "/".utf8.span, length: .none, into: &output)
            try connection.finishHead(into: &output)
            try connection.finish(into: &output)
            var offset = 0
            #expect(try connection.receive(input.utf8.span, at: &offset) == nil)
            #expect(throws: HTTP1Error.truncated) { _ = try connection.receiveEndOfStream() }
            #expect(connection.hasResponseBegun == !input.isEmpty)
        }
    }

    @Test("A response that ends before its request leaves the connection unusable until the request ends too")
    func earlyResponse() throws {
        var connection = HTTP1ClientConnection()
        var output = ByteBuffer(capacity: 256)
        try connection.startRequest(
            method: "PUT".utf8.span, target: "/".utf8.span, length: .exactly(2), into: &output)
        try connection.finishHead(into: &output)
        #expect(try connection.appendContent("a".utf8.span, into: &output) == 1)
        let input = Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8)
        var offset = 0
        #expect(try connection.receive(input.span, at: &offset) == .head)
        #expect(try connection.receive(input.span, at: &offset) == .end)
        #expect(connection.disposition == .awaitsRequestEnd)
        #expect(throws: HTTP1Error.outOfOrder) {
            try connection.startRequest(method: "GET".utf8.span, target: "/".utf8.span, length: .none, into: &output)
        }
        #expect(try connection.appendContent("b".utf8.span, into: &output) == 1)
        try connection.finish(into: &output)
        #expect(connection.disposition == .keepAlive)
    }
}
