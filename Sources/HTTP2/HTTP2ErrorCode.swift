// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// An error code of RST_STREAM and GOAWAY (RFC 9113 §7); unknown codes keep their value.
package struct HTTP2ErrorCode: Hashable, Sendable {
    /// The 32-bit value on the wire.
    package let rawValue: UInt32

    /// Wraps a value from the wire.
    package init(_ rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Not a failure: graceful end.
    package static var noError: HTTP2ErrorCode { HTTP2ErrorCode(0x0) }
    /// The peer broke the protocol.
    package static var protocolError: HTTP2ErrorCode { HTTP2ErrorCode(0x1) }
    /// A failure of our own.
    package static var internalError: HTTP2ErrorCode { HTTP2ErrorCode(0x2) }
    /// A flow-control window was overrun or overflowed.
    package static var flowControlError: HTTP2ErrorCode { HTTP2ErrorCode(0x3) }
    /// SETTINGS were not acknowledged in time.
    package static var settingsTimeout: HTTP2ErrorCode { HTTP2ErrorCode(0x4) }
    /// A frame for a stream that had been closed.
    package static var streamClosed: HTTP2ErrorCode { HTTP2ErrorCode(0x5) }
    /// A frame of a length that its type does not allow.
    package static var frameSizeError: HTTP2ErrorCode { HTTP2ErrorCode(0x6) }
    /// The stream was not processed at all; it can be tried again elsewhere.
    package static var refusedStream: HTTP2ErrorCode { HTTP2ErrorCode(0x7) }
    /// The stream is no longer needed.
    package static var cancel: HTTP2ErrorCode { HTTP2ErrorCode(0x8) }
    /// The state of header compression is lost.
    package static var compressionError: HTTP2ErrorCode { HTTP2ErrorCode(0x9) }
    /// The TCP connection behind CONNECT was reset or failed.
    package static var connectError: HTTP2ErrorCode { HTTP2ErrorCode(0xA) }
    /// The peer costs too much.
    package static var enhanceYourCalm: HTTP2ErrorCode { HTTP2ErrorCode(0xB) }
    /// The transport is not secure enough.
    package static var inadequateSecurity: HTTP2ErrorCode { HTTP2ErrorCode(0xC) }
    /// The resource needs HTTP/1.1.
    package static var http11Required: HTTP2ErrorCode { HTTP2ErrorCode(0xD) }
}

extension HTTP2ErrorCode: CustomStringConvertible {
    /// The RFC's name.
    package var description: String {
        switch rawValue {
        case 0x0: "NO_ERROR"
        case 0x1: "PROTOCOL_ERROR"
        case 0x2: "INTERNAL_ERROR"
        case 0x3: "FLOW_CONTROL_ERROR"
        case 0x4: "SETTINGS_TIMEOUT"
        case 0x5: "STREAM_CLOSED"
        case 0x6: "FRAME_SIZE_ERROR"
        case 0x7: "REFUSED_STREAM"
        case 0x8: "CANCEL"
        case 0x9: "COMPRESSION_ERROR"
        case 0xA: "CONNECT_ERROR"
        case 0xB: "ENHANCE_YOUR_CALM"
        case 0xC: "INADEQUATE_SECURITY"
        case 0xD: "HTTP_1_1_REQUIRED"
        default: "error code \(rawValue)"
        }
    }
}
