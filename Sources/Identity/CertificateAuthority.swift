// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// A certificate authority that mints X.509-SVIDs of one trust domain; its key is in this process's memory.
///
/// ## Concurrency model
/// All constants; minting from several threads is safe.
package struct CertificateAuthority: Sendable {
    /// How long before "now" a certificate starts to be valid, so that clocks may differ (design §8), in seconds.
    package static let backdating: Int64 = 60
    /// How long a root made here is valid: ten years, in seconds.
    package static let rootValidity: Int64 = 3650 * 86_400

    /// The trust domain it signs for.
    package let trustDomain: TrustDomain
    /// The signing certificate first, then the intermediates above it.
    package let certificates: [Certificate]
    /// The roots that relying parties must trust.
    package let bundle: TrustBundle
    private let key: PrivateKey

    /// Takes over a signing certificate with the chain above it, and its key.
    ///
    /// - Parameter certificates: the signing certificate first; a root at the end is taken into the bundle.
    /// - Parameter roots: further roots to trust; must hold the root of `certificates` when that is not among them.
    /// - Throws: `.notAuthority`, `.keyMismatch`, `.authorityValidity`, `.malformed(.bundle)`, `.chain`.
    package init(
        trustDomain: TrustDomain, certificates: [Certificate], key: PrivateKey, roots: [Certificate] = [],
        now: UnixTime
    ) throws(IdentityError) {
        guard let signer = certificates.first else { throw .malformed(.certificate) }
        for certificate in certificates {
            guard certificate.isAuthority else { throw .notAuthority }
            guard certificate.notBefore <= now, now <= certificate.notAfter else { throw .authorityValidity }
        }
        guard key.matches(signer) else { throw .keyMismatch }
        bundle = try TrustBundle(certificates.filter(\.isSelfIssued) + roots)
        self.trustDomain = trustDomain
        self.certificates = certificates.filter { !$0.isSelfIssued }.isEmpty ? [signer] : certificates
        self.key = key
        try bundle.verify(certificates, at: now)
    }

    /// Makes a new self-signed root for `trustDomain`: P-256, may have no CA below it (path length 0).
    ///
    /// - Parameter validity: seconds from `now` that it is valid.
    /// - Throws: `.cryptography`.
    package static func makeRoot(
        trustDomain: TrustDomain, validity: Int64 = rootValidity, now: UnixTime
    ) throws(IdentityError) -> (certificate: Certificate, key: PrivateKey) {
        let key = try PrivateKey.generate()
        let builder = try CertificateBuilder(
            publicKey: key.publicKey(), notBefore: now.advanced(bySeconds: -backdating),
            notAfter: now.advanced(bySeconds: validity))
        // Two roots of one trust domain must differ by name, or path building has to try both.
        try builder.setSubject(organisation: trustDomain.name, commonName: "Ambit root \(now)")
        try builder.add(NID_basic_constraints, "critical,CA:TRUE,pathlen:0")
        try builder.add(NID_key_usage, "critical,keyCertSign,cRLSign")
        try builder.add(NID_subject_key_identifier, "hash")
        try builder.addURIName(trustDomain.uri, critical: false)
        return (try builder.sign(issuer: nil, key: key), key)
    }

    /// Mints a certificate for `id` with a new P-256 key.
    ///
    /// - Parameter validity: seconds after `now`; cut to the end of the signing certificate.
    /// - Throws: `.trustDomainMismatch`, `.spiffeID` never, `.svid(.noPath)`, `.validity`, `.authorityValidity`,
    ///   `.cryptography`.
    package func mint(for id: SPIFFEID, validity: Int64, now: UnixTime) throws(IdentityError) -> X509SVID {
        let key = try PrivateKey.generate()
        let chain = try mint(for: id, publicKey: key.publicKey(), validity: validity, now: now)
        return try X509SVID(chain: chain, privateKey: key)
    }

    /// Mints a certificate for what a request asks for; whether its sender may ask for it was decided before.
    ///
    /// - Returns: the leaf, then the intermediates up to, without, the root.
    /// - Throws: as `mint(for:validity:now:)`.
    package func mint(
        for request: CertificateSigningRequest, validity: Int64, now: UnixTime
    ) throws(IdentityError) -> [Certificate] {
        try mint(for: request.id, publicKey: request.publicKey, validity: validity, now: now)
    }

    /// Mints a certificate that binds `id` to `publicKey`.
    ///
    /// - Returns: the leaf, then the intermediates up to, without, the root.
    /// - Throws: as `mint(for:validity:now:)`.
    package func mint(
        for id: SPIFFEID, publicKey: PublicKey, validity: Int64, now: UnixTime
    ) throws(IdentityError) -> [Certificate] {
        guard id.trustDomain == trustDomain else { throw .trustDomainMismatch }
        guard !id.isTrustDomain else { throw .svid(.noPath) }
        guard validity > 0 else { throw .validity }
        let signer = certificates[0]
        guard signer.notBefore <= now, now < signer.notAfter else { throw .authorityValidity }
        let builder = try CertificateBuilder(
            publicKey: publicKey, notBefore: max(now.advanced(bySeconds: -Self.backdating), signer.notBefore),
            notAfter: min(now.advanced(bySeconds: validity), signer.notAfter))
        try builder.add(NID_basic_constraints, "critical,CA:FALSE")
        try builder.add(NID_key_usage, "critical,digitalSignature")
        try builder.add(NID_ext_key_usage, "serverAuth,clientAuth")
        try builder.add(NID_authority_key_identifier, "keyid:always", issuer: signer)
        try builder.addURIName(id.description, critical: true)
        return try sign(builder)
    }

    /// Signs what `builder` has, and puts the intermediates behind it.
    func sign(_ builder: borrowing CertificateBuilder) throws(IdentityError) -> [Certificate] {
        try [builder.sign(issuer: certificates[0], key: key)] + certificates.filter { !$0.isSelfIssued }
    }
}
