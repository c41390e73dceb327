// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
package import Identity

/// Why a TLS session cannot be had or has ended, told apart by who must do something about it.
package enum TLSError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The peer sent no certificate.
    case noPeerCertificate
    /// The peer's chain does not end at an authority of our bundle.
    case unknownAuthority
    /// A certificate of the peer's chain has expired.
    case certificateExpired
    /// A certificate of the peer's chain is not valid yet.
    case certificateNotYetValid
    /// A certificate of the peer's chain is revoked.
    case certificateRevoked
    /// No CRL says anything about a certificate, or the CRL is out of date, and policy is to refuse then.
    case revocationUnknown
    /// A certificate of the peer's chain may not be used as it is used (key usage, extended key usage, path length).
    case certificateUsage
    /// The chain does not verify for another reason; the number is OpenSSL's `X509_V_ERR_*`.
    case certificateRejected(Int32)
    /// The peer's leaf is no X.509-SVID.
    case peerNotSVID(SVIDError)
    /// The peer's SPIFFE ID lies in another trust domain.
    case otherTrustDomain
    /// The peer is a workload of our trust domain, but not the one that this connection is for.
    case unexpectedIdentity
    /// The server's certificate is for another name than the one that was called.
    case unexpectedServerName
    /// The peer speaks no TLS version that we do.
    case protocolVersion
    /// The peer did not offer, or did not choose, ALPN `h2`.
    case noApplicationProtocol
    /// Peers have no cipher suite or key-exchange group in common.
    case noCommonAlgorithm
    /// What the peer sends is no TLS.
    case notTLS
    /// The peer sent a malformed or unexpected message, or a record that does not authenticate.
    case protocolViolation
    /// The peer sent more handshake octets than `TLSSession.maximumHandshakeLength`.
    case handshakeTooLarge
    /// The peer ended the session with this alert (RFC 8446 §6).
    case alert(UInt8)
    /// Our own material or settings were refused by OpenSSL.
    case configuration
    /// OpenSSL failed for a reason of its own.
    case internalFailure
    /// The session has ended before.
    case closed

    package var description: String {
        switch self {
        case .noPeerCertificate: "peer sent no certificate; it is not in the mesh"
        case .unknownAuthority: "peer's certificate was signed by an authority that is not in our trust bundle"
        case .certificateExpired: "peer's certificate has expired"
        case .certificateNotYetValid: "peer's certificate is not valid yet; check both clocks"
        case .certificateRevoked: "peer's certificate is revoked"
        case .revocationUnknown: "no usable CRL says whether the peer's certificate is revoked"
        case .certificateUsage: "peer's certificate may not be used for this"
        case .certificateRejected(let code): "peer's certificate was rejected (X.509 verification error \(code))"
        case .peerNotSVID(let reason): "peer's certificate is no SVID: \(reason)"
        case .otherTrustDomain: "peer's identity is in another trust domain"
        case .unexpectedIdentity: "peer's identity is not the one expected of this destination"
        case .unexpectedServerName: "server's certificate is for another name than the one that was called"
        case .protocolVersion: "peer does not speak TLS 1.3"
        case .noApplicationProtocol: "peer does not speak HTTP/2 (no ALPN h2)"
        case .noCommonAlgorithm: "peer has no cipher suite or key-exchange group in common with us"
        case .notTLS: "peer does not speak TLS"
        case .protocolViolation: "peer broke the TLS protocol, or a record was damaged"
        case .handshakeTooLarge: "peer's TLS handshake is too large"
        case .alert(let code): "peer ended the TLS session: \(Self.name(ofAlert: code)) (alert \(code))"
        case .configuration: "OpenSSL refused the certificate, key or TLS settings"
        case .internalFailure: "OpenSSL failed"
        case .closed: "TLS session has ended"
        }
    }

    /// Whether the peer (or who runs it) has to change something, rather than us.
    package var isPeersFault: Bool {
        switch self {
        case .configuration, .internalFailure, .closed, .revocationUnknown: false
        default: true
        }
    }

    private static func name(ofAlert code: UInt8) -> String {
        switch code {
        case 10: "unexpected message"
        case 20: "record does not authenticate"
        case 40: "handshake failure"
        case 42: "it calls our certificate bad"
        case 43: "it does not support our certificate"
        case 44: "it calls our certificate revoked"
        case 45: "it calls our certificate expired"
        case 46: "it does not accept our certificate"
        case 47: "illegal parameter"
        case 48: "it does not know our certificate authority"
        case 49: "access denied"
        case 50: "decode error"
        case 51: "decrypt error"
        case 70: "protocol version"
        case 71: "insufficient security"
        case 80: "internal error"
        case 109: "missing extension"
        case 116: "it requires a certificate"
        case 120: "no application protocol in common"
        default: "alert"
        }
    }
}
