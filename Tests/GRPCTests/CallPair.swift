// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTP2

@testable import GRPC

/// A client and a server joined without a network, so that a test moves every octet.
struct CallPair: ~Copyable {
    var client: GRPCClient
    var server: GRPCServer
    var clientConnection: HTTP2Connection
    var serverConnection: HTTP2Connection
    var now = MonotonicTime(nanoseconds: 1_000_000_000)
    /// Requests that the server has received and not answered.
    var requests: [GRPCRequest] = []
    /// Responses that the client has got.
    var responses: [GRPCResponse] = []

    init(client: GRPCConfiguration = GRPCConfiguration(), server: GRPCConfiguration = GRPCConfiguration()) {
        self.client = GRPCClient(client, authority: "ca.example:15012")
        self.server = GRPCServer(server)
        clientConnection = HTTP2Connection(role: .client, configuration: client.http2, now: now)
        serverConnection = HTTP2Connection(role: .server, configuration: server.http2, now: now)
    }

    /// Moves octets until nothing more happens.
    mutating func run() throws {
        var moved = true
        while moved {
            moved = false
            var record = ByteBuffer(capacity: 16_384)
            _ = client.write(&clientConnection, into: &record)
            if !record.isEmpty {
                moved = true
                var offset = 0
                while let event = try serverConnection.receive(record.readable, offset: &offset, now: now) {
                    if let request = server.receive(event, record.readable, &serverConnection, now: now) {
                        requests.append(request)
                    }
                }
            }
            var answer = ByteBuffer(capacity: 16_384)
            _ = server.write(&serverConnection, into: &answer)
            if !answer.isEmpty {
                moved = true
                var offset = 0
                while let event = try clientConnection.receive(answer.readable, offset: &offset, now: now) {
                    if let response = client.receive(event, answer.readable, &clientConnection, now: now) {
                        responses.append(response)
                    }
                }
            }
        }
    }

    mutating func start(_ message: [UInt8], context: UInt64 = 1, seconds: Int64 = 10) -> Bool {
        let request = GRPCClient.Request(
            path: "/test.Service/Method", metadata: [("authorization", "Bearer abc")], message: message,
            timeout: .seconds(seconds))
        return client.start(request, context: context, &clientConnection, now: now)
    }

    /// Starts a call by hand, with these header fields behind the usual ones and this payload.
    mutating func startRaw(
        method: String = "POST", contentType: String = "application/grpc", _ fields: [(String, String)] = [],
        payload: [UInt8]
    ) -> StreamHandle? {
        guard let stream = clientConnection.openStream(context: 9) else { return nil }
        clientConnection.beginHeaders(stream)
        for (name, value) in [
            (":method", method), (":scheme", "https"), (":path", "/test.Service/Method"), (":authority", "ca"),
            ("content-type", contentType),
        ] + fields {
            clientConnection.addField(name: Array(name.utf8).span, value: Array(value.utf8).span)
        }
        clientConnection.endHeaders(isEndStream: false)
        var record = ByteBuffer(capacity: 1 << 17)
        _ = clientConnection.drainPending(into: &record)
        let start = record.count
        _ = record.appendUninitialized(9)
        var frame = record.mutableReadable
        var header = frame._mutatingExtracting(start..<(start + 9))
        clientConnection.commitData(stream, count: payload.count, isEndStream: true, header: &header)
        record.append(copying: payload.span)
        var offset = 0
        do {
            while let event = try serverConnection.receive(record.readable, offset: &offset, now: now) {
                if let request = server.receive(event, record.readable, &serverConnection, now: now) {
                    requests.append(request)
                }
            }
        } catch {
            return nil
        }
        return stream
    }

    /// What the server answers to a call started by hand: HTTP status, grpc-status, grpc-message.
    mutating func rawAnswer() throws -> (http: Int, code: String, message: String)? {
        var answer = ByteBuffer(capacity: 16_384)
        _ = server.write(&serverConnection, into: &answer)
        var offset = 0
        var result: (http: Int, code: String, message: String)?
        while let event = try clientConnection.receive(answer.readable, offset: &offset, now: now) {
            guard case .headers = event else { continue }
            let fields = clientConnection.fields.status
            result = (fields, field("grpc-status"), field("grpc-message"))
        }
        return result
    }

    private func field(_ name: StaticString) -> String {
        guard let index = clientConnection.fields.firstIndex(of: name) else { return "" }
        return String(decoding: clientConnection.fields.value(index))
    }
}
