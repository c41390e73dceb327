// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP1

/// What a server writes, octet by octet.
@Suite("HTTP/1 server output")
struct ServerOutputTests {
    /// A request, what is answered, and the octets that must leave.
    struct Row: Sendable, CustomTestStringConvertible {
        let rule: String
        let request: String
        let status: UInt16
        var length = HTTP1ContentLength.none
        var fields: [(String, String)] = []
        var content = ""
        var trailers: [(String, String)] = []
        let expected: String
        let disposition: HTTP1Disposition

        var testDescription: String { rule }
    }

    static let rows: [Row] = [
        Row(
            rule: "RFC 9112 §6.2: a known length is stated", request: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", status: 200,
            length: .exactly(5), fields: [("server", "x")], content: "hello",
            expected: "HTTP/1.1 200 OK\r\nserver: x\r\ncontent-length: 5\r\n\r\nhello", disposition: .keepAlive),
        Row(
            rule: "RFC 9112 §7.1: an unknown length is chunked", request: "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            status: 200, length: .unknown, content: "hello world, hello",
            trailers: [("x-sum", "1"), ("content-length", "2")],
            expected:
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n12\r\nhello world, hello\r\n0\r\nx-sum: 1\r\n\r\n",
            disposition: .keepAlive),
        Row(
            rule: "RFC 9112 §6.3: towards HTTP/1.0 it is everything until close", request: "GET / HTTP/1.0\r\n\r\n",
            status: 200, length: .unknown, content: "hello", trailers: [("x-sum", "1")],
            expected: "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello", disposition: .close),
        Row(
            rule: "RFC 9112 §9.3: an HTTP/1.0 client is told that the connection stays",
            request: "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", status: 200, length: .exactly(1), content: "x",
            expected: "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: keep-alive\r\n\r\nx",
            disposition: .keepAlive),
        Row(
            rule: "RFC 9112 §9.6: close is answered by close",
            request: "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", status: 404,
            expected: "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", disposition: .close),
        Row(
            rule: "RFC 9112 §6.3 rule 1: HEAD states the length and sends nothing",
            request: "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", status: 200, length: .exactly(5),
            expected: "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", disposition: .keepAlive),
        Row(
            rule: "RFC 9110 §15.3.5: 204 has no length", request: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", status: 204,
            length: .exactly(0), expected: "HTTP/1.1 204 No Content\r\n\r\n", disposition: .keepAlive),
        Row(
            rule: "RFC 9110 §15.4.5: 304 may state what 200 would have had",
            request: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", status: 304, length: .exactly(7),
            expected: "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n", disposition: .keepAlive),
        Row(
            rule: "RFC 9110 §7.6.1: fields of a connection are not forwarded",
            request: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", status: 299,
            fields: [
                ("Connection", "x"), ("Keep-Alive", "5"), ("Transfer-Encoding", "gzip"), ("Content-Length", "9"),
                ("proxy-connection", "y"), ("z", ""),
            ],
            expected: "HTTP/1.1 299 \r\nz: \r\ncontent-length: 0\r\n\r\n", disposition: .keepAlive),
        Row(
            rule: "RFC 9110 §7.8: 101 names the upgrade in Connection",
            request: "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n", status: 101,
            fields: [("upgrade", "echo")],
            expected: "HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n",
            disposition: .handover),
        Row(
            rule: "RFC 9110 §9.3.6: 2xx to CONNECT has no length", request: "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
            status: 200, length: .exactly(5), expected: "HTTP/1.1 200 OK\r\n\r\n", disposition: .handover),
        Row(
            rule: "A refused CONNECT closes: tunnel bytes may already be on their way",
            request: "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", status: 403,
            expected: "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", disposition: .close),
        Row(
            rule: "RFC 9110 §10.1.1: a final answer to an expectation closes, as content may or may not follow",
            request: "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", status: 413,
            expected: "HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            disposition: .close),
        Row(
            rule: "RFC 9112 §9.3: an answer in front of the request's end leaves the rest to be read",
            request: "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab", status: 200,
            expected: "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", disposition: .awaitsRequestEnd),
    ]

    @Test("A response is written as the RFC says", arguments: rows)
    func writes(_ row: Row) throws {
        for capacity in [4096, row.expected.utf8.count + 20] {
            var connection = HTTP1ServerConnection()
            var output = ByteBuffer(capacity: capacity)
            try feed(&connection, row.request)
            try connection.startResponse(status: row.status, length: row.length, into: &output)
            for (name, value) in row.fields {
                try connection.appendField(name: name.utf8.span, value: value.utf8.span, into: &output)
            }
            try connection.finishHead(into: &output)
            if !row.content.isEmpty {
                #expect(
                    try connection.appendContent(row.content.utf8.span, into: &output) == row.content.utf8.count)
            }
            if connection.disposition != .handover {
                for (name, value) in row.trailers {
                    try connection.appendTrailer(name: name.utf8.span, value: value.utf8.span, into: &output)
                }
            }
            #expect(try connection.finish(into: &output) == row.disposition)
            #expect(connection.disposition == row.disposition)
            #expect(String(decoding: output.readable) == row.expected)
        }
    }

    private func feed(_ connection: inout HTTP1ServerConnection, _ text: String) throws {
        let bytes = Array(text.utf8)
        var offset = 0
        while try connection.receive(bytes.span, at: &offset) != nil {}
    }

