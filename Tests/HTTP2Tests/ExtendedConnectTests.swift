// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import HTTP2

@Suite("Extended CONNECT")
struct ExtendedConnectTests {
    static let websocket = [
        (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/chat"),
        (":authority", "a.example"), ("sec-websocket-version", "13"),
    ]

    /// A client and a server of ours that have exchanged SETTINGS.
    static func pair(offered: Bool) throws -> (client: Endpoint, server: Endpoint) {
        var configuration = HTTP2Configuration()
        configuration.enablesConnectProtocol = offered
        let client = Endpoint(.client)
        let server = Endpoint(.server, configuration)
        #expect(!client.acceptsExtendedConnect, "RFC 8441 §3: not before the server's SETTINGS")
        _ = try server.receive(client.drain())
        _ = try client.receive(server.drain())
        _ = try server.receive(client.drain())
        return (client, server)
    }

    @Test("RFC 8441 §4, §5: both roles open a stream with :protocol, carry bytes both ways and end it")
    func bothRoles() throws {
        let (client, server) = try Self.pair(offered: true)
        #expect(client.acceptsExtendedConnect && !server.acceptsExtendedConnect)
        let stream = try #require(client.open())
        client.send(stream, Self.websocket, isEndStream: false)
        let opened = try server.receive(client.drain())
        let remote = try #require(opened.first?.stream)
        #expect(opened == [.headers(remote, kind: .request, isEndStream: false)])
        #expect(server.lastFields.contains(":protocol: websocket"))
        let isWebSocket = server.core.fields.protocol.equals("websocket")
        #expect(isWebSocket)
        server.core.sendResponse(remote, status: 200, isEndStream: false)
        #expect(try client.receive(server.drain()) == [.headers(stream, kind: .response, isEndStream: false)])
        _ = try server.receive(client.data(stream, [1, 2, 3]))
        #expect(server.received == [1, 2, 3])
        _ = try client.receive(server.data(remote, [4, 5], isEndStream: true))
        #expect(client.received == [4, 5])
        client.core.endStream(stream)
        _ = try server.receive(client.drain())
        #expect(client.activeStreams == 0 && server.activeStreams == 0)
    }

    @Test("RFC 8441 §3: a server that does not offer it resets the stream with PROTOCOL_ERROR")
    func notOffered() throws {
        let (client, server) = try Self.pair(offered: false)
        #expect(!client.acceptsExtendedConnect)
        let stream = try #require(client.open())
        client.send(stream, Self.websocket, isEndStream: false)
        #expect(try server.receive(client.drain()) == [])
        #expect(try client.receive(server.drain()) == [.reset(stream, code: .protocolError, by: .peer)])
    }

    @Test(
        "RFC 8441 §4: extended CONNECT needs :scheme and :path, and only CONNECT may have :protocol",
        arguments: [":scheme", ":path", ":method"])
    func malformed(missing: String) throws {
        let (client, server) = try Self.pair(offered: true)
        let stream = try #require(client.open())
        var fields = Self.websocket.filter { $0.0 != missing }
        if missing == ":method" { fields.insert((":method", "GET"), at: 0) }
        client.send(stream, fields, isEndStream: false)
        #expect(try server.receive(client.drain()) == [])
        #expect(try client.receive(server.drain()) == [.reset(stream, code: .protocolError, by: .peer)])
    }
}
