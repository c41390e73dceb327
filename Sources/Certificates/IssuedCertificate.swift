// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Identity

/// A certificate with its key, and whom its owner is to trust.
package struct IssuedCertificate: Sendable {
    /// The leaf, its intermediates and the key.
    package let svid: X509SVID
    /// The authorities of the trust domain, as the CA said with this certificate.
    package let bundle: TrustBundle

    init(svid: X509SVID, bundle: TrustBundle) {
        self.svid = svid
        self.bundle = bundle
    }

    /// Checks what a CA service answered to a request for `identity` with `key`.
    ///
    /// The first text is the leaf, the last holds the roots, those between are intermediates (reference §5, "Reply").
    ///
    /// - Throws: `.emptyChain`, `.wrongIdentity`, and `.identity` for what does not parse, verify or belong to the key.
    init(
        answer: CertificateResponseMessage, key: PrivateKey, for identity: SPIFFEID, now: UnixTime
    ) throws(CertificateError) {
        guard answer.chain.count >= 2, let roots = answer.chain.last else { throw .emptyChain }
        do throws(IdentityError) {
            var chain: [Certificate] = []
            for text in answer.chain.dropLast() { chain += try Certificate.parse(pem: Array(text.utf8).span) }
            let bundle = try TrustBundle(pem: Array(roots.utf8).span)
            // Some authorities put the root into the chain too; peers do not need it.
            chain = chain.prefix(1) + chain.dropFirst().filter { !bundle.authorities.contains($0) }
            svid = try X509SVID(chain: chain, privateKey: key)
            try bundle.verify(chain, at: now)
            self.bundle = bundle
        } catch {
            throw .identity(error)
        }
        guard svid.id == identity else { throw .wrongIdentity(svid.id) }
    }
}
