// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import AllocationCounter
import Bytes
import Testing

@testable import HTTP2

/// A client and a server joined in memory, with buffers made once, so that what is counted is the cores' own.
struct Pair: ~Copyable {
    var client: HTTP2Connection
    var server: HTTP2Connection
    var upstream = ByteBuffer(capacity: 65_536)
    var downstream = ByteBuffer(capacity: 65_536)
    let now = MonotonicTime(nanoseconds: 1_000_000_000)
    /// The stream of the server's last `.headers` event.
    var accepted: StreamHandle?

    init(_ configuration: HTTP2Configuration = HTTP2Configuration()) {
        client = HTTP2Connection(role: .client, configuration: configuration, now: now)
        server = HTTP2Connection(role: .server, configuration: configuration, now: now)
        exchange()
        exchange()
    }

    /// Carries what is pending from one side to the other.
    mutating func exchange() {
        _ = client.drainPending(into: &upstream)
        deliverUpstream()
        _ = server.drainPending(into: &downstream)
        deliverDownstream()
    }

    mutating func deliverUpstream() {
        if let stream = Self.deliver(&upstream, to: &server, now) { accepted = stream }
    }

    mutating func deliverDownstream() {
        _ = Self.deliver(&downstream, to: &client, now)
    }

    /// - Returns: the stream of a `.headers` event.
    private static func deliver(
        _ buffer: inout ByteBuffer, to core: inout HTTP2Connection, _ now: MonotonicTime
    ) -> StreamHandle? {
        var offset = 0
        var result: StreamHandle?
        do throws(HTTP2Error) {
            while let event = try core.receive(buffer.readable, offset: &offset, now: now) {
                if case .headers(let stream, _, _) = event { result = stream }
                if case .data(let stream, _, let count, _) = event { core.consumed(stream, count: count) }
            }
        } catch {
            Issue.record("\(error)")
        }
        buffer.clear()
        return result
    }

    /// CONNECT as HBONE sends it.
    mutating func open(_ round: Int) -> StreamHandle? {
        guard let stream = client.openStream(context: UInt64(round)) else { return nil }
        let trace: InlineArray<4, UInt8> = [
            UInt8(48 + round % 10), UInt8(48 + round / 10 % 10), UInt8(48 + round / 100 % 10), 48,
        ]
        client.beginHeaders(stream)
        client.addField(name: ":method", value: "CONNECT")
        client.addField(name: ":authority", value: "10.244.1.17:8080")
        client.addField(name: "baggage", value: "k8s.cluster.name=Kubernetes,k8s.namespace.name=default,k8s.pod.name=a")
        client.addField(name: "forwarded", value: "for=10.244.0.9")
        client.addField(name: "traceparent", value: trace.span)
        client.endHeaders(isEndStream: false)
        return stream
    }

    /// Opens a tunnel, carries `frames` frames of `size` octets, and ends it.
    mutating func tunnel(_ round: Int, frames: Int, size: Int) {
        guard let stream = open(round) else {
            Issue.record("no stream")
            return
        }
        exchange()
        guard let remote = accepted else {
            Issue.record("not accepted")
            return
        }
        server.sendResponse(remote, status: 200, isEndStream: false)
        exchange()
        for _ in 0..<frames { data(stream, size) }
        client.endStream(stream)
        server.endStream(remote)
        exchange()
    }

    mutating func data(_ stream: StreamHandle, _ size: Int) {
        guard Self.send(stream, size, from: &client, into: &upstream) else {
            Issue.record("blocked")
            return
        }
        deliverUpstream()
        _ = server.drainPending(into: &downstream)
        deliverDownstream()
    }

    private static func send(
        _ stream: StreamHandle, _ size: Int, from core: inout HTTP2Connection, into buffer: inout ByteBuffer
    ) -> Bool {
        guard core.sendableBytes(stream) >= size, buffer.appendUninitialized(9 + size) else { return false }
        var span = buffer.mutableReadable
        core.commitData(stream, count: size, isEndStream: false, header: &span)
        return true
    }
}

