// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP1

/// One input and what must be seen of it.
struct Exchange: Sendable, CustomTestStringConvertible {
    let rule: String
    let input: String
    let expected: [String]

    init(_ rule: String, _ input: String, _ expected: [String]) {
        self.rule = rule
        self.input = input
        self.expected = expected
    }

    var testDescription: String { rule }
    var bytes: [UInt8] { Array(input.utf8) }
}

/// What ends a request that must be refused.
struct Refusal: Sendable, CustomTestStringConvertible {
    let rule: String
    let input: String
    let error: HTTP1Error

    init(_ rule: String, _ input: String, _ error: HTTP1Error) {
        self.rule = rule
        self.input = input
        self.error = error
    }

    var testDescription: String { rule }
    var bytes: [UInt8] { Array(input.unicodeScalars.map { UInt8($0.value) }) }
}

@Suite("HTTP/1 requests")
struct RequestTests {
    static let accepted: [Exchange] = [
        Exchange(
            "RFC 9112 §3: a request line and Host make a request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            ["GET / http11 none for=a path=/ persistent|host=a", "end", "answered 200, keepAlive"]),
        Exchange(
            "RFC 9112 §2.2: one empty line in front is skipped", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            ["GET / http11 none for=a path=/ persistent|host=a", "end", "answered 200, keepAlive"]),
        Exchange(
            "RFC 9110 §2.5: a higher minor version is 1.1", "GET / HTTP/1.9\r\nHost: a\r\n\r\n",
            ["GET / http11 none for=a path=/ persistent|host=a", "end", "answered 200, keepAlive"]),
        Exchange(
            "RFC 9112 §9.3: HTTP/1.0 closes", "GET / HTTP/1.0\r\n\r\n",
            ["GET / http10 none for= path=/", "end", "answered 200, close"]),
        Exchange(
            "RFC 9112 §9.3: HTTP/1.0 with keep-alive stays", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
            ["GET / http10 none for= path=/ persistent|connection!=keep-alive", "end", "answered 200, keepAlive"]),
        Exchange(
            "RFC 9112 §9.6: close wins over keep-alive",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n",
            [
                "GET / http11 none for=a path=/|host=a|connection!=keep-alive, close", "end", "answered 200, close",
            ]),
        Exchange(
            "RFC 9110 §5.5: white space around a value is not part of it",
            "GET / HTTP/1.1\r\nHost:\t a \t\r\nX-Empty:\r\nX-In: b \t c\r\n\r\n",
            [
                "GET / http11 none for=a path=/ persistent|host=a|x-empty=|x-in=b \t c", "end",
                "answered 200, keepAlive",
            ]),
        Exchange(
            "RFC 9112 §6.2: Content-Length counts octets, and the next request follows them",
            "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: b\r\n\r\n",
            [
                "PUT /a http11 length(5) for=a path=/a persistent|host=a|content-length=5", "bytes hello", "end",
                "answered 200, keepAlive", "GET /b http11 none for=b path=/b persistent|host=b", "end",
                "answered 200, keepAlive",
            ]),
        Exchange(
            "RFC 9112 §6.2: Content-Length 0 is no content", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            [
                "POST / http11 length(0) for=a path=/ persistent|host=a|content-length=0", "end",
                "answered 200, keepAlive",
            ]),
        Exchange(
            "RFC 9112 §7.1: chunks are joined, extensions are skipped, trailers follow",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
                + "5\r\nhello\r\n0A;a=b;c=\"d\\\";e\" ; f\t=\tg\r\n world 678\r\n000;x\r\nX-Sum: 1\r\nX-End:\r\n\r\n",
            [
                "POST / http11 chunked for=a path=/ persistent|host=a|transfer-encoding!=chunked",
                "bytes hello world 678", "trailers|x-sum=1|x-end=", "end", "answered 200, keepAlive",
            ]),
        Exchange(
            "RFC 9110 §10.1.1: 100-continue in any case is an expectation",
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
            [
                "POST / http11 length(1) for=a path=/ persistent expects|host=a|expect=100-continue|content-length=1",
                "bytes x", "end", "answered 200, keepAlive",
            ]),
        Exchange(
            "RFC 9110 §10.1.1: without content there is nothing to continue",
            "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
            ["GET / http11 none for=a path=/ persistent|host=a|expect=100-continue", "end", "answered 200, keepAlive"]),
        Exchange(
            "RFC 9112 §3.2.2: the absolute form names the host, whatever Host says",
            "GET HTTP://b:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
            ["GET HTTP://b:80/x?y http11 none for=b:80 path=/x?y persistent|host=a", "end", "answered 200, keepAlive"]),
        Exchange(
            "RFC 9112 §3.2.2: the absolute form may lack a path", "GET https://b HTTP/1.1\r\nHost: b\r\n\r\n",
            ["GET https://b http11 none for=b path= persistent|host=b", "end", "answered 200, keepAlive"]),
        Exchange(
            "RFC 9112 §3.2.4: the asterisk form is for OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
            ["OPTIONS * http11 none for=a path=* persistent|host=a", "end", "answered 200, keepAlive"]),
        Exchange(
            "RFC 9112 §3.2.3: CONNECT and 2xx hand the connection over",
            "CONNECT [::1]:443 HTTP/1.1\r\nHost: a\r\n\r\n\u{1}\u{2}raw",
            [
                "CONNECT [::1]:443 http11 none for=[::1]:443 path= persistent|host=a", "end", "answered 200, handover",
                "handover", "bytes \u{1}\u{2}raw",
            ]),
        Exchange(
            "RFC 9110 §7.8: an upgrade and 101 hand the connection over, behind the content",
            "POST / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nhiraw",
            [
                "POST / http11 length(2) for=a path=/ persistent upgrade|host=a|upgrade!=echo|connection!=upgrade"
                    + "|content-length=2",
                "bytes hi", "end", "answered 101, handover", "handover", "bytes raw",
            ]),
        Exchange(
            "RFC 9110 §7.8: Upgrade without the option, or from HTTP/1.0, is no offer",
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\n\r\n"
                + "GET / HTTP/1.0\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n",
            [
                "GET / http11 none for=a path=/ persistent|host=a|upgrade!=echo", "end", "answered 200, keepAlive",
                "GET / http10 none for= path=/|upgrade!=echo|connection!=upgrade", "end", "answered 200, close",
            ]),
        Exchange(
            "RFC 9110 §7.6.1: fields named by Connection are for this connection only",
            "GET / HTTP/1.1\r\nHost: a\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nConnection: x-HOP,, x-other\r\nX-Hop: 2\r\nX: 3\r\n\r\n",
            [
                "GET / http11 none for=a path=/ persistent|host=a|x-hop!=1|keep-alive!=5|connection!=x-hop,, x-other"
                    + "|x-hop!=2|x=3",
                "end", "answered 200, keepAlive",
            ]),
        Exchange(
            "RFC 3986 §3.3, WHATWG URL: octets that browsers send in targets are taken",
            "GET /a%20b/[c]|d;e=f?g=%&h={i}\\^` HTTP/1.1\r\nHost: a_b:8080\r\n\r\n",
            [
                "GET /a%20b/[c]|d;e=f?g=%&h={i}\\^` http11 none for=a_b:8080 path=/a%20b/[c]|d;e=f?g=%&h={i}\\^` persistent"
                    + "|host=a_b:8080",
                "end", "answered 200, keepAlive",
            ]),
        Exchange(
            "RFC 9112 §8: a connection that ends within a head is truncated", "GET / HTTP/1.1\r\nHost: a\r\n",
            ["error \(HTTP1Error.truncated)"]),
        Exchange(
            "RFC 9112 §8: a connection that ends within content is truncated",
            "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx",
            [
                "PUT / http11 length(2) for=a path=/ persistent|host=a|content-length=2", "bytes x",
                "error \(HTTP1Error.truncated)",
            ]),
    ]

    @Test("A request is read as the RFC says, however its bytes are split", arguments: accepted)
    func reads(_ exchange: Exchange) {
        #expect(Transcript.ofServer([exchange.bytes]) == exchange.expected)
        for split in Splits.all(of: exchange.bytes) {
            #expect(Transcript.ofServer(split) == exchange.expected)
        }
    }

    @Test("An ambiguous or malformed request is refused, however its bytes are split", arguments: Smuggling.requests)
    func refuses(_ refusal: Refusal) {
        let expected = "error \(refusal.error)"
        let whole = Transcript.ofServer([refusal.bytes])
        #expect(whole.last == expected)
        for split in Splits.all(of: refusal.bytes) {
            #expect(Transcript.ofServer(split) == whole)
        }
    }

    @Test("A refused request is the last thing that is read of a connection")
    func failureIsFinal() throws {
        var connection = HTTP1ServerConnection()
        let bad = Array("GET / HTTP/1.1\nHost: a\r\n\r\n".utf8)
        let good = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        var offset = 0
        #expect(throws: HTTP1Error.bareLineFeed) { _ = try connection.receive(bad.span, at: &offset) }
        offset = 0
        #expect(throws: HTTP1Error.bareLineFeed) { _ = try connection.receive(good.span, at: &offset) }
        #expect(offset == 0)
        #expect(connection.disposition == .close)
    }

    @Test("RFC 9112 §9.3.2: a pipelined request is not read before the response to the one in front is finished")
    func pipelining() throws {
        var connection = HTTP1ServerConnection()
        var output = ByteBuffer(capacity: 1024)
        let first = Array("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        let input = first + Array("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        var offset = 0
        #expect(try connection.receive(input.span, at: &offset) == .head)
        #expect(try connection.receive(input.span, at: &offset) == .end)
        #expect(try connection.receive(input.span, at: &offset) == nil)
        #expect(offset == first.count)
        try connection.startResponse(status: 200, length: .exactly(1), into: &output)
        try connection.finishHead(into: &output)
        #expect(try connection.receive(input.span, at: &offset) == nil)
        #expect(try connection.appendContent("x".utf8.span, into: &output) == 1)
        #expect(try connection.finish(into: &output) == .keepAlive)
        #expect(try connection.receive(input.span, at: &offset) == .head)
        #expect(String(decoding: connection.bytes(connection.request.path)) == "/2")
    }

    @Test(
        "Octets that cannot begin a request are refused at once, before a line is complete",
        arguments: [0x16, 0x00] as [UInt8])
    func earlyRefusal(_ first: UInt8) {
        var connection = HTTP1ServerConnection()
        var offset = 0
        let input: [UInt8] = [first, 0x03, 0x01]
        #expect(throws: HTTP1Error.controlCharacter) { _ = try connection.receive(input.span, at: &offset) }
    }
}
