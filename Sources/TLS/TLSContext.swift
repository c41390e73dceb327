// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import Bytes
internal import COpenSSL
package import Identity

/// The settings, certificate and trust of sessions in one role: made once per identity, certificate generation and
/// role, and used by all workers.
///
/// Sessions hold their context, so a new context for a renewed certificate or another bundle leaves live sessions
/// alone. Session tickets are bound to the context that issued them, so resumption never outlives a change of
/// identity, certificate or trust.
///
/// ## Concurrency model
/// OpenSSL allows an `SSL_CTX` to be shared by threads as long as it is not changed: nothing changes it after `init`.
/// All stored properties are constants.
@safe
package final class TLSContext: @unchecked Sendable {
    /// Which side the sessions play.
    package let role: TLSRole
    /// Who the peers of the sessions are.
    let peers: Peers
    let revocation: RevocationPolicy
    let usesOwnRecordLayer: Bool
    let allowsResumption: Bool
    let resumption = ResumptionCache()
    let handle: OpaquePointer

    /// Who is on the other side, and how it proves that.
    enum Peers: Sendable {
        /// A member of the mesh, by an X.509-SVID of this trust domain, for which the bundle speaks.
        case members(TrustDomain)
        /// A client that shows no certificate: TLS does not tell who it is.
        case anonymous
        /// A server of this name.
        case server(ServerName)
    }

    /// The deepest chain accepted: intermediates between a leaf and its root.
    static let maximumChainDepth: CInt = 6
    /// The largest certificate message accepted, in octets.
    static let maximumCertificateLength = 32_768
    /// How long a ticket may be used, in seconds; RFC 8446 §4.6.1 allows seven days.
    static let ticketLifetime = 3_600

    /// Makes a context for sessions between members of the mesh.
    ///
    /// - Throws: `.configuration` when OpenSSL refuses the certificate, the key or a setting; `.internalFailure`.
    package convenience init(
        role: TLSRole, svid: X509SVID, bundle: TrustBundle, trustDomain: TrustDomain,
        revocation: RevocationPolicy = .unchecked, options: TLSOptions = TLSOptions()
    ) throws(TLSError) {
        try self.init(
            role, .members(trustDomain), chain: svid.chain, key: svid.privateKey, authorities: bundle.authorities,
            revocation, options)
    }

    /// Makes a context for a server whose clients show no certificate, such as the CA service, which knows its clients
    /// by their tokens.
    ///
    /// - Throws: as `init(role:svid:bundle:trustDomain:revocation:options:)`.
    package convenience init(
        serving chain: [Certificate], key: PrivateKey, options: TLSOptions = TLSOptions()
    ) throws(TLSError) {
        var options = options
        options.allowsResumption = false
        try self.init(.server, .anonymous, chain: chain, key: key, authorities: [], .unchecked, options)
    }

    /// Makes a context for a client that shows no certificate to a server called `name`, certified by `authorities`.
    ///
    /// - Throws: as `init(role:svid:bundle:trustDomain:revocation:options:)`.
    package convenience init(
        server name: ServerName, authorities: [Certificate], options: TLSOptions = TLSOptions()
    ) throws(TLSError) {
        var options = options
        options.allowsResumption = false
        try self.init(.client, .server(name), chain: [], key: nil, authorities: authorities, .unchecked, options)
    }

    /// Makes a context for a client that proves itself by a certificate of any kind to a server called `name`, certified
    /// by `authorities`: the Kubernetes API.
    ///
    /// - Throws: as `init(role:svid:bundle:trustDomain:revocation:options:)`.
    package convenience init(
        server name: ServerName, authorities: [Certificate], chain: [Certificate], key: PrivateKey
    ) throws(TLSError) {
        var options = TLSOptions()
        options.allowsResumption = false
        try self.init(.client, .server(name), chain: chain, key: key, authorities: authorities, .unchecked, options)
    }

    private init(
        _ role: TLSRole, _ peers: Peers, chain: [Certificate], key: PrivateKey?, authorities: [Certificate],
        _ revocation: RevocationPolicy, _ options: TLSOptions
    ) throws(TLSError) {
        ERR_clear_error()
        defer { ERR_clear_error() }
        let method = unsafe role == .server ? TLS_server_method() : TLS_client_method()
        guard let made = unsafe SSL_CTX_new(method) else { throw .internalFailure }
        unsafe handle = made
        self.role = role
        self.peers = peers
        self.revocation = revocation
        usesOwnRecordLayer = options.usesOwnRecordLayer
        allowsResumption = options.allowsResumption
        try configureProtocol(options)
        try configureIdentity(chain, key)
        try configureVerification(authorities)
        try bindSessions(chain + authorities)
    }

    deinit {
        unsafe SSL_CTX_free(handle)
    }

    private func configureProtocol(_ options: TLSOptions) throws(TLSError) {
        // Safety: the context is ours and not shared yet; the strings are copied.
        guard unsafe COpenSSL_SSL_CTX_set_min_proto_version(handle, TLS1_3_VERSION) == 1,
            unsafe COpenSSL_SSL_CTX_set_max_proto_version(handle, TLS1_3_VERSION) == 1,
            unsafe SSL_CTX_set_ciphersuites(handle, options.cipherSuites) == 1
        else { throw .configuration }
        let groups = options.groups.filter { unsafe COpenSSL_SSL_CTX_set1_groups_list(handle, $0) == 1 }
        guard !groups.isEmpty,
            unsafe COpenSSL_SSL_CTX_set1_groups_list(handle, groups.joined(separator: ":")) == 1
        else { throw .configuration }
        // 112 bits: nothing weaker than RSA 2048 in a chain, whatever openssl.cnf says.
        unsafe SSL_CTX_set_security_level(handle, 2)
        unsafe SSL_CTX_set_options(
            handle, COpenSSL_SSL_OP_NO_RENEGOTIATION | COpenSSL_SSL_OP_CIPHER_SERVER_PREFERENCE)
        unsafe COpenSSL_SSL_CTX_set_mode(
            handle, Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER))
        unsafe COpenSSL_SSL_CTX_set_max_cert_list(handle, Self.maximumCertificateLength)
        if usesOwnRecordLayer { unsafe HandshakeObserver.install(in: handle) }
        let protocols = ALPN.wireFormat
        guard unsafe SSL_CTX_set_alpn_protos(handle, protocols, UInt32(protocols.count)) == 0 else {
            throw .configuration
        }
        configureResumption()
    }

    private func configureResumption() {
        // Safety: the context is ours and not shared yet.
        unsafe COpenSSL_SSL_CTX_set_timeout(handle, Self.ticketLifetime)
        switch role {
        case .client:
            let mode = allowsResumption ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF
            unsafe COpenSSL_SSL_CTX_set_session_cache_mode(handle, Int(mode))
            unsafe SSL_CTX_sess_set_new_cb(handle, keepTicket)
        case .server:
            unsafe SSL_CTX_set_alpn_select_cb(handle, selectApplicationProtocol, nil)
            // Tickets carry the session, so no cache is kept here; one ticket per connection is enough.
            unsafe COpenSSL_SSL_CTX_set_session_cache_mode(handle, Int(SSL_SESS_CACHE_OFF))
            unsafe SSL_CTX_set_num_tickets(handle, allowsResumption ? 1 : 0)
        }
    }

    private func configureIdentity(_ chain: [Certificate], _ key: PrivateKey?) throws(TLSError) {
        guard let leaf = chain.first, let key else { return }
        // Safety: OpenSSL takes references of its own to certificates and key.
        guard unsafe SSL_CTX_use_certificate(handle, leaf.handle) == 1,
            unsafe SSL_CTX_use_PrivateKey(handle, key.handle) == 1
        else { throw .configuration }
        for certificate in chain.dropFirst() {
            guard unsafe COpenSSL_SSL_CTX_add1_chain_cert(handle, certificate.handle) == 1 else {
                throw .configuration
            }
        }
    }

    private func configureVerification(_ authorities: [Certificate]) throws(TLSError) {
        if case .anonymous = peers {
            unsafe SSL_CTX_set_verify(handle, SSL_VERIFY_NONE, nil)
            return
        }
        guard let store = unsafe SSL_CTX_get_cert_store(handle), let parameters = unsafe SSL_CTX_get0_param(handle)
        else { throw .internalFailure }
        for authority in authorities {
            guard unsafe X509_STORE_add_cert(store, authority.handle) == 1 else { throw .configuration }
        }
        // An intermediate in the bundle is an anchor as good as a root.
        var flags = X509_V_FLAG_PARTIAL_CHAIN
        if case .lists(let set, _, _) = revocation {
            for list in set.lists {
                guard unsafe X509_STORE_add_crl(store, list.handle) == 1 else { throw .configuration }
            }
            flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL
        }
        unsafe X509_VERIFY_PARAM_set_flags(parameters, UInt(flags))
        unsafe X509_VERIFY_PARAM_set_depth(parameters, Self.maximumChainDepth)
        if case .server(let name) = peers {
            // Safety: the text is copied. Partial wildcards and common names are for no certificate of our century.
            unsafe X509_VERIFY_PARAM_set_hostflags(
                parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
            let isSet =
                switch name {
                case .dns(let text): unsafe X509_VERIFY_PARAM_set1_host(parameters, text, text.utf8.count)
                case .address(let address): unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, address.description)
                }
            guard isSet == 1 else { throw .configuration }
        }
        unsafe SSL_CTX_set_verify(handle, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        unsafe SSL_CTX_set_cert_verify_callback(handle, verifyPeer, nil)
    }

    /// Binds tickets to 32 octets that differ whenever role, certificates or bundle differ.
    private func bindSessions(_ certificates: [Certificate]) throws(TLSError) {
        var text: [UInt8] = [role == .server ? 1 : 2]
        do throws(IdentityError) {
            for certificate in certificates { text += try certificate.der() }
        } catch {
            throw .internalFailure
        }
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        guard unsafe EVP_Digest(text, text.count, &digest, &length, EVP_sha256(), nil) == 1, length == 32,
            unsafe SSL_CTX_set_session_id_context(handle, digest, UInt32(digest.count)) == 1
        else { throw .internalFailure }
    }
}

