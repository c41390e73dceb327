// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// A public key of an accepted kind: ECDSA P-256 or P-384, or RSA of 2048 bits or more.
///
/// ## Concurrency model
/// The OpenSSL key is never changed after it was made, its reference count is atomic, and OpenSSL documents keys as
/// safe to share between threads when they are only read.
@safe
package final class PublicKey: @unchecked Sendable {
    let handle: OpaquePointer

    /// Takes over one reference to an `EVP_PKEY`, which is released also when this throws.
    ///
    /// - Throws: `.keyNotAccepted`.
    @unsafe
    init(adopting handle: OpaquePointer) throws(IdentityError) {
        unsafe self.handle = handle
        guard unsafe KeyKind(handle) != nil else { throw .keyNotAccepted }
    }

    deinit {
        unsafe EVP_PKEY_free(handle)
    }
}

/// The kinds of key we accept, with the digest each signs with.
enum KeyKind {
    case p256
    case p384
    case rsa

    /// The kind of an `EVP_PKEY`; nil when it is not accepted.
    @unsafe
    init?(_ key: OpaquePointer) {
        // Safety: the caller keeps the key alive; the calls only read it.
        switch unsafe EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_EC:
            switch unsafe EVP_PKEY_get_bits(key) {
            case 256 where unsafe Self.group(of: key) == "prime256v1": self = .p256
            case 384 where unsafe Self.group(of: key) == "secp384r1": self = .p384
            default: return nil
            }
        case EVP_PKEY_RSA:
            guard unsafe EVP_PKEY_get_bits(key) >= 2048 else { return nil }
            self = .rsa
        default: return nil
        }
    }

    private static func group(of key: OpaquePointer) -> String? {
        let name = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { (buffer) -> String? in
            var length = 0
            // Safety: OpenSSL writes at most buffer.count octets including the terminator.
            guard let base = buffer.baseAddress,
                unsafe EVP_PKEY_get_group_name(key, base, buffer.count, &length) == 1
            else { return nil }
            return unsafe String(cString: base)
        }
        return name
    }

    /// The digest to sign with.
    @unsafe
    var digest: OpaquePointer? {
        switch self {
        case .p256, .rsa: unsafe EVP_sha256()
        case .p384: unsafe EVP_sha384()
        }
    }
}
