// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// A private key, kept in OpenSSL's memory, which clears it when the last reference goes.
///
/// It has no description on purpose: a key that is printed by accident prints nothing.
///
/// ## Concurrency model
/// As for `PublicKey`: never changed after it was made; signing with it from several threads is safe.
@safe
package final class PrivateKey: @unchecked Sendable {
    /// The largest PEM text of a key that is read, in octets; an RSA key of 8192 bits takes 6.4 KiB.
    package static let maximumPEMLength = 16_384

    /// The `EVP_PKEY`, lent: valid as long as this object.
    @unsafe package let handle: OpaquePointer

    @unsafe
    private init(adopting handle: OpaquePointer) throws(IdentityError) {
        unsafe self.handle = handle
        guard unsafe KeyKind(handle) != nil else { throw .keyNotAccepted }
    }

    deinit {
        unsafe EVP_PKEY_free(handle)
    }

    /// A new ECDSA P-256 key.
    ///
    /// - Throws: `.cryptography`.
    package static func generate() throws(IdentityError) -> PrivateKey {
        guard let key = unsafe COpenSSL_generate_P256() else { throw .cryptography }
        return try unsafe PrivateKey(adopting: key)
    }

    /// Reads an unencrypted key from PEM (PKCS #8, SEC 1 or PKCS #1).
    ///
    /// - Throws: `.tooLarge(.privateKey)`, `.malformed(.privateKey)`, `.keyNotAccepted`.
    package init(pem: Span<UInt8>) throws(IdentityError) {
        guard pem.count <= Self.maximumPEMLength else { throw .tooLarge(.privateKey) }
        ERR_clear_error()
        let parsed = unsafe OpenSSLMemory.reading(pem) { bio in
            // The password callback refuses: without one OpenSSL would ask on the terminal.
            unsafe PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in -1 }, nil)
        }
        guard let key = unsafe parsed ?? nil else {
            ERR_clear_error()
            throw .malformed(.privateKey)
        }
        unsafe handle = key
        guard unsafe KeyKind(key) != nil else { throw .keyNotAccepted }
    }

    /// Lends the key as PKCS #8 PEM text, which is overwritten when `body` returns.
    ///
    /// - Throws: `.cryptography`, or what `body` throws.
    package func withPEM<Result>(_ body: (Span<UInt8>) throws(IdentityError) -> Result) throws(IdentityError) -> Result
    {
        let written = unsafe OpenSSLMemory.collecting(secret: true) { bio in
            unsafe PEM_write_bio_PKCS8PrivateKey(bio, handle, nil, nil, 0, nil, nil)
        }
        guard var pem = written else { throw .cryptography }
        defer { wipe(&pem) }
        return try body(pem.span)
    }

    /// Whether `certificate` is for this key.
    package func matches(_ certificate: Certificate) -> Bool {
        // Safety: both handles live as long as their objects, which the caller holds.
        unsafe X509_check_private_key(certificate.handle, handle) == 1
    }

    /// The public half.
    ///
    /// - Throws: `.cryptography`.
    package func publicKey() throws(IdentityError) -> PublicKey {
        // Shares the EVP_PKEY: a PublicKey hands out its public half only.
        guard unsafe EVP_PKEY_up_ref(handle) == 1 else { throw .cryptography }
        return try unsafe PublicKey(adopting: handle)
    }
}
