// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// One received field line, as offsets into the bytes of its head (RFC 9112 §5).
package struct HTTP1Field: Equatable, Sendable {
    let nameStart: UInt32
    let nameCount: UInt32
    let valueStart: UInt32
    let valueCount: UInt32
    /// Which of the fields that this module acts upon it is.
    package let kind: HTTP1FieldKind
    /// Whether it means this connection only, so that a proxy must not forward it (RFC 9110 §7.6.1): the fields of
    /// `HTTP1FieldKind.isConnectionSpecific` and those that `Connection` names.
    package internal(set) var isConnectionSpecific: Bool

    var name: Range<Int> { Int(nameStart)..<(Int(nameStart) + Int(nameCount)) }
    var value: Range<Int> { Int(valueStart)..<(Int(valueStart) + Int(valueCount)) }
}

/// The fields whose meaning the framing of a message depends on.
package enum HTTP1FieldKind: UInt8, Sendable {
    /// Nothing to this module.
    case other
    /// Connection (RFC 9110 §7.6.1).
    case connection
    /// Content-Length (RFC 9110 §8.6).
    case contentLength
    /// Expect (RFC 9110 §10.1.1).
    case expect
    /// Host (RFC 9110 §7.2).
    case host
    /// HTTP2-Settings (RFC 7540 §3.2.1, obsolete).
    case http2Settings
    /// Keep-Alive (RFC 2068 §19.7.1.1).
    case keepAlive
    /// Proxy-Connection (RFC 9110 §7.6.1).
    case proxyConnection
    /// TE (RFC 9110 §10.1.4).
    case te
    /// Trailer (RFC 9110 §6.6.2).
    case trailer
    /// Transfer-Encoding (RFC 9112 §6.1).
    case transferEncoding
    /// Upgrade (RFC 9110 §7.8).
    case upgrade

    /// Reads a field name in lower case.
    package init(_ name: Span<UInt8>) {
        switch name.count {
        case 2: self = name.equals("te") ? .te : .other
        case 4: self = name.equals("host") ? .host : .other
        case 6: self = name.equals("expect") ? .expect : .other
        case 7: self = name.equals("upgrade") ? .upgrade : name.equals("trailer") ? .trailer : .other
        case 10: self = name.equals("connection") ? .connection : name.equals("keep-alive") ? .keepAlive : .other
        case 14:
            self =
                name.equals("content-length")
                ? .contentLength : name.equals("http2-settings") ? .http2Settings : .other
        case 16: self = name.equals("proxy-connection") ? .proxyConnection : .other
        case 17: self = name.equals("transfer-encoding") ? .transferEncoding : .other
        default: self = .other
        }
    }

    /// Whether the field never leaves the connection it was received on (RFC 9110 §7.6.1).
    package var isConnectionSpecific: Bool {
        switch self {
        case .connection, .http2Settings, .keepAlive, .proxyConnection, .te, .transferEncoding, .upgrade: true
        case .other, .contentLength, .expect, .host, .trailer: false
        }
    }

    /// Whether the field decides framing, routing or the connection, so that it may not be a trailer
    /// (RFC 9110 §6.5.1) nor be named by `Connection`.
    var isForbiddenInTrailers: Bool {
        switch self {
        case .other: false
        case .connection, .contentLength, .expect, .host, .http2Settings, .keepAlive, .proxyConnection, .te, .trailer,
            .transferEncoding, .upgrade:
            true
        }
    }
}
