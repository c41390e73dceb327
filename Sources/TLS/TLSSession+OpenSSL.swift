// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import Bytes
internal import COpenSSL
internal import Identity

/// The calls into OpenSSL's session; what they need of ours is passed in.
extension TLSSession {
    enum Step {
        case outcome(Outcome)
        /// A record of application data has been read whole, and nothing behind it.
        case applicationData
        case failed(TLSError)
    }

    static func handshake(_ ssl: OpaquePointer, _ state: UnsafeMutablePointer<SessionState>) -> Step {
        ERR_clear_error()
        let result = unsafe SSL_do_handshake(ssl)
        if result == 1 {
            unsafe state.pointee.isEstablished = true
            return .outcome(.handshakeCompleted)
        }
        return unsafe step(ssl, state, result)
    }

    static func read(
        _ ssl: OpaquePointer, _ state: UnsafeMutablePointer<SessionState>, into plaintext: inout ByteBuffer,
        stopsAtData: Bool
    ) -> Step {
        while plaintext.freeCount > 0 {
            var result: CInt = 0
            // Safety: OpenSSL writes at most region.count octets.
            _ = unsafe plaintext.withUnsafeFree { region in
                var count = 0
                ERR_clear_error()
                result = unsafe SSL_read_ex(ssl, region.baseAddress, region.count, &count)
                return result == 1 ? count : 0
            }
            if result != 1 { return unsafe step(ssl, state, result) }
            if stopsAtData, unsafe SSL_pending(ssl) == 0 { return .applicationData }
        }
        let hasMore = unsafe state.pointee.inputCount > 0 || SSL_pending(ssl) > 0
        return .outcome(hasMore ? .plaintextFull : .needsInput)
    }

    static func step(
        _ ssl: OpaquePointer, _ state: UnsafeMutablePointer<SessionState>, _ result: CInt
    ) -> Step {
        switch unsafe SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return .outcome(.needsInput)
        case SSL_ERROR_WANT_WRITE: return .outcome(.outputFull)
        case SSL_ERROR_ZERO_RETURN: return .outcome(.closed)
        default:
            let error = unsafe state.pointee.failure ?? TLSError(queuedError: ERR_peek_last_error())
            ERR_clear_error()
            return .failed(error)
        }
    }

    /// Frees OpenSSL's session without telling it that the connection broke off, which would spoil its tickets.
    static func release(_ ssl: OpaquePointer) {
        unsafe SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
        unsafe SSL_free(ssl)
    }

    static func intermediates(_ ssl: OpaquePointer) -> [CertificateKey] {
        guard let chain = unsafe SSL_get0_verified_chain(ssl) else { return [] }
        var keys: [CertificateKey] = []
        // Without the leaf, and without the anchor at the end, which no CRL of ours speaks about.
        for index in stride(from: 1, to: (unsafe COpenSSL_sk_X509_num(chain)) - 1, by: 1) {
            guard let link = unsafe COpenSSL_sk_X509_value(chain, index) else { continue }
            keys.append(unsafe CertificateKey(of: link))
        }
        return keys
    }
}