    @Test("RFC 9110 §15.2: informational responses go in front, and not to HTTP/1.0")
    func informational() throws {
        var connection = HTTP1ServerConnection()
        var output = ByteBuffer(capacity: 512)
        try feed(&connection, "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        #expect(connection.acceptsInformational == true)
        try connection.startResponse(status: 100, length: .none, into: &output)
        try connection.finishHead(into: &output)
        try connection.startResponse(status: 103, length: .none, into: &output)
        try connection.appendField(name: "link".utf8.span, value: "<a>".utf8.span, into: &output)
        try connection.finishHead(into: &output)
        try feed(&connection, "ok")
        try connection.startResponse(status: 200, length: .none, into: &output)
        try connection.finishHead(into: &output)
        #expect(try connection.finish(into: &output) == .keepAlive)
        #expect(
            String(decoding: output.readable)
                == "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n"
                + "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        try feed(&connection, "GET / HTTP/1.0\r\n\r\n")
        #expect(connection.acceptsInformational == false)
        #expect(throws: HTTP1Error.outOfOrder) {
            try connection.startResponse(status: 100, length: .none, into: &output)
        }
    }

    @Test("A response that ends before its request keeps the connection when the request is read to its end")
    func answeredEarly() throws {
        var connection = HTTP1ServerConnection()
        var output = ByteBuffer(capacity: 512)
        try feed(&connection, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
        try connection.startResponse(status: 200, length: .none, into: &output)
        try connection.finishHead(into: &output)
        #expect(try connection.finish(into: &output) == .awaitsRequestEnd)
        try feed(&connection, "cde")
        #expect(connection.disposition == .keepAlive)
        try feed(&connection, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(String(decoding: connection.bytes(connection.request.path)) == "/next")
    }

    @Test("A head that does not fit is taken back whole and may be started again")
    func headIsAtomic() throws {
        for capacity in 1..<66 {
            var connection = HTTP1ServerConnection()
            try feed(&connection, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            var output = ByteBuffer(capacity: capacity)
            output.append(0x2A)
            #expect(throws: HTTP1Error.bufferFull) { try write(&connection, &output) }
            #expect(output.count == 1)
            var larger = ByteBuffer(capacity: 256)
            try write(&connection, &larger)
            #expect(larger.count == 65)
        }
    }

    private func write(
        _ connection: inout HTTP1ServerConnection, _ output: inout ByteBuffer
    ) throws(HTTP1Error) {
        try connection.startResponse(status: 200, length: .exactly(123_456), into: &output)
        try connection.appendField(name: "x-name".utf8.span, value: "some value..".utf8.span, into: &output)
        try connection.finishHead(into: &output)
    }

    @Test(
        "RFC 9110 §5.5: octets that would end a line cannot be written",
        arguments: [
            ("a\r\nb", "c"), ("a", "b\r\nc: d"), ("a", "b\nc"), ("a", "b\0c"), ("", "b"), ("a b", "c"), ("a:", "b"),
        ])
    func injection(_ name: String, _ value: String) throws {
        var connection = HTTP1ServerConnection()
        var output = ByteBuffer(capacity: 512)
        try feed(&connection, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        try connection.startResponse(status: 200, length: .none, into: &output)
        #expect(throws: HTTP1Error.invalidOutput) {
            try connection.appendField(name: name.utf8.span, value: value.utf8.span, into: &output)
        }
        #expect(output.count == 0)
    }

    @Test("Content is neither more nor less than was announced")
    func lengthIsHeld() throws {
        var connection = HTTP1ServerConnection()
        var output = ByteBuffer(capacity: 512)
        try feed(&connection, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        try connection.startResponse(status: 200, length: .exactly(3), into: &output)
        try connection.finishHead(into: &output)
        #expect(throws: HTTP1Error.contentTooLong) {
            _ = try connection.appendContent("abcd".utf8.span, into: &output)
        }
        try connection.beginChunk(2, into: &output)
        try connection.endChunk(into: &output)
        #expect(throws: HTTP1Error.contentTooShort) { _ = try connection.finish(into: &output) }
    }

    @Test("A chunk can be framed around bytes that are sent from elsewhere")
    func chunkWithoutCopy() throws {
        var connection = HTTP1ServerConnection()
        var output = ByteBuffer(capacity: 512)
        try feed(&connection, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        try connection.startResponse(status: 200, length: .unknown, into: &output)
        try connection.finishHead(into: &output)
        output.clear()
        try connection.beginChunk(0x4000, into: &output)
        try connection.endChunk(into: &output)
        #expect(try connection.finish(into: &output) == .keepAlive)
        #expect(String(decoding: output.readable) == "4000\r\n\r\n0\r\n\r\n")
    }

    @Test("RFC 9112 §9.6: an error is answered once, with close")
    func refuse() throws {
        var connection = HTTP1ServerConnection()
        var output = ByteBuffer(capacity: 512)
        let input = Array("GET / HTTP/1.1\r\n\r\n".utf8)
        var offset = 0
        do throws(HTTP1Error) {
            while try connection.receive(input.span, at: &offset) != nil {}
            Issue.record("the request was taken")
        } catch {
            #expect(try connection.refuse(status: error.statusForRequest, into: &output))
        }
        #expect(
            String(decoding: output.readable)
                == "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        #expect(connection.disposition == .close)
        #expect(try !connection.refuse(status: 400, into: &output))
    }

    @Test("Draining: the next response says close and is the last")
    func drain() throws {
        var connection = HTTP1ServerConnection()
        var output = ByteBuffer(capacity: 512)
        #expect(connection.disposition == .keepAlive)
        try feed(&connection, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.closeAfterResponse()
        #expect(connection.disposition == .inProgress)
        try connection.startResponse(status: 200, length: .none, into: &output)
        try connection.finishHead(into: &output)
        #expect(try connection.finish(into: &output) == .close)
        #expect(
            String(decoding: output.readable) == "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    }
}
