// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTP2

/// Where a field's name and value are in an array of octets.
struct FieldRange {
    let name: Range<Int>
    let value: Range<Int>
}

/// A client and a server of ours, joined by a buffer: what `bench_pair` is to libnghttp2.
struct ConnectionPair: ~Copyable {
    private var client: HTTP2Connection
    private var server: HTTP2Connection
    private var wire = ByteBuffer(capacity: 1 << 15)
    private var back = ByteBuffer(capacity: 1 << 15)
    /// Payload that lies where it was read, behind nine free octets.
    private var frame = ByteBuffer(capacity: 1 << 15)
    private var now = MonotonicTime(nanoseconds: 1_000_000_000)
    private(set) var received = 0
    private(set) var answers = 0

    init() {
        var configuration = HTTP2Configuration()
        configuration.growsWindows = false
        client = HTTP2Connection(role: .client, configuration: configuration, now: now)
        server = HTTP2Connection(role: .server, configuration: configuration, now: now)
        exchange()
        exchange()
    }

    /// Sends `count` octets on one stream in frames of `frameSize`.
    ///
    /// The payload is where the frame goes out from, as in the tunnel, which reads it there: nothing is copied.
    mutating func sendData(_ count: Int, frameSize: Int) {
        guard let stream = client.openStream(context: 0) else { return }
        client.beginHeaders(stream)
        client.addField(name: ":method", value: "POST")
        client.addField(name: ":scheme", value: "http")
        client.addField(name: ":path", value: "/")
        client.addField(name: ":authority", value: "localhost")
        client.endHeaders(isEndStream: false)
        exchange()
        received = 0
        var remaining = count
        while remaining > 0 {
            let length = min(client.sendableBytes(stream), frameSize, remaining)
            guard length > 0 else {
                exchange()
                continue
            }
            remaining -= length
            Self.commit(stream, length, isEndStream: remaining == 0, from: &client, &frame)
            Self.deliver(&frame, to: &server, now, &received, &answers)
        }
        exchange()
    }

    private static func commit(
        _ stream: StreamHandle, _ length: Int, isEndStream: Bool, from client: inout HTTP2Connection,
        _ frame: inout ByteBuffer
    ) {
        guard frame.appendUninitialized(9 + length) else { return }
        var span = frame.mutableReadable
        client.commitData(stream, count: length, isEndStream: isEndStream, header: &span)
    }

    /// Exchanges `count` requests and responses without content, `width` at a time.
    mutating func exchangeRequests(_ count: Int, width: Int, _ octets: Span<UInt8>, _ fields: Span<FieldRange>) {
        answers = 0
        for _ in 0..<(count / width) {
            for _ in 0..<width {
                guard let stream = client.openStream(context: 0) else { return }
                client.beginHeaders(stream)
                for index in fields.indices {
                    client.addField(
                        name: octets.extracting(fields[index].name), value: octets.extracting(fields[index].value))
                }
                client.endHeaders(isEndStream: true)
            }
            exchange()
        }
    }

    /// Moves output of each side to the other until both are quiet.
    private mutating func exchange() {
        repeat {
            now = now + .microseconds(10)
            _ = client.drainPending(into: &wire)
            Self.deliver(&wire, to: &server, now, &received, &answers)
            _ = server.drainPending(into: &back)
            Self.deliver(&back, to: &client, now, &received, &answers)
        } while client.hasPendingOutput || server.hasPendingOutput
    }

    private static func deliver(
        _ wire: inout ByteBuffer, to side: inout HTTP2Connection, _ now: MonotonicTime, _ received: inout Int,
        _ answers: inout Int
    ) {
        var offset = 0
        do throws(HTTP2Error) {
            while let event = try side.receive(wire.readable, offset: &offset, now: now) {
                switch event {
                case .data(let stream, _, let count, let isEndStream):
                    received += count
                    side.consumed(stream, count: count)
                    if isEndStream { side.endStream(stream) }
                case .headers(let stream, kind: .request, isEndStream: true):
                    side.beginHeaders(stream)
                    side.addField(name: ":status", value: "200")
                    side.addField(name: "content-type", value: "application/grpc")
                    side.addField(name: "grpc-status", value: "0")
                    side.addField(name: "server", value: "bench")
                    side.endHeaders(isEndStream: true)
                case .headers(_, kind: .response, _): answers += 1
                default: break
                }
            }
        } catch {
            print("error: \(error)")
        }
        wire.clear()
    }
}
