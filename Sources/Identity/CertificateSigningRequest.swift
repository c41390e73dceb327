// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// A request for a certificate (PKCS #10, RFC 2986): empty subject, and one critical SAN extension with one URI name.
package struct CertificateSigningRequest: Sendable {
    /// The largest request that is read, in octets of DER or PEM; an RSA 8192 request takes 3 KiB.
    package static let maximumLength = 16_384

    /// The identity asked for.
    package let id: SPIFFEID
    /// The key to certify; its owner has proved possession by signing the request.
    package let publicKey: PublicKey

    /// Makes a request for `id`, signed with `key`.
    ///
    /// - Returns: PEM text.
    /// - Throws: `.cryptography`.
    package static func pem(for id: SPIFFEID, key: PrivateKey) throws(IdentityError) -> [UInt8] {
        guard let request = unsafe X509_REQ_new() else { throw .cryptography }
        defer { unsafe X509_REQ_free(request) }
        guard let extensions = unsafe COpenSSL_sk_X509_EXTENSION_new() else { throw .cryptography }
        defer { unsafe COpenSSL_sk_X509_EXTENSION_free(extensions) }
        guard let name = unsafe CertificateExtensions.uriName(id.description) else { throw .cryptography }
        guard unsafe COpenSSL_sk_X509_EXTENSION_push(extensions, name) > 0 else {
            unsafe X509_EXTENSION_free(name)
            throw .cryptography
        }
        // Safety: everything passed is alive; the request copies what it keeps.
        guard unsafe X509_REQ_set_version(request, Int(X509_REQ_VERSION_1)) == 1,
            unsafe X509_REQ_set_pubkey(request, key.handle) == 1,
            unsafe X509_REQ_add_extensions(request, extensions) == 1,
            let kind = unsafe KeyKind(key.handle),
            unsafe X509_REQ_sign(request, key.handle, kind.digest) > 0
        else { throw .cryptography }
        let written = unsafe OpenSSLMemory.collecting { bio in unsafe PEM_write_bio_X509_REQ(bio, request) }
        guard let written else { throw .cryptography }
        return written
    }

    /// Parses and checks a request in PEM.
    ///
    /// - Throws: `.tooLarge(.signingRequest)`, `.malformed(.signingRequest)`, `.keyNotAccepted`, `.requestSignature`,
    ///   `.svid` when it does not ask for exactly one SPIFFE ID, or asks for a CA certificate.
    package init(pem: Span<UInt8>) throws(IdentityError) {
        guard pem.count <= Self.maximumLength else { throw .tooLarge(.signingRequest) }
        ERR_clear_error()
        defer { ERR_clear_error() }
        let parsed = unsafe OpenSSLMemory.reading(pem) { bio in
            unsafe PEM_read_bio_X509_REQ(bio, nil, { _, _, _, _ in -1 }, nil)
        }
        guard let request = unsafe parsed ?? nil else { throw .malformed(.signingRequest) }
        defer { unsafe X509_REQ_free(request) }
        // X509_REQ_get_pubkey gives a reference of its own.
        guard let key = unsafe X509_REQ_get_pubkey(request) else { throw .malformed(.signingRequest) }
        publicKey = try unsafe PublicKey(adopting: key)
        guard unsafe X509_REQ_verify(request, publicKey.handle) == 1 else { throw .requestSignature }
        var facts = CertificateFacts()
        if let extensions = unsafe X509_REQ_get_extensions(request) {
            defer { unsafe COpenSSL_sk_X509_EXTENSION_free(extensions) }
            unsafe facts.read(requested: extensions)
        }
        do throws(SVIDError) {
            id = try facts.requestedID()
        } catch {
            throw .svid(error)
        }
    }
}
