// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// The TLS 1.3 cipher suites whose records we protect ourselves (RFC 8446 §B.4).
enum CipherSuite: UInt16, Sendable {
    case aes128GCM = 0x1301
    case aes256GCM = 0x1302
    case chaCha20Poly1305 = 0x1303

    /// Octets of the AEAD key.
    var keyLength: Int { self == .aes128GCM ? 16 : 32 }
    /// Octets of a traffic secret: the length of the suite's hash.
    var secretLength: Int { self == .aes256GCM ? 48 : 32 }
    /// Its name in RFC 8446.
    var name: String {
        switch self {
        case .aes128GCM: "TLS_AES_128_GCM_SHA256"
        case .aes256GCM: "TLS_AES_256_GCM_SHA384"
        case .chaCha20Poly1305: "TLS_CHACHA20_POLY1305_SHA256"
        }
    }

    /// Records that one key may protect: below the 2^24.5 of RFC 8446 §5.5 for AES-GCM.
    var recordsPerKey: UInt64 { 1 << 24 }

    @unsafe
    var aead: OpaquePointer? {
        switch self {
        case .aes128GCM: unsafe EVP_aes_128_gcm()
        case .aes256GCM: unsafe EVP_aes_256_gcm()
        case .chaCha20Poly1305: unsafe EVP_chacha20_poly1305()
        }
    }

    @unsafe
    var hash: OpaquePointer? { unsafe self == .aes256GCM ? EVP_sha384() : EVP_sha256() }
}

/// A traffic secret (RFC 8446 §7.1) in place: no heap, overwritten by `wipe`.
struct TrafficSecret {
    private var octets = InlineArray<48, UInt8>(repeating: 0)
    private(set) var count = 0

    init() {}

    init(_ source: Span<UInt8>) {
        count = min(source.count, 48)
        for index in 0..<count { octets[index] = source[index] }
    }

    var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { octets.span.extracting(first: count) }
    }

    mutating func wipe() {
        var view = octets.mutableSpan
        unsafe view.withUnsafeMutableBytes { region in
            guard let base = region.baseAddress else { return }
            unsafe OPENSSL_cleanse(base, region.count)
        }
        count = 0
    }

    /// HKDF-Expand-Label with an empty context (RFC 8446 §7.1) for at most one hash length of output: then HKDF-Expand
    /// is a single HMAC (RFC 5869 §2.3).
    ///
    /// - Parameter count: the octets wanted, put at the start of `output`.
    /// - Returns: false when OpenSSL fails.
    func expand(
        _ label: StaticString, suite: CipherSuite, count: Int, into output: inout MutableSpan<UInt8>
    ) -> Bool {
        precondition(count <= suite.secretLength && count <= output.count)
        var info: [UInt8] = [0, UInt8(count), UInt8(6 + label.utf8CodeUnitCount)]
        info += Array("tls13 ".utf8)
        info += Array(label.description.utf8)
        info += [0, 1]  // the empty context, and the counter of HKDF's first block
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        let hash = unsafe suite.hash
        let secret = bytes
        let made = unsafe secret.withUnsafeBufferPointer { key in
            // Safety: the digest's buffer holds the largest there is; the inputs are alive for the call.
            unsafe digest.withUnsafeMutableBufferPointer { region in
                unsafe HMAC(hash, key.baseAddress, CInt(key.count), info, info.count, region.baseAddress, &length)
                    != nil
            }
        }
        guard made, Int(length) >= count else { return false }
        for index in 0..<count { output[index] = digest[index] }
        unsafe digest.withUnsafeMutableBytes { region in
            guard let base = region.baseAddress else { return }
            unsafe OPENSSL_cleanse(base, region.count)
        }
        return true
    }
}
