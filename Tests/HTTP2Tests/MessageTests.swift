// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP2

/// Rules of RFC 9113 §8: which messages are malformed, and what becomes of them.
@Suite("Messages")
struct MessageTests {
    typealias Fields = [(String, String)]

    static func get(_ more: Fields) -> Fields { Wire.get + more }

    static let malformedRequests: [(rule: String, fields: Fields)] = [
        ("§8.2.1: an upper-case name", get([("X-Name", "a")])),
        ("§8.2.1: an empty name", get([("", "a")])),
        ("§8.2.1: a blank in a name", get([("a b", "a")])),
        ("§8.2.1: a colon in a name", get([("a:b", "a")])),
        ("§8.2.1: an octet above ASCII in a name", get([("n\u{e4}me", "a")])),
        ("§8.2.1: CR in a value", get([("a", "b\rc")])),
        ("§8.2.1: LF in a value", get([("a", "b\nc")])),
        ("§8.2.1: NUL in a value", get([("a", "b\0c")])),
        ("§8.2.1: a value that begins with a blank", get([("a", " b")])),
        ("§8.2.1: a value that ends with a tabulator", get([("a", "b\t")])),
        ("RFC 9110 §5.5: a control character in a value", get([("a", "b\u{7}c")])),
        ("§8.2.2: connection", get([("connection", "close")])),
        ("§8.2.2: keep-alive", get([("keep-alive", "1")])),
        ("§8.2.2: proxy-connection", get([("proxy-connection", "close")])),
        ("§8.2.2: transfer-encoding", get([("transfer-encoding", "chunked")])),
        ("§8.2.2: upgrade", get([("upgrade", "websocket")])),
        ("§8.2.2: te other than trailers", get([("te", "gzip")])),
        ("§8.3: an unknown pseudo-header field", get([(":x", "a")])),
        ("§8.3: a pseudo-header field of responses", get([(":status", "200")])),
        (
            "§8.3: a pseudo-header field behind another field",
            [(":method", "GET"), (":scheme", "https"), ("a", "b"), (":path", "/")]
        ),
        ("§8.3.1: :method twice", get([(":method", "GET")])),
        ("§8.3.1: :path twice", get([(":path", "/")])),
        ("§8.3.1: :scheme twice", get([(":scheme", "https")])),
        ("§8.3.1: :authority twice", get([(":authority", "b")])),
        ("§8.3.1: no :method", [(":scheme", "https"), (":path", "/"), (":authority", "a")]),
        ("§8.3.1: no :scheme", [(":method", "GET"), (":path", "/"), (":authority", "a")]),
        ("§8.3.1: no :path", [(":method", "GET"), (":scheme", "https"), (":authority", "a")]),
        ("§8.3.1: an empty :path", [(":method", "GET"), (":scheme", "https"), (":path", ""), (":authority", "a")]),
        (
            "§8.3.1: a :path that is not from the root",
            [(":method", "GET"), (":scheme", "https"), (":path", "x"), (":authority", "a")]
        ),
        (
            "§8.3.1: * for a method other than OPTIONS",
            [(":method", "GET"), (":scheme", "https"), (":path", "*"), (":authority", "a")]
        ),
        (
            "§8.3.1: a blank in :path",
            [(":method", "GET"), (":scheme", "https"), (":path", "/ HTTP/1.1"), (":authority", "a")]
        ),
        (
            "§8.3.1: user information in :authority",
            [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "u:p@a")]
        ),
        ("§8.3.1: a Host that differs from :authority", get([("host", "b.example")])),
        (
            "RFC 9110 §9.1: a :method that is no token",
            [(":method", "GE T"), (":scheme", "https"), (":path", "/"), (":authority", "a")]
        ),
        (
            "§8.3.1: an empty :method",
            [(":method", ""), (":scheme", "https"), (":path", "/"), (":authority", "a")]
        ),
        ("§8.5: CONNECT with :path", Wire.connect + [(":path", "/")]),
        ("§8.5: CONNECT with :scheme", Wire.connect + [(":scheme", "https")]),
        ("§8.5: CONNECT without :authority", [(":method", "CONNECT")]),
        (
            "RFC 8441 §4: :protocol, although not offered",
            [(":method", "CONNECT"), (":protocol", "websocket")] + Wire.get.dropFirst()
        ),
        ("§8.1.1: content-length that is no number", get([("content-length", "1x")])),
        ("§8.1.1: two content-lengths that differ", get([("content-length", "1"), ("content-length", "2")])),
        ("§8.1.1: a negative content-length", get([("content-length", "-1")])),
        ("§8.1.1: an absurd content-length", get([("content-length", "99999999999999999999")])),
    ]

    @Test("RFC 9113 §8.1.1: a malformed request is a stream error PROTOCOL_ERROR", arguments: malformedRequests)
    func malformedRequest(row: (rule: String, fields: Fields)) throws {
        let server = try Endpoint.connected(.server)
        #expect(try server.receive(Wire.headers(1, row.fields)) == [], "\(row.rule)")
        #expect(server.frames() == [.reset(1, .protocolError)], "\(row.rule)")
        #expect(server.activeStreams == 0)
        // The connection goes on.
        #expect(try server.receive(Wire.headers(3, Wire.get)).count == 1)
    }

    static let validRequests: [(rule: String, fields: Fields)] = [
        ("te: trailers", get([("te", "trailers")])),
        ("an empty value", get([("a", "")])),
        ("a tabulator inside a value, octets above ASCII", get([("a", "b\tc\u{e4}")])),
        ("Host equal but for case", get([("host", "A.Example")])),
        ("no :authority but Host", [(":method", "GET"), (":scheme", "https"), (":path", "/"), ("host", "b")]),
        ("OPTIONS *", [(":method", "OPTIONS"), (":scheme", "https"), (":path", "*"), (":authority", "a")]),
        ("another scheme with another path", [(":method", "GET"), (":scheme", "coap"), (":path", "x")]),
        ("two equal content-lengths", get([("content-length", "5"), ("content-length", "5")])),
        ("CONNECT", Wire.connect),
        ("extended CONNECT", [(":method", "CONNECT"), (":protocol", "websocket")] + Wire.get.dropFirst()),
    ]

    @Test("RFC 9113 §8.3: a request that looks odd but is not malformed", arguments: validRequests)
    func validRequest(row: (rule: String, fields: Fields)) throws {
        let server = try Endpoint.connected(.server, .proxy)
        let events = try server.receive(Wire.headers(1, row.fields))
        let stream = try #require(events.first?.stream)
        #expect(events == [.headers(stream, kind: .request, isEndStream: false)], "\(row.rule)")
        #expect(server.lastFields == row.fields.map { $0.0 + ": " + $0.1 })
    }

    @Test("The quick accessors name the pseudo-header fields")
    func accessors() throws {
        let server = try Endpoint.connected(.server, .proxy)
        _ = try server.receive(
            Wire.headers(1, [(":method", "CONNECT"), (":protocol", "websocket")] + Wire.get.dropFirst()))
        func text(_ read: (borrowing HTTP2Fields) -> String) -> String { read(server.core.fields) }
        #expect(text { String(decoding: $0.method) } == "CONNECT")
        #expect(text { String(decoding: $0.protocol) } == "websocket")
        #expect(text { String(decoding: $0.scheme) } == "https")
        #expect(text { String(decoding: $0.path) } == "/")
        #expect(text { String(decoding: $0.authority) } == "a.example")
        #expect(text { $0.contains(.status) ? "yes" : "no" } == "no")
        #expect(text { $0.firstIndex(of: ":path").map(String.init) ?? "none" } == "3")
    }

    static let malformedResponses: [(rule: String, fields: Fields, isEndStream: Bool)] = [
        ("§8.3.2: no :status", [("a", "b")], false),
        ("§8.3.2: :status twice", [(":status", "200"), (":status", "200")], false),
        ("§8.3.2: a :status of two digits", [(":status", "20")], false),
        ("§8.3.2: a :status that is no number", [(":status", "2x0")], false),
        ("§8.3: a pseudo-header field of requests", [(":status", "200"), (":path", "/")], false),
        ("§8.6: 101", [(":status", "101")], false),
        ("§8.1: 1xx that ends the stream", [(":status", "103")], true),
        ("§8.1.1: content-length and no content", [(":status", "200"), ("content-length", "3")], true),
        ("§8.2.2: connection", [(":status", "200"), ("connection", "close")], false),
    ]

    @Test("RFC 9113 §8.1.1: a malformed response is a stream error PROTOCOL_ERROR", arguments: malformedResponses)
    func malformedResponse(row: (rule: String, fields: Fields, isEndStream: Bool)) throws {
        let client = try Endpoint.connected(.client)
        let stream = try #require(client.request())
        _ = client.drain()
        let events = try client.receive(Wire.headers(1, row.fields, isEndStream: row.isEndStream))
        guard case .reset(stream, code: .protocolError, by: .local)? = events.first else {
            Issue.record("\(row.rule): \(events)")
            return
        }
        #expect(client.frames() == [.reset(1, .protocolError)])
    }

    @Test("RFC 9113 §8.1: informational responses, the response, content and trailers come in their order")
    func exchange() throws {
        let client = try Endpoint.connected(.client)
        let stream = try #require(client.request(isEndStream: true))
        let events = try client.receive(
            Wire.headers(1, [(":status", "100")]) + Wire.headers(1, [(":status", "103"), ("link", "</x>")])
                + Wire.headers(1, [(":status", "200")]) + Wire.data(1, [1, 2])
                + Wire.headers(1, [("grpc-status", "0")], isEndStream: true))
        #expect(
            events.map { event -> String in
                switch event {
                case .headers(_, let kind, let isEnd): "\(kind) \(isEnd)"
                case .data(_, _, let count, let isEnd): "data \(count) \(isEnd)"
                default: "\(event)"
                }
            } == ["informational false", "informational false", "response false", "data 2 false", "trailers true"])
        #expect(!client.isLive(stream))
    }

    @Test(
        "RFC 9113 §8.1: trailers without END_STREAM, or with a pseudo-header field, are a stream error",
        arguments: [
            Wire.headers(1, [("a", "b")]), Wire.headers(1, [(":path", "/")], isEndStream: true),
        ])
    func malformedTrailers(frame: [UInt8]) throws {
        let server = try Endpoint.connected(.server)
        let stream = try #require(try server.receive(Wire.headers(1, Wire.get)).first?.stream)
        #expect(
            try server.receive(frame) == [.reset(stream, code: .protocolError, by: .local(.malformedHeaders))])
    }

    @Test("RFC 9113 §8.5: HEADERS inside a CONNECT tunnel are a stream error")
    func trailersInTunnel() throws {
        let (server, stream) = try StreamStateTests.tunnel()
        #expect(
            try server.receive(Wire.headers(1, [("a", "b")], isEndStream: true))
                == [.reset(stream, code: .protocolError, by: .local(.malformedHeaders))])
    }

    @Test("RFC 9113 §8.1: DATA before the response is a stream error")
    func dataBeforeHeaders() throws {
        let client = try Endpoint.connected(.client)
        let stream = try #require(client.request())
        #expect(
            try client.receive(Wire.data(1, [1]))
                == [.reset(stream, code: .protocolError, by: .local(.malformedHeaders))])
    }

    static let lengths: [(length: String, data: [(count: Int, isEnd: Bool)], isRight: Bool)] = [
        ("5", [(5, true)], true),
        ("5", [(2, false), (3, true)], true),
        ("5", [(5, false), (0, true)], true),
        ("0", [(0, true)], true),
        ("5", [(4, true)], false),
        ("5", [(6, false)], false),
        ("5", [(5, false), (1, false)], false),
        ("0", [(1, false)], false),
    ]

    @Test("RFC 9113 §8.1.1: content must be as long as content-length says", arguments: lengths, [Int.max, 1])
    func contentLength(row: (length: String, data: [(count: Int, isEnd: Bool)], isRight: Bool), chunk: Int) throws {
        let server = try Endpoint.connected(.server)
        server.chunk = chunk
        _ = try server.receive(Wire.headers(1, Self.get([("content-length", row.length)])))
        var events: [HTTP2Event] = []
        for data in row.data {
            events += try server.receive(
                Wire.data(1, [UInt8](repeating: 1, count: data.count), isEndStream: data.isEnd))
        }
        let wasReset = events.contains { event in
            if case .reset(_, code: .protocolError, by: .local(.contentLengthMismatch)) = event { true } else { false }
        }
        #expect(wasReset == !row.isRight)
        let sum = server.core.receiveWindow + server.core.pendingCredit
        #expect(sum == server.core.connectionTarget, "all octets are back in the connection's window")
    }

    @Test(
        "RFC 9113 §8.1.1: nothing of a DATA frame that breaks content-length is handed on, however it was cut",
        arguments: [
            Wire.hex("000006 00 00 00000001 68656c6c6f21"),  // six octets of five
            Wire.hex("000003 00 01 00000001 68656c"),  // END_STREAM after three
            Wire.hex("00000a 00 08 00000001 03 68656c6c6f21 000000"),  // six, and padding of three
            Wire.hex("000005 00 09 00000001 01 68656c 00"),  // three, padding of one and END_STREAM
        ], [Int.max, 1, 12])
    func nothingOfAWrongFrame(frame: [UInt8], chunk: Int) throws {
        let server = try Endpoint.connected(.server)
        _ = try server.receive(Wire.headers(1, Self.get([("content-length", "5")])))
        server.chunk = chunk
        let events = try server.receive(frame)
        guard case .reset(_, code: .protocolError, by: .local(.contentLengthMismatch))? = events.first,
            events.count == 1
        else {
            Issue.record("\(events)")
            return
        }
        #expect(server.core.violatedInvariant() == nil)
        #expect(server.core.receiveWindow + server.core.pendingCredit == server.core.connectionTarget)
    }

    @Test(
        "RFC 9113 §6.1: padding as long as the payload ends the connection before its octets count",
        arguments: [Int.max, 1])
    func paddingBeyondContentLength(chunk: Int) throws {
        let client = try Endpoint.connected(.client)
        _ = try #require(client.request())
        _ = try client.receive(Wire.headers(1, [(":status", "200"), ("content-length", "1")]))
        client.chunk = chunk
        #expect(throws: HTTP2Error.invalidPadding) { try client.receive(Wire.hex("000002 00 08 00000001 68 69")) }
        #expect(client.core.violatedInvariant() == nil)
        #expect(client.frames().last == .goAway(0, .protocolError))
    }

    @Test("RFC 9113 §8.1.1: content-length of a request without content, and trailers before its end, are mismatches")
    func contentLengthWithoutData() throws {
        let server = try Endpoint.connected(.server)
        #expect(try server.receive(Wire.headers(1, Self.get([("content-length", "1")]), isEndStream: true)) == [])
        #expect(server.frames() == [.reset(1, .protocolError)])
        _ = try server.receive(Wire.headers(3, Self.get([("content-length", "1")])))
        let events = try server.receive(Wire.headers(3, [("a", "b")], isEndStream: true))
        guard case .reset(_, code: .protocolError, by: .local(.contentLengthMismatch))? = events.first else {
            Issue.record("\(events)")
            return
        }
    }

    @Test(
        "RFC 9110 §8.6: content-length says nothing about a response to HEAD, nor about 304",
        arguments: [
            ("HEAD", "200"), ("GET", "304"),
        ])
    func contentLengthWithoutContent(method: String, status: String) throws {
        let client = try Endpoint.connected(.client)
        let stream = try #require(client.request(method: method, isEndStream: true))
        let response = Wire.headers(1, [(":status", status), ("content-length", "100")], isEndStream: true)
        #expect(try client.receive(response) == [.headers(stream, kind: .response, isEndStream: true)])
    }

    @Test("RFC 9113 §8.5: a refused CONNECT is an ordinary response with content")
    func refusedConnect() throws {
        let client = try Endpoint.connected(.client)
        let stream = try #require(client.request(method: "CONNECT"))
        let events = try client.receive(
            Wire.headers(1, [(":status", "403"), ("content-length", "2")]) + Wire.data(1, [1, 2])
                + Wire.headers(1, [("a", "b")], isEndStream: true))
        #expect(events.count == 3 && events.last == .headers(stream, kind: .trailers, isEndStream: true))
    }

    @Test(
        "RFC 9113 §10.5.1: too large a field section is answered 431, and the decoder goes on",
        arguments: [true, false])
    func tooLarge(isEndStream: Bool) throws {
        var configuration = HTTP2Configuration()
        configuration.maxHeaderListSize = 1_000
        let server = try Endpoint.connected(.server, configuration)
        let entry: [UInt8] = [0x40, 1, 0x78, 100] + [UInt8](repeating: 0x79, count: 100)
        let references = [UInt8](repeating: 0xBE, count: 20)
        let flags: UInt8 = isEndStream ? 5 : 4
        let block = Wire.block(Wire.get) + entry + references
        #expect(try server.receive(Wire.frame(.headers, flags: flags, id: 1, payload: block)) == [])
        let frames = server.frames()
        #expect(frames[0].type == 1 && frames[0].flags == 5)
        #expect(try DecoderBox().decode(frames[0].payload) == [":status: 431"])
        #expect(Array(frames.dropFirst()) == (isEndStream ? [] : [.reset(1, .noError)]))
        _ = try server.receive(Wire.frame(.headers, flags: 5, id: 3, payload: Wire.block(Wire.get) + [0xBE]))
        #expect(server.lastFields.last?.hasPrefix("x: yyyy") == true)
    }
}
