// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The request methods of RFC 9110 §9.3 and RFC 5789; all others are `other` and keep their octets in the request line.
package enum HTTP1Method: UInt8, Sendable {
    /// GET.
    case get
    /// HEAD: its response has no content (RFC 9112 §6.3).
    case head
    /// POST.
    case post
    /// PUT.
    case put
    /// DELETE.
    case delete
    /// CONNECT: a 2xx response turns the connection into a tunnel.
    case connect
    /// OPTIONS.
    case options
    /// TRACE.
    case trace
    /// PATCH.
    case patch
    /// Any other token.
    case other

    /// Reads a method, which is case-sensitive (RFC 9110 §9.1).
    package init(_ bytes: Span<UInt8>) {
        switch bytes.count {
        case 3: self = bytes.equals("GET") ? .get : bytes.equals("PUT") ? .put : .other
        case 4: self = bytes.equals("POST") ? .post : bytes.equals("HEAD") ? .head : .other
        case 5: self = bytes.equals("PATCH") ? .patch : bytes.equals("TRACE") ? .trace : .other
        case 6: self = bytes.equals("DELETE") ? .delete : .other
        case 7: self = bytes.equals("OPTIONS") ? .options : bytes.equals("CONNECT") ? .connect : .other
        default: self = .other
        }
    }

    /// Whether a request of this method without content still says `content-length: 0` (RFC 9110 §8.6).
    var anticipatesContent: Bool {
        switch self {
        case .post, .put, .patch: true
        case .get, .head, .delete, .connect, .options, .trace, .other: false
        }
    }
}
