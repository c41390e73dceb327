// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The nine octets in front of every frame (RFC 9113 §4.1).
struct FrameHeader: Equatable {
    /// Octets of the payload.
    var length: Int
    var type: FrameType
    var flags: UInt8
    var streamID: StreamID

    /// Octets of a frame header.
    static var size: Int { 9 }

    init(length: Int, type: FrameType, flags: UInt8, streamID: StreamID) {
        self.length = length
        self.type = type
        self.flags = flags
        self.streamID = streamID
    }

    /// Decodes the nine octets at `offset`; the caller has checked that they are there.
    init(_ bytes: Span<UInt8>, at offset: Int) {
        let first = bytes.readUInt32BigEndian(at: offset)
        length = Int(first >> 8)
        type = FrameType(rawValue: UInt8(truncatingIfNeeded: first))
        flags = bytes[offset + 4]
        streamID = StreamID(bytes.readUInt32BigEndian(at: offset + 5))
    }

    /// Writes the nine octets at `offset`.
    @_lifetime(bytes: copy bytes)
    func write(into bytes: inout MutableSpan<UInt8>, at offset: Int) {
        bytes[offset] = UInt8(truncatingIfNeeded: length >> 16)
        bytes[offset + 1] = UInt8(truncatingIfNeeded: length >> 8)
        bytes[offset + 2] = UInt8(truncatingIfNeeded: length)
        bytes[offset + 3] = type.rawValue
        bytes[offset + 4] = flags
        let id = streamID.rawValue
        bytes[offset + 5] = UInt8(truncatingIfNeeded: id >> 24)
        bytes[offset + 6] = UInt8(truncatingIfNeeded: id >> 16)
        bytes[offset + 7] = UInt8(truncatingIfNeeded: id >> 8)
        bytes[offset + 8] = UInt8(truncatingIfNeeded: id)
    }
}
