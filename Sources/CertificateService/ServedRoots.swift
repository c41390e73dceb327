// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Identity

/// What a CA service signs with, and the roots that it gives out with each certificate.
package struct ServedRoots: Sendable {
    /// The signing certificate.
    package let signer: Certificate
    /// The roots.
    package let bundle: TrustBundle

    /// What `authority` says.
    package init(_ authority: CertificateAuthority) {
        signer = authority.certificates[0]
        bundle = authority.bundle
    }
}
