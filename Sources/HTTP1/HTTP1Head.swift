// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The form of a request target (RFC 9112 §3.2).
package enum HTTP1TargetForm: UInt8, Sendable {
    /// `/path?query`.
    case origin
    /// `http://authority/path?query`.
    case absolute
    /// `host:port`, CONNECT only.
    case authority
    /// `*`, OPTIONS only.
    case asterisk
}

/// What a request line and the fields around it say; ranges are read with `bytes(_:)` of the connection.
package struct HTTP1RequestHead: Equatable, Sendable {
    /// The method; its octets are `methodName`.
    package internal(set) var method = HTTP1Method.other
    /// The octets of the method.
    package internal(set) var methodName = 0..<0
    /// The target as received.
    package internal(set) var target = 0..<0
    /// The form of the target.
    package internal(set) var targetForm = HTTP1TargetForm.origin
    /// Path and query of the target; empty for authority form, and for an absolute form that has none (means "/").
    package internal(set) var path = 0..<0
    /// Scheme of an absolute form (`http` or `https` in any case), else empty.
    package internal(set) var scheme = 0..<0
    /// Host and port the request is for: from the target if it has them, else from Host (RFC 9112 §3.3).
    ///
    /// Empty when there is neither (HTTP/1.0) or Host is empty.
    package internal(set) var authority = 0..<0
    /// The version of the sender.
    package internal(set) var version = HTTP1Version.http11
    /// How the content ends; never `untilClose`.
    package internal(set) var framing = HTTP1Framing.none
    /// Whether the sender leaves the connection open for more (RFC 9112 §9.3).
    package internal(set) var isPersistent = true
    /// Whether the sender waits for 100 Continue before it sends content (RFC 9110 §10.1.1).
    package internal(set) var expectsContinue = false
    /// Whether the sender offers to switch protocols: Upgrade, and `Connection: upgrade` (RFC 9110 §7.8).
    package internal(set) var offersUpgrade = false
}

/// What a status line and the fields around it say; ranges are read with `bytes(_:)` of the connection.
package struct HTTP1ResponseHead: Equatable, Sendable {
    /// The status code, 100 to 999.
    package internal(set) var status: UInt16 = 0
    /// The octets of the reason phrase, often empty.
    package internal(set) var reason = 0..<0
    /// The version of the sender.
    package internal(set) var version = HTTP1Version.http11
    /// How the content ends.
    package internal(set) var framing = HTTP1Framing.none
    /// The length that Content-Length states; also where no content follows (HEAD, 304).
    package internal(set) var statedLength: Int?
    /// Whether the sender leaves the connection open for more (RFC 9112 §9.3).
    package internal(set) var isPersistent = true
}