/// The one application protocol of the mesh (RFC 7301, RFC 9113 §3.2).
enum ALPN {
    /// The protocol list with its one length-prefixed entry.
    static let wireFormat: [UInt8] = [2, UInt8(ascii: "h"), UInt8(ascii: "2")]

    /// Whether the session negotiated `h2`.
    @unsafe
    static func isNegotiated(_ ssl: OpaquePointer) -> Bool {
        var name: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        unsafe SSL_get0_alpn_selected(ssl, &name, &length)
        // Safety: OpenSSL lends `length` octets as long as the session lives.
        guard length == 2, let name = unsafe name else { return false }
        return unsafe name[0] == UInt8(ascii: "h") && name[1] == UInt8(ascii: "2")
    }
}

/// Chooses `h2` from a client's list, or refuses with the alert no_application_protocol.
private func selectApplicationProtocol(
    _ ssl: OpaquePointer?, _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ chosenLength: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?, _ offeredLength: UInt32,
    _ argument: UnsafeMutableRawPointer?
) -> CInt {
    guard let chosen = unsafe chosen, let chosenLength = unsafe chosenLength, let offered = unsafe offered else {
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }
    // Safety: OpenSSL has checked the list and lends offeredLength octets of it; the choice may point into it.
    let list = unsafe UnsafeBufferPointer(start: offered, count: Int(offeredLength))
    var offset = 0
    while offset < list.count {
        let length = unsafe Int(list[offset])
        guard offset + 1 + length <= list.count else { break }
        if unsafe length == 2 && list[offset + 1] == UInt8(ascii: "h") && list[offset + 2] == UInt8(ascii: "2") {
            unsafe chosen.pointee = offered + offset + 1
            unsafe chosenLength.pointee = 2
            return SSL_TLSEXT_ERR_OK
        }
        offset += 1 + length
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
}
