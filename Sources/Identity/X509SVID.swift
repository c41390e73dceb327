// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A workload's identity document with its private key (X.509-SVID): what one side of a connection proves itself with.
package struct X509SVID: Sendable {
    /// The SPIFFE ID in the leaf.
    package let id: SPIFFEID
    /// The leaf first, then the intermediates; no root.
    package let chain: [Certificate]
    /// The key of the leaf.
    package let privateKey: PrivateKey

    /// Joins a chain and its key after checking the leaf against the rules of X.509-SVID.
    ///
    /// Signatures are not checked here: an issuer checks what it made, a client what it was given
    /// (`TrustBundle.verify(_:at:)`).
    ///
    /// - Throws: `.malformed(.certificate)` for an empty chain, `.svid`, `.keyMismatch`.
    package init(chain: [Certificate], privateKey: PrivateKey) throws(IdentityError) {
        guard let leaf = chain.first else { throw .malformed(.certificate) }
        do throws(SVIDError) {
            id = try leaf.facts.leafID()
        } catch {
            throw .svid(error)
        }
        guard privateKey.matches(leaf) else { throw .keyMismatch }
        self.chain = chain
        self.privateKey = privateKey
    }

    /// Joins a chain and its key without any check; for tests that play a bad peer.
    init(unchecked chain: [Certificate], privateKey: PrivateKey, id: SPIFFEID) {
        self.id = id
        self.chain = chain
        self.privateKey = privateKey
    }

    /// The leaf certificate.
    package var leaf: Certificate { chain[0] }
}
