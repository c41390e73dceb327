// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The settings of TLS contexts that an operator may change.
package struct TLSOptions: Sendable, Hashable {
    /// Key-exchange groups in order of preference; those that OpenSSL lacks at run time are left out.
    package var groups: [String] = ["X25519MLKEM768", "X25519", "P-256"]
    /// TLS 1.3 cipher suites in order of preference, in OpenSSL's colon-separated notation.
    package var cipherSuites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"
    /// Whether sessions may be resumed (RFC 8446 §2.2); never across a change of certificate, key or bundle.
    package var allowsResumption = true

    /// Whether records are protected by `RecordLayer` once the handshake is complete, instead of by OpenSSL's library.
    package var usesOwnRecordLayer = true

    /// The defaults.
    package init() {}
}

/// Which side of the handshake a context is for.
package enum TLSRole: Sendable, Hashable {
    /// The side that connects.
    case client
    /// The side that accepts; it requires a certificate of the client.
    case server
}
