// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

extension CertificateAuthority {
    /// What a server that is no member of the mesh, such as the CA service itself, proves itself with.
    package struct ServerCredentials: Sendable {
        /// The leaf first, then the intermediates; no root.
        package let chain: [Certificate]
        /// The key of the leaf.
        package let privateKey: PrivateKey
    }

    /// Mints a certificate for a TLS server called `names`, with a new P-256 key.
    ///
    /// It has no SPIFFE ID, so no member of the mesh takes it for a peer.
    ///
    /// - Parameter validity: seconds after `now`; cut to the end of the signing certificate.
    /// - Throws: `.validity` also for no names, `.authorityValidity`, `.cryptography`.
    package func mintServer(
        _ names: [ServerName], validity: Int64, now: UnixTime
    ) throws(IdentityError) -> ServerCredentials {
        guard validity > 0, !names.isEmpty else { throw .validity }
        let signer = certificates[0]
        guard signer.notBefore <= now, now < signer.notAfter else { throw .authorityValidity }
        let key = try PrivateKey.generate()
        let builder = try CertificateBuilder(
            publicKey: key.publicKey(), notBefore: max(now.advanced(bySeconds: -Self.backdating), signer.notBefore),
            notAfter: min(now.advanced(bySeconds: validity), signer.notAfter))
        try builder.add(NID_basic_constraints, "critical,CA:FALSE")
        try builder.add(NID_key_usage, "critical,digitalSignature")
        try builder.add(NID_ext_key_usage, "serverAuth")
        try builder.add(NID_authority_key_identifier, "keyid:always", issuer: signer)
        try builder.addServerNames(names)
        return ServerCredentials(chain: try sign(builder), privateKey: key)
    }
}
