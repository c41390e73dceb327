// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
package import Identity

/// Who the other side of an established session has proved to be.
package struct PeerIdentity: Sendable, Hashable {
    /// The SPIFFE ID of its leaf certificate.
    package let id: SPIFFEID
    /// The octets of the leaf's serial number.
    package let serialNumber: [UInt8]
    /// The last second of the leaf's validity.
    package let notAfter: UnixTime
}
