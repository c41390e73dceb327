// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import TLS

/// The TLS contexts of one certificate: as server for 15008, as client towards other members.
package struct CertificateContexts: Sendable {
    /// For accepted connections.
    package let server: TLSContext
    /// For connections that are made.
    package let client: TLSContext
}
