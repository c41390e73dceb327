// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// How the end of a received message's content is found (RFC 9112 §6.3).
package enum HTTP1Framing: Equatable, Sendable {
    /// There is no content.
    case none
    /// Exactly this many octets.
    case length(Int)
    /// The chunked transfer coding (RFC 9112 §7.1).
    case chunked
    /// Everything until the peer closes; responses only.
    case untilClose
}

/// What the sender knows about the content of a message it starts; the writer picks the framing from it.
package enum HTTP1ContentLength: Equatable, Sendable {
    /// No content.
    case none
    /// Exactly this many octets: `content-length`.
    case exactly(Int)
    /// Not known in advance: chunked, or until close towards an HTTP/1.0 client.
    case unknown
}
