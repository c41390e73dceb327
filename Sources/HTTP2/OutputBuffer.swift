// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Control frames on their way out: appended at the end, drained from the front, held in one array.
struct OutputBuffer: ~Copyable {
    private(set) var bytes: [UInt8] = []
    private var head = 0

    /// Capacity that an emptied buffer keeps until the connection is idle: HEADERS of some fifty streams.
    private static var busyCapacity: Int { 16_384 }

    var count: Int { bytes.count - head }
    var isEmpty: Bool { bytes.count == head }
    /// Position behind the last byte, for `patch` and `insert`; valid until the next drain.
    var end: Int { bytes.count }

    mutating func append(_ byte: UInt8) { bytes.append(byte) }
    mutating func append(copying span: Span<UInt8>) { bytes.append(copying: span) }

    mutating func append(_ value: UInt32) {
        bytes.append(addingCapacity: 4) { span in
            span.append(UInt8(truncatingIfNeeded: value >> 24))
            span.append(UInt8(truncatingIfNeeded: value >> 16))
            span.append(UInt8(truncatingIfNeeded: value >> 8))
            span.append(UInt8(truncatingIfNeeded: value))
        }
    }

    mutating func append(_ value: UInt16) {
        bytes.append(UInt8(truncatingIfNeeded: value >> 8))
        bytes.append(UInt8(truncatingIfNeeded: value))
    }

    mutating func append(_ header: FrameHeader) {
        var octets = InlineArray<9, UInt8>(repeating: 0)
        var span = octets.mutableSpan
        header.write(into: &span, at: 0)
        bytes.append(copying: octets.span)
    }

    /// Appends the Huffman encoding of `text`, which is `length` octets long.
    mutating func appendHuffman(_ text: Span<UInt8>, length: Int) {
        bytes.append(addingCapacity: length) { span in
            Huffman.encode(text, into: &span)
        }
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
        bytes.insert(contentsOf: repeatElement(0, count: FrameHeader.size), at: position)
        patch(header, at: position)
    }

    /// Drops everything from `position` on.
    mutating func truncate(to position: Int) {
        bytes.removeSubrange(position...)
    }

    /// Moves as much as fits into `buffer`.
    ///
    /// - Returns: the number of bytes moved.
    mutating func drain(into buffer: inout ByteBuffer) -> Int {
        let moved = buffer.appendPrefix(copying: bytes.span.extracting(head..<bytes.count))
        head += moved
        if head == bytes.count {
            bytes.removeAll(keepingCapacity: bytes.capacity <= Self.busyCapacity)
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
            bytes = []
            head = 0
        }
    }
}
