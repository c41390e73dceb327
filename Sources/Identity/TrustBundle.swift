// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// The authorities of a trust domain (SPIFFE Trust Domain and Bundle §4): several while a root is being rotated.
package struct TrustBundle: Sendable, Hashable {
    /// The CA certificates, each of them a trust anchor; never empty, no duplicates, in the order given.
    package let authorities: [Certificate]

    /// Checks and joins CA certificates.
    ///
    /// - Throws: `.malformed(.bundle)` when there is none, `.notAuthority` when one is no CA certificate.
    package init(_ authorities: [Certificate]) throws(IdentityError) {
        guard !authorities.isEmpty else { throw .malformed(.bundle) }
        var unique: [Certificate] = []
        for authority in authorities {
            guard authority.isAuthority else { throw .notAuthority }
            if !unique.contains(authority) { unique.append(authority) }
        }
        self.authorities = unique
    }

    /// Reads a bundle from PEM text.
    ///
    /// - Throws: `.tooLarge(.certificate)`, `.malformed`, `.notAuthority`.
    package init(pem: Span<UInt8>) throws(IdentityError) {
        try self.init(Certificate.parse(pem: pem))
    }

    /// Reads a bundle from a PEM file.
    ///
    /// - Throws: `.file(.bundle, …)`, `.fileTooLarge`, and what `init(pem:)` throws.
    package init(path: String) throws(IdentityError) {
        let text = try FileAccess.read(path, as: .bundle, limit: Certificate.maximumPEMLength, isSecret: false)
        guard let text else { throw .file(.bundle, .open, errno: FileAccess.noSuchFile) }
        try self.init(pem: text.span)
    }

    /// The PEM text of all authorities.
    ///
    /// - Throws: `.cryptography`.
    package func pem() throws(IdentityError) -> [UInt8] {
        var text: [UInt8] = []
        for authority in authorities { text += try authority.pem() }
        return text
    }

    /// This bundle with those authorities of `other` that it lacks behind its own.
    package func merging(_ other: TrustBundle) -> TrustBundle {
        var merged = self
        merged = TrustBundle(unchecked: authorities + other.authorities.filter { !authorities.contains($0) })
        return merged
    }

    private init(unchecked authorities: [Certificate]) {
        self.authorities = authorities
    }

    /// Verifies the signatures and validity of a chain (leaf first) up to one of the authorities.
    ///
    /// - Throws: `.chain`, `.cryptography`.
    package func verify(_ chain: [Certificate], at now: UnixTime) throws(IdentityError) {
        guard let leaf = chain.first else { throw .chain }
        guard let store = unsafe X509_STORE_new() else { throw .cryptography }
        defer { unsafe X509_STORE_free(store) }
        for authority in authorities {
            // Safety: the store takes its own reference.
            guard unsafe X509_STORE_add_cert(store, authority.handle) == 1 else { throw .cryptography }
        }
        guard let context = unsafe X509_STORE_CTX_new() else { throw .cryptography }
        defer { unsafe X509_STORE_CTX_free(context) }
        guard let untrusted = unsafe OPENSSL_sk_new_null() else { throw .cryptography }
        defer { unsafe OPENSSL_sk_free(untrusted) }
        for certificate in chain.dropFirst() {
            // Safety: the stack borrows; the certificates outlive it, as `chain` does.
            unsafe OPENSSL_sk_push(untrusted, UnsafeRawPointer(certificate.handle))
        }
        guard unsafe X509_STORE_CTX_init(context, store, leaf.handle, untrusted) == 1 else { throw .cryptography }
        unsafe X509_STORE_CTX_set_flags(context, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        unsafe X509_STORE_CTX_set_time(context, 0, Int(now.seconds))
        let verified = unsafe X509_verify_cert(context)
        ERR_clear_error()
        guard verified == 1 else { throw .chain }
    }
}
