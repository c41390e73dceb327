// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
package import Identity

/// Who the other side of an established session has proved to be.
package struct PeerIdentity: Sendable, Hashable {
    /// The SPIFFE ID of its leaf certificate.
    package let id: SPIFFEID
    /// Issuer and serial number of the leaf and of the intermediates it was verified by; what CRLs name them by.
    package let path: [CertificateKey]
    /// The last second of the leaf's validity.
    package let notAfter: UnixTime

    /// The octets of the leaf's serial number.
    package var serialNumber: [UInt8] { path.first?.serialNumber ?? [] }
}
