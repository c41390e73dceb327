// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Where in the byte stream of the peer we are; holds an incomplete frame header and an incomplete control frame, nothing
/// else.
struct FrameParser: ~Copyable {
    enum Phase: UInt8 {
        /// The client's connection preface (RFC 9113 §3.4).
        case preface
        /// The nine octets of a frame header.
        case header
        /// The payload of a frame that is handled as a whole.
        case payload
        /// The pad length of a DATA frame.
        case padLength
        /// The data of a DATA frame.
        case data
        /// Octets of no interest: padding of DATA, frames of unknown type.
        case skip
    }

    /// RFC 9113 §3.4.
    static var preface: StaticString { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" }

    var phase = Phase.header
    /// Octets of the preface or of a frame header seen so far.
    var seen = 0
    var headerBytes = InlineArray<9, UInt8>(repeating: 0)
    var frame = FrameHeader(length: 0, type: .data, flags: 0, streamID: .connection)
    /// The beginning of a control frame that came in pieces; at most our SETTINGS_MAX_FRAME_SIZE.
    var partial = UniqueArray<UInt8>()
    /// Octets left in the phases data and skip.
    var remaining = 0
    /// Padding behind the data.
    var padding = 0
    /// The stream of the DATA frame; stale or nil when its octets go nowhere.
    var dataStream: StreamHandle?

    /// Gives memory back; for connections that are idle.
    mutating func releaseMemory() {
        if partial.isEmpty { partial.releaseMemory() }
    }
}

/// A header block that is spread over HEADERS and CONTINUATION (RFC 9113 §4.3).
struct HeaderBlockAssembly: ~Copyable {
    var bytes = UniqueArray<UInt8>()
    /// The stream, or 0 when no block is open.
    var streamID = StreamID.connection
    var isEndStream = false
    var continuations = 0
    /// The priority fields of HEADERS name the stream itself.
    var isSelfDependent = false

    mutating func close() {
        streamID = .connection
        continuations = 0
    }
}

/// A header block that the caller is writing.
struct HeadersInProgress {
    var stream: StreamHandle?
    /// Where its frame header is in the output.
    var position = 0
    var isFinal = true
}