@Suite("Cost")
struct CostTests {
    @Test("After warm-up neither frames nor whole tunnels allocate memory")
    func noAllocation() {
        guard allocation_counting_works() != 0 else { return }
        var pair = Pair()
        for round in 0..<200 { pair.tunnel(round, frames: 4, size: 1_000) }
        let before = allocation_count()
        for round in 0..<1_000 { pair.tunnel(round, frames: 4, size: 1_000) }
        #expect(allocation_count() - before == 0, "1 000 tunnels of 4 frames")
        guard let stream = pair.open(0) else { return }
        pair.exchange()
        pair.data(stream, 16_384)
        let start = allocation_count()
        for _ in 0..<10_000 { pair.data(stream, 16_384) }
        #expect(allocation_count() - start == 0, "10 000 frames of 16 KiB")
    }

    @Test("A stream is under 300 bytes, and a connection under 1 KiB before its first stream")
    func sizes() {
        #expect(MemoryLayout<HTTP2Stream>.stride <= 96)
        #expect(MemoryLayout<HTTP2Stream>.stride + 4 * MemoryLayout<UInt64>.stride < 300, "with its part of the table")
        #expect(MemoryLayout<HTTP2Connection>.size < 2_048)
        #expect(MemoryLayout<HTTP2Event>.size <= 40)
    }

    @Test("An idle stream costs less than 300 bytes, with its share of every table of the connection")
    func idleStreams() {
        var configuration = HTTP2Configuration()
        configuration.maxLocalStreams = 1_000
        configuration.maxConcurrentStreams = 1_000
        var pair = Pair(configuration)
        // The first one brings what the connection keeps anyway: HPACK tables and buffers.
        var opened = 0
        for round in 0..<8 {
            if pair.open(round) != nil { opened += 1 }
            pair.exchange()
        }
        let (client, server) = (pair.client.memoryBytes, pair.server.memoryBytes)
        for round in 8..<1_000 {
            if pair.open(round) != nil { opened += 1 }
            pair.exchange()
        }
        #expect(opened == 1_000)
        let perStream = (pair.client.memoryBytes - client) / 992
        let perStreamOfServer = (pair.server.memoryBytes - server) / 992
        #expect(perStream < 300 && perStreamOfServer < 300, "\(perStream), \(perStreamOfServer)")
    }

    @Test("An idle connection whose peer has filled the HPACK table keeps the entries and nothing beside")
    func idleWithFullTable() throws {
        let server = try Endpoint.connected(.server)
        let encoder = Endpoint(.client)
        _ = encoder.drain()
        _ = try encoder.receive(Wire.frame(.settings) + Wire.settingsAck)
        _ = encoder.drain()
        for round in 0..<100 {
            let value = "k8s.cluster.name=Kubernetes,k8s.namespace.name=default,k8s.pod.name=pod-\(round)"
            let stream = try #require(encoder.request(method: "CONNECT", fields: [("baggage", value)]))
            let events = try server.receive(encoder.drain())
            server.core.reset(try #require(events.first?.stream), .cancel)
            encoder.core.reset(stream, .cancel)
            _ = try server.receive(encoder.drain())
            _ = server.drain()
        }
        #expect(server.tableSize > 3_900)
        _ = try server.tick(after: 11)
        let memory = server.core.memoryBytes
        #expect(memory < 6_144, "\(memory)")
        let stream = try #require(encoder.request(method: "CONNECT", fields: [("baggage", "after")]))
        _ = try server.receive(encoder.drain())
        #expect(server.lastFields == [":method: CONNECT", ":authority: a.example", "baggage: after"])
        encoder.core.reset(stream, .cancel)
    }

    @Test("An idle connection that has carried many streams is under 4 KiB")
    func idleMemory() throws {
        var pair = Pair()
        var streams: [StreamHandle] = []
        for round in 0..<100 {
            if let stream = pair.open(round) { streams.append(stream) }
            pair.exchange()
        }
        #expect(streams.count == 100)
        for stream in streams { pair.client.reset(stream, .cancel) }
        pair.exchange()
        let later = pair.now + .seconds(11)
        _ = try pair.client.tick(now: later)
        _ = try pair.server.tick(now: later)
        pair.exchange()
        let client = pair.client.memoryBytes
        let server = pair.server.memoryBytes
        #expect(client < 4_096, "client: \(client)")
        #expect(server < 4_096, "server: \(server)")
    }
}
