// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// Control frames on their way out: appended at the end, drained from the front, held in one array.
package struct OutputBuffer: ~Copyable {
    private(set) var bytes = UniqueArray<UInt8>()
    private var head = 0

    /// Capacity that an emptied buffer keeps until the connection is idle: HEADERS of some fifty streams.
    private static var busyCapacity: Int { 16_384 }

    /// An empty buffer without memory.
    package init() {}

    var count: Int { bytes.count - head }
    var isEmpty: Bool { bytes.count == head }
    /// Position behind the last byte, for `patch` and `insert`; valid until the next drain.
    var end: Int { bytes.count }

    mutating func append(_ byte: UInt8) { bytes.append(byte) }
    mutating func append(copying span: Span<UInt8>) { bytes.append(copying: span) }

    mutating func append(_ value: UInt32) {
        bytes.appendUninitialized(4)
        var span = bytes.mutableSpan
        span.writeUInt32BigEndian(value, at: span.count - 4)
    }

    mutating func append(_ value: UInt16) {
        bytes.append(UInt8(truncatingIfNeeded: value >> 8))
        bytes.append(UInt8(truncatingIfNeeded: value))
    }

    mutating func append(_ header: FrameHeader) {
        bytes.appendUninitialized(FrameHeader.size)
        patch(header, at: bytes.count - FrameHeader.size)
    }

    /// Appends the Huffman encoding of `text`, which is `length` octets long.
    mutating func appendHuffman(_ text: Span<UInt8>, length: Int) {
        let start = bytes.count
        bytes.appendUninitialized(length + Huffman.encodingSlack)
        var span = bytes.mutableSpan
        Huffman.encode(text, into: &span, at: start)
        bytes.removeLast(Huffman.encodingSlack)
    }

    /// Overwrites the frame header at `position`.
    mutating func patch(_ header: FrameHeader, at position: Int) {
        var span = bytes.mutableSpan
        header.write(into: &span, at: position)
    }

    /// Overwrites one byte.
    mutating func patch(_ byte: UInt8, at position: Int) { bytes[position] = byte }

    /// Makes room for a frame header at `position`, for CONTINUATION; moves what is behind it.
    mutating func insert(_ header: FrameHeader, at position: Int) {
        bytes.appendUninitialized(FrameHeader.size)
        var index = bytes.count - 1
        while index >= position + FrameHeader.size {
            bytes[index] = bytes[index - FrameHeader.size]
            index -= 1
        }
        patch(header, at: position)
    }

    /// Drops everything from `position` on.
    mutating func truncate(to position: Int) {
        bytes.removeLast(bytes.count - position)
    }

    /// Moves as much as fits into `buffer`.
    ///
    /// - Returns: the number of bytes moved.
    package mutating func drain(into buffer: inout ByteBuffer) -> Int {
        let moved = buffer.appendPrefix(copying: bytes.slice(head, bytes.count - head))
        head += moved
        if head == bytes.count {
            if bytes.capacity <= Self.busyCapacity { bytes.removeAll() } else { bytes.releaseMemory() }
            head = 0
        } else if head > Self.busyCapacity {
            bytes.removeFirst(head)
            head = 0
        }
        return moved
    }

    /// Gives memory back; for connections that are idle.
    mutating func releaseMemory() {
        if isEmpty {
            bytes.releaseMemory()
            head = 0
        }
    }
}
