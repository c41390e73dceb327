// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// How a connection failed, in the words that Istio's dashboards know (label `response_flags`).
package enum ResponseFlags: UInt8, CaseIterable, Sendable {
    /// It did not fail.
    case none
    /// An authorization policy refused it.
    case deny
    /// The upstream could not be connected, or refused the CONNECT.
    case connect
    /// The TLS handshake failed.
    case tlsFailure
    /// The HTTP/2 handshake failed.
    case http2HandshakeFailure
    /// Connecting to an HBONE peer timed out, which a NetworkPolicy that blocks port 15008 does.
    case networkPolicy
    /// No certificate could be had for the identity.
    case identityError
    /// The peer's certificate is revoked.
    case certificateRevoked

    /// The value of the label.
    package var label: String {
        switch self {
        case .none: "-"
        case .deny: "DENY"
        case .connect: "CONNECT"
        case .tlsFailure: "TLS_FAILURE"
        case .http2HandshakeFailure: "H2_HANDSHAKE_FAILURE"
        case .networkPolicy: "NETWORK_POLICY"
        case .identityError: "IDENTITY_ERROR"
        case .certificateRevoked: "CERT_REVOKED"
        }
    }
}
