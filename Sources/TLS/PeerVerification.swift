// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
internal import Identity

/// Replaces OpenSSL's own verification: chain first, then the rules of X.509-SVID, then who it is.
func verifyPeer(_ store: OpaquePointer?, _ argument: UnsafeMutableRawPointer?) -> CInt {
    // Safety: OpenSSL lends the store context for this call, with the session in its ex_data.
    guard let store = unsafe store,
        let raw = unsafe X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
        let state = unsafe MemoryBIO.state(of: OpaquePointer(raw)),
        let leaf = unsafe X509_STORE_CTX_get0_cert(store)
    else { return 0 }
    unsafe X509_STORE_CTX_set_verify_cb(store, judgeRevocation)
    let chainVerifies = unsafe X509_verify_cert(store) == 1
    let chainError = unsafe X509_STORE_CTX_get_error(store)
    do throws(TLSError) {
        guard chainVerifies else { throw unsafe TLSError(verificationError: chainError, leaf: leaf) }
        try unsafe state.pointee.checkPeer(CertificateFacts(reading: leaf))
        // Before the handshake ends, so that a peer without h2 learns of it by an alert.
        guard unsafe ALPN.isNegotiated(OpaquePointer(raw)) else { throw .noApplicationProtocol }
        // A ticket remembers the leaf only: a peer whose intermediates could be revoked gets none.
        if let chain = unsafe X509_STORE_CTX_get0_chain(store), unsafe COpenSSL_sk_X509_num(chain) > 2 {
            unsafe SSL_set_num_tickets(OpaquePointer(raw), 0)
        }
        return 1
    } catch {
        unsafe state.pointee.failure = error
        // Keeps the alert that a chain error has; everything else says "bad certificate".
        if chainVerifies { unsafe X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED) }
        return 0
    }
}

/// Overrules OpenSSL where it refuses for want of a CRL and the policy of the context does not.
private func judgeRevocation(_ verifies: CInt, _ store: OpaquePointer?) -> CInt {
    guard verifies != 1 else { return 1 }
    // Safety: as for verifyPeer.
    guard let store = unsafe store,
        let raw = unsafe X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
        let state = unsafe MemoryBIO.state(of: OpaquePointer(raw)),
        case .lists(_, let acceptsExpired, let requiresStatus) = unsafe state.pointee.context.revocation
    else { return 0 }
    switch unsafe X509_STORE_CTX_get_error(store) {
    case X509_V_ERR_UNABLE_TO_GET_CRL where !requiresStatus, X509_V_ERR_CRL_HAS_EXPIRED where acceptsExpired:
        unsafe X509_STORE_CTX_set_error(store, X509_V_OK)
        return 1
    default:
        return 0
    }
}

extension SessionState {
    /// Checks the leaf of a verified chain and whom it names; keeps the identity in `presented`.
    ///
    /// Does nothing for a server that is known by its name, which verification has compared.
    mutating func checkPeer(_ facts: CertificateFacts) throws(TLSError) {
        guard case .members(let trustDomain) = context.peers else { return }
        if case .unavailable = context.revocation { throw .revocationUnknown }
        let id: SPIFFEID
        do throws(SVIDError) {
            id = try facts.leafID()
        } catch {
            throw .peerNotSVID(error)
        }
        presented = id
        guard id.trustDomain == trustDomain else { throw .otherTrustDomain }
        guard expectation.accepts(id) else { throw .unexpectedIdentity }
    }
}

extension TLSError {
    /// Translates an `X509_V_ERR_*`; a wrong purpose is explained by the rule of X.509-SVID that the leaf breaks.
    @unsafe
    init(verificationError code: CInt, leaf: OpaquePointer) {
        switch code {
        case X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD: self = .certificateExpired
        case X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
            self = .certificateNotYetValid
        case X509_V_ERR_CERT_REVOKED: self = .certificateRevoked
        case X509_V_ERR_UNABLE_TO_GET_CRL, X509_V_ERR_CRL_HAS_EXPIRED, X509_V_ERR_CRL_NOT_YET_VALID,
            X509_V_ERR_CRL_SIGNATURE_FAILURE:
            self = .revocationUnknown
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_UNTRUSTED, X509_V_ERR_CERT_SIGNATURE_FAILURE:
            self = .unknownAuthority
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: self = .unexpectedServerName
        case X509_V_ERR_INVALID_PURPOSE, X509_V_ERR_INVALID_CA, X509_V_ERR_PATH_LENGTH_EXCEEDED,
            X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
            self = .certificateUsage
            do throws(SVIDError) {
                _ = try unsafe CertificateFacts(reading: leaf).leafID()
            } catch {
                self = .peerNotSVID(error)
            }
        default: self = .certificateRejected(code)
        }
    }

    /// Translates the last error of OpenSSL's queue.
    init(queuedError code: UInt) {
        let reason = ERR_GET_REASON(code)
        guard ERR_GET_LIB(code) == ERR_LIB_SSL else {
            self = ERR_GET_LIB(code) == ERR_LIB_EVP || code == 0 ? .internalFailure : .protocolViolation
            return
        }
        switch reason {
        case 1000..<1256:  // SSL_AD_REASON_OFFSET and the alert's number
            self = .alert(UInt8(reason - 1000))
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: self = .noPeerCertificate
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_WRONG_VERSION_NUMBER, SSL_R_BAD_RECORD_TYPE:
            self = .notTLS
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW: self = .protocolVersion
        case SSL_R_NO_APPLICATION_PROTOCOL: self = .noApplicationProtocol
        case SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SHARED_GROUPS,
            SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
            self = .noCommonAlgorithm
        case SSL_R_EXCESSIVE_MESSAGE_SIZE: self = .handshakeTooLarge
        case Int32(ERR_R_MALLOC_FAILURE), Int32(ERR_R_INTERNAL_ERROR): self = .internalFailure
        default: self = .protocolViolation
        }
    }
}
