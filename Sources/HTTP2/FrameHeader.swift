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
        bytes.writeUInt32BigEndian(UInt32(truncatingIfNeeded: length) << 8 | UInt32(type.rawValue), at: offset)
        bytes[offset + 4] = flags
        bytes.writeUInt32BigEndian(streamID.rawValue, at: offset + 5)
    }
}
