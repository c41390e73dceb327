// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import AllocationCounter
import Bytes
import Testing

@testable import HTTP1

@Suite("HTTP/1 cost")
struct CostTests {
    @Test("A thousand exchanges after the first, written, read and answered in chunks, allocate nothing")
    func exchangesDoNotAllocate() throws {
        var client = HTTP1ClientConnection()
        var server = HTTP1ServerConnection()
        var wire = ByteBuffer(capacity: 4096)
        for _ in 0..<3 { try exchange(&client, &server, &wire) }
        let before = allocation_count()
        for _ in 0..<1000 { try exchange(&client, &server, &wire) }
        #if DEBUG
            // Unoptimised code takes one box for a request head; `swift test -c release` counts none.
            #expect(allocation_count() - before <= 1000)
        #else
            #expect(allocation_count() - before == 0)
        #endif
        #expect(client.disposition == .keepAlive)
    }

    private func exchange(
        _ client: inout HTTP1ClientConnection, _ server: inout HTTP1ServerConnection, _ wire: inout ByteBuffer
    ) throws(HTTP1Error) {
        try client.startRequest(
            method: "POST".utf8.span, target: "/path?query".utf8.span, length: .unknown, into: &wire)
        try client.appendField(name: "host".utf8.span, value: "reviews.default:9080".utf8.span, into: &wire)
        try client.appendField(name: "user-agent".utf8.span, value: "a test of some length".utf8.span, into: &wire)
        try client.finishHead(into: &wire)
        _ = try client.appendContent("some content".utf8.span, into: &wire)
        try client.appendTrailer(name: "x-sum".utf8.span, value: "1".utf8.span, into: &wire)
        try client.finish(into: &wire)
        var offset = 0
        while try server.receive(wire.readable, at: &offset) != nil {}
        wire.clear()
        try server.startResponse(status: 200, length: .exactly(5), into: &wire)
        try server.appendField(name: "server".utf8.span, value: "test".utf8.span, into: &wire)
        try server.finishHead(into: &wire)
        _ = try server.appendContent("hello".utf8.span, into: &wire)
        _ = try server.finish(into: &wire)
        offset = 0
        while try client.receive(wire.readable, at: &offset) != nil {}
        wire.clear()
    }
}
