// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// The protection of the records of one direction (RFC 8446 §5.2-§5.3): secret, AEAD key, nonce, sequence number.
@safe
struct RecordKeys: ~Copyable {
    /// Octets of the authentication tag of all three suites.
    static let tagLength = 16

    let suite: CipherSuite
    private let isSending: Bool
    private let cipher: OpaquePointer
    private var secret: TrafficSecret
    private var initialVector = InlineArray<12, UInt8>(repeating: 0)
    /// The number of the next record under the present key.
    private(set) var sequence: UInt64

    /// - Parameter sequence: how many records were protected with `secret` before.
    init?(suite: CipherSuite, secret: TrafficSecret, sequence: UInt64, isSending: Bool) {
        guard secret.count == suite.secretLength, let cipher = unsafe EVP_CIPHER_CTX_new() else { return nil }
        // Safety: the context is ours; a suite's AEAD is static.
        guard unsafe EVP_CipherInit_ex(cipher, suite.aead, nil, nil, nil, isSending ? 1 : 0) == 1 else {
            unsafe EVP_CIPHER_CTX_free(cipher)
            return nil
        }
        var vector = InlineArray<12, UInt8>(repeating: 0)
        guard unsafe Self.install(secret, suite, isSending, in: cipher, &vector) else {
            unsafe EVP_CIPHER_CTX_free(cipher)
            return nil
        }
        self.suite = suite
        self.isSending = isSending
        unsafe self.cipher = unsafe cipher
        self.secret = secret
        self.sequence = sequence
        initialVector = vector
    }

    deinit {
        var secret = secret
        secret.wipe()
        unsafe EVP_CIPHER_CTX_free(cipher)
    }

    /// Goes on to the next generation of the traffic secret (RFC 8446 §7.2).
    ///
    /// - Returns: false when OpenSSL fails; the keys must not be used then.
    mutating func update() -> Bool {
        var octets = InlineArray<48, UInt8>(repeating: 0)
        var view = octets.mutableSpan
        guard secret.expand("traffic upd", suite: suite, count: suite.secretLength, into: &view) else { return false }
        var next = TrafficSecret(octets.span.extracting(first: suite.secretLength))
        guard unsafe Self.install(next, suite, isSending, in: cipher, &initialVector) else { return false }
        secret.wipe()
        secret = next
        next.wipe()
        sequence = 0
        return true
    }

    /// Derives key and nonce (RFC 8446 §7.3) and gives the key to `cipher`.
    private static func install(
        _ secret: TrafficSecret, _ suite: CipherSuite, _ isSending: Bool, in cipher: OpaquePointer,
        _ vector: inout InlineArray<12, UInt8>
    ) -> Bool {
        var key = InlineArray<32, UInt8>(repeating: 0)
        var keyView = key.mutableSpan
        var vectorView = vector.mutableSpan
        guard secret.expand("key", suite: suite, count: suite.keyLength, into: &keyView),
            secret.expand("iv", suite: suite, count: 12, into: &vectorView)
        else { return false }
        var material = key.mutableSpan
        return unsafe material.withUnsafeMutableBytes { region in
            // Safety: region holds at least the key's length; it is overwritten after use.
            guard let base = region.baseAddress else { return false }
            defer { unsafe OPENSSL_cleanse(base, region.count) }
            let octets = unsafe base.assumingMemoryBound(to: UInt8.self)
            return unsafe EVP_CipherInit_ex(cipher, nil, nil, octets, nil, isSending ? 1 : 0) == 1
        }
    }

    /// The nonce of the next record: the vector with the sequence number in its last eight octets.
    private mutating func nextNonce() -> InlineArray<12, UInt8> {
        var nonce = initialVector
        for index in 0..<8 {
            nonce[4 + index] ^= UInt8(truncatingIfNeeded: sequence >> (56 - 8 * UInt64(index)))
        }
        sequence += 1
        return nonce
    }

    /// Protects one record of at most 2^14 octets.
    ///
    /// - Parameter target: has room for `count + TLSSession.recordOverhead` octets; apart from `source`.
    /// - Returns: the octets written; 0 when OpenSSL fails.
    @unsafe
    mutating func seal(
        _ source: UnsafePointer<UInt8>, count: Int, type: UInt8, into target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        let fragment = count + 1 + Self.tagLength
        // Safety: writes header, fragment and tag, which the caller has made room for.
        unsafe target[0] = RecordType.applicationData
        unsafe target[1] = 3
        unsafe target[2] = 3
        unsafe target[3] = UInt8(fragment >> 8)
        unsafe target[4] = UInt8(truncatingIfNeeded: fragment)
        let body = unsafe target + RecordType.headerLength
        let nonce = nextNonce()
        var inner = type
        var length: CInt = 0
        let span = nonce.span
        let isInitialised = unsafe span.withUnsafeBufferPointer { vector in
            unsafe EVP_EncryptInit_ex(cipher, nil, nil, nil, vector.baseAddress)
        }
        guard isInitialised == 1, unsafe EVP_EncryptUpdate(cipher, nil, &length, target, 5) == 1,
            unsafe EVP_EncryptUpdate(cipher, body, &length, source, CInt(count)) == 1,
            unsafe EVP_EncryptUpdate(cipher, body + count, &length, &inner, 1) == 1,
            unsafe EVP_EncryptFinal_ex(cipher, body + count + 1, &length) == 1,
            unsafe EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, CInt(Self.tagLength), body + count + 1) == 1
        else { return 0 }
        return RecordType.headerLength + fragment
    }

    /// Opens one record whose header was checked.
    ///
    /// - Parameter record: header and fragment; the fragment is `count` octets, 17 or more.
    /// - Parameter target: has room for `count - 16` octets; apart from `record`.
    /// - Returns: whether it is authentic; then `target` holds content, type and padding.
    @unsafe
    mutating func open(
        _ record: UnsafePointer<UInt8>, count: Int, into target: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        // Safety: reads header, fragment and tag, which the caller has; writes count - 16 octets.
        let body = unsafe record + RecordType.headerLength
        let inner = count - Self.tagLength
        let nonce = nextNonce()
        var length: CInt = 0
        let span = nonce.span
        let isInitialised = unsafe span.withUnsafeBufferPointer { vector in
            unsafe EVP_DecryptInit_ex(cipher, nil, nil, nil, vector.baseAddress)
        }
        let tag = unsafe UnsafeMutableRawPointer(mutating: body + inner)
        guard isInitialised == 1, unsafe EVP_DecryptUpdate(cipher, nil, &length, record, 5) == 1,
            unsafe EVP_DecryptUpdate(cipher, target, &length, body, CInt(inner)) == 1,
            unsafe EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, CInt(Self.tagLength), tag) == 1,
            unsafe EVP_DecryptFinal_ex(cipher, target + inner, &length) == 1
        else {
            ERR_clear_error()
            return false
        }
        return true
    }
}

/// Content types and layout of records (RFC 8446 §5.1).
enum RecordType {
    static let alert: UInt8 = 21
    static let handshake: UInt8 = 22
    static let applicationData: UInt8 = 23
    /// Octets of a record header.
    static let headerLength = 5
    /// The longest fragment of a protected record (RFC 8446 §5.2).
    static let maximumFragment = 16_384 + 256
}
