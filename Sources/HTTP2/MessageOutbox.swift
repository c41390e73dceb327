// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// Messages on their way out: DATA as the windows allow, then what ends the stream.
///
/// For calls whose messages are whole in memory: gRPC, and requests to the Kubernetes API.
package struct MessageOutbox: Sendable {
    /// What follows the message.
    package enum Ending: Sendable {
        /// END_STREAM on the last DATA frame: a client's request.
        case endOfStream
        /// Trailers: a gRPC server's response.
        case trailers([(name: String, value: [UInt8])])
    }

    private struct Item: Sendable {
        let stream: StreamHandle
        let bytes: [UInt8]
        var sent = 0
        let ending: Ending
    }

    private var items: [Item] = []

    /// Nothing waits.
    package init() {}

    /// Whether nothing waits.
    package var isEmpty: Bool { items.isEmpty }

    /// Queues a message, framed as its protocol wants it.
    package mutating func append(_ stream: StreamHandle, _ bytes: [UInt8], then ending: Ending) {
        items.append(Item(stream: stream, bytes: bytes, ending: ending))
    }

    /// Forgets a stream that is over.
    package mutating func remove(_ stream: StreamHandle) {
        items.removeAll { $0.stream == stream }
    }

    /// Writes frames until `record` is full or the windows are closed.
    ///
    /// - Returns: whether more can be written once there is room again.
    package mutating func write(_ http2: inout HTTP2Connection, into record: inout ByteBuffer) -> Bool {
        var index = 0
        while index < items.count {
            _ = http2.drainPending(into: &record)
            // DATA must not overtake HEADERS, so the frames that wait go first.
            if http2.hasPendingOutput { return true }
            guard http2.isLive(items[index].stream) else {
                items.remove(at: index)
                continue
            }
            let window = http2.sendableBytes(items[index].stream)
            guard window > 0 else {
                index += 1
                continue
            }
            let room = record.freeCount - Self.frameHeaderLength
            guard room > 0 else { return true }
            let count = min(window, room, items[index].bytes.count - items[index].sent)
            write(&http2, index, count, into: &record)
            if items[index].sent == items[index].bytes.count {
                finish(&http2, items.remove(at: index))
            }
        }
        _ = http2.drainPending(into: &record)
        return http2.hasPendingOutput
    }

    private static let frameHeaderLength = 9  // RFC 9113 §4.1

    private mutating func write(
        _ http2: inout HTTP2Connection, _ index: Int, _ count: Int, into record: inout ByteBuffer
    ) {
        let start = record.count
        guard record.appendUninitialized(Self.frameHeaderLength) else { return }
        let item = items[index]
        let isLast: Bool
        if case .endOfStream = item.ending { isLast = item.sent + count == item.bytes.count } else { isLast = false }
        var frame = record.mutableReadable
        var header = frame._mutatingExtracting(start..<(start + Self.frameHeaderLength))
        http2.commitData(item.stream, count: count, isEndStream: isLast, header: &header)
        record.append(copying: item.bytes.span.extracting(item.sent..<(item.sent + count)))
        items[index].sent += count
    }

    private func finish(_ http2: inout HTTP2Connection, _ item: Item) {
        guard case .trailers(let fields) = item.ending, http2.beginHeaders(item.stream) else { return }
        for field in fields {
            http2.addField(name: Array(field.name.utf8).span, value: field.value.span)
        }
        http2.endHeaders(isEndStream: true)
    }
}
