// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
package import Bytes
internal import COpenSSL
package import Identity

/// One TLS connection without a socket: ciphertext and plaintext go in and come out by buffers.
///
/// Owns the OpenSSL session and its BIO. After a thrown error the session is dead; what is in `output` then (an
/// alert) should still be sent. It belongs to one worker.
@safe
package struct TLSSession: ~Copyable {
    /// The most handshake octets accepted from a peer: a chain of several intermediates and a post-quantum key share
    /// take less than 20 KiB.
    package static let maximumHandshakeLength = 65_536
    /// The most plaintext one record holds (RFC 8446 §5.1).
    package static let maximumRecordLength = 16_384
    /// What one record adds: header 5, content type 1, tag 16 (RFC 8446 §5.2).
    package static let recordOverhead = 22
    /// Records after which the sending keys are renewed (RFC 8446 §5.5 allows 2^24.5 for AES-GCM).
    static let recordsPerKey = 1 << 24

    /// What `open` stopped for.
    package enum Outcome: Sendable, Hashable {
        /// All ciphertext is consumed; more is needed to go on.
        case needsInput
        /// `plaintext` is full and more is at hand: take it away and call again.
        case plaintextFull
        /// `output` is full: send it and call again.
        case outputFull
        /// The handshake is complete and `peer` is known; call again for what ciphertext remains. Returned once.
        case handshakeCompleted
        /// The peer has sent close_notify: nothing more will come, `seal` still works.
        case closed
    }

    /// OpenSSL's session; nil after `records` has taken over.
    private var ssl: OpaquePointer?
    private let state: UnsafeMutablePointer<SessionState>
    /// Protects the records in OpenSSL's place, from the end of the handshake on.
    private var records: RecordLayer?
    private var recordsUntilRekey = recordsPerKey
    private var hasFailed = false
    private var hasSentClose = false
    private var staysWithOpenSSL = false
    /// Which member of the mesh the peer is, from the end of the handshake on; nil for others.
    package private(set) var peer: PeerIdentity?
    /// Whether the session was resumed by a ticket (RFC 8446 §2.2) instead of certificates; false before it is known.
    package private(set) var wasResumed = false
    /// The key-exchange group, for instance `x25519`; nil before the handshake is complete.
    package private(set) var groupName: String?
    /// The cipher suite by its name in RFC 8446, for instance `TLS_AES_128_GCM_SHA256`; nil before the handshake is
    /// complete.
    package private(set) var cipherName: String?

    /// Makes a session in the role of `context`.
    ///
    /// - Parameter destination: where a client connects to, if it may resume an earlier session with the same
    ///   expectation there, and keep a ticket for a later one.
    /// - Throws: `.internalFailure`.
    package init(
        context: TLSContext, expecting expectation: PeerExpectation, destination: SocketAddress? = nil
    ) throws(TLSError) {
        guard let made = unsafe SSL_new(context.handle) else { throw .internalFailure }
        let state = UnsafeMutablePointer<SessionState>.allocate(capacity: 1)
        unsafe state.initialize(to: SessionState(context: context, expectation: expectation))
        guard let bio = unsafe MemoryBIO.make(state) else {
            unsafe SSL_free(made)
            unsafe state.deinitialize(count: 1)
            unsafe state.deallocate()
            throw .internalFailure
        }
        // Safety: the session takes the one reference to the BIO, for both directions.
        unsafe SSL_set_bio(made, bio, bio)
        switch context.role {
        case .client:
            unsafe SSL_set_connect_state(made)
            if case .server(.dns(let name)) = context.peers {
                // Safety: the name is copied. Without memory the server merely is not told which name is meant.
                _ = unsafe COpenSSL_SSL_set_server_name(made, name)
            }
            if let destination, context.allowsResumption {
                let key = ResumptionCache.Key(destination: destination, expectation: expectation)
                unsafe state.pointee.resumptionKey = key
                // Safety: the session takes a reference of its own to the ticket's.
                if let ticket = context.resumption.take(key), unsafe SSL_set_session(made, ticket.session) == 1 {
                    unsafe state.pointee.path = ticket.path
                }
            }
        case .server: unsafe SSL_set_accept_state(made)
        }
        unsafe ssl = made
        unsafe self.state = unsafe state
    }

    deinit {
        if let ssl = unsafe ssl { unsafe Self.release(ssl) }
        unsafe state.pointee.wipeSecrets()
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    /// Begins the handshake: a client appends its ClientHello, a server has nothing to say yet.
    ///
    /// - Parameter output: 2 KiB of room are enough, 4 KiB with a post-quantum group.
    /// - Throws: `.internalFailure`, `.handshakeTooLarge` when the room was not enough.
    package mutating func start(into output: inout ByteBuffer) throws(TLSError) {
        var none = ByteBuffer(capacity: 1)
        var offset = 0
        let nothing: [UInt8] = []
        guard try open(nothing.span, offset: &offset, plaintext: &none, output: &output) == .needsInput else {
            throw fail(.internalFailure)
        }
    }

    /// Takes ciphertext from `offset` on, and drives the handshake or decrypts.
    ///
    /// Plaintext is appended to `plaintext`; what must be sent (handshake, tickets, key updates, alerts) is appended
    /// to `output`. A record that is not complete stays inside, so callers never keep ciphertext; all of it is consumed
    /// unless the outcome says why not. Call it again with no ciphertext after `.plaintextFull` or `.outputFull`.
    ///
    /// - Parameter output: 8 KiB of room hold every flight; less only takes more calls.
    /// - Throws: the reason why the session ended; the alert for the peer, if one is due, is in `output`.
    package mutating func open(
        _ ciphertext: Span<UInt8>, offset: inout Int, plaintext: inout ByteBuffer, output: inout ByteBuffer
    ) throws(TLSError) -> Outcome {
        guard !hasFailed else { throw .closed }
        precondition(offset >= 0 && offset <= ciphertext.count)
        let result: Outcome
        do throws(TLSError) {
            result =
                try unsafe ssl == nil
                ? protected(ciphertext, &offset, &plaintext, &output)
                : unprotected(ciphertext, &offset, &plaintext, &output)
        } catch {
            throw fail(error)
        }
        return result
    }

    /// Opens by `records`.
    private mutating func protected(
        _ ciphertext: Span<UInt8>, _ offset: inout Int, _ plaintext: inout ByteBuffer, _ output: inout ByteBuffer
    ) throws(TLSError) -> Outcome {
        guard let outcome = try records?.open(ciphertext, offset: &offset, plaintext: &plaintext, output: &output)
        else { throw .internalFailure }
        return outcome
    }

    /// Opens, or goes on with the handshake, by OpenSSL.
    private mutating func unprotected(
        _ ciphertext: Span<UInt8>, _ offset: inout Int, _ plaintext: inout ByteBuffer, _ output: inout ByteBuffer
    ) throws(TLSError) -> Outcome {
        guard let ssl = unsafe ssl else { throw .internalFailure }
        let state = unsafe state
        let consumed = offset
        let stopsAtData = unsafe state.pointee.context.usesOwnRecordLayer && !staysWithOpenSSL
        var step = Step.outcome(.needsInput)
        var left = 0
        unsafe ciphertext.withUnsafeBufferPointer { source in
            // Safety: both regions are valid until this closure returns, when the state forgets them.
            _ = unsafe output.withUnsafeFree { room in
                unsafe state.pointee.input = unsafe source.baseAddress.map { unsafe $0 + consumed }
                unsafe state.pointee.inputCount = source.count - consumed
                unsafe state.pointee.output = room.baseAddress
                unsafe state.pointee.outputCapacity = room.count
                unsafe state.pointee.outputCount = 0
                step =
                    unsafe state.pointee.isEstablished
                    ? Self.read(ssl, state, into: &plaintext, stopsAtData: stopsAtData) : Self.handshake(ssl, state)
                left = unsafe state.pointee.inputCount
                unsafe state.pointee.input = nil
                unsafe state.pointee.inputCount = 0
                unsafe state.pointee.output = nil
                unsafe state.pointee.outputCapacity = 0
                return unsafe state.pointee.outputCount
            }
        }
        offset = ciphertext.count - left
        switch step {
        case .outcome(.handshakeCompleted):
            try unsafe completeHandshake(ssl)
            return .handshakeCompleted
        case .applicationData:
            if unsafe takeOver(ssl) { return try protected(ciphertext, &offset, &plaintext, &output) }
            staysWithOpenSSL = true
            return try unprotected(ciphertext, &offset, &plaintext, &output)
        case .outcome(.closed):
            offset = ciphertext.count  // what follows close_notify is ignored (RFC 8446 §6.1)
            return .closed
        case .outcome(let outcome): return outcome
        case .failed(let error): throw error
        }
    }

    /// Encrypts all of `bytes` in records of up to 16,384 octets, and appends them to `output`.
    ///
    /// - Parameter output: the caller guarantees `sealedSize(bytes.count)` octets of room (trap otherwise).
    /// - Throws: `.closed` before the handshake is complete or after a failure; `.internalFailure`.
    package mutating func seal(_ bytes: Span<UInt8>, into output: inout ByteBuffer) throws(TLSError) {
        guard unsafe !hasFailed && state.pointee.isEstablished else { throw .closed }
        guard !bytes.isEmpty else { return }
        precondition(output.freeCount >= Self.sealedSize(bytes.count))
        guard let ssl = unsafe ssl else {
            do throws(TLSError) {
                try records?.seal(bytes, into: &output)
            } catch {
                throw fail(error)
            }
            return
        }
        recordsUntilRekey -= Self.records(bytes.count)
        if recordsUntilRekey <= 0 {
            recordsUntilRekey = Self.recordsPerKey
            unsafe SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED)
        }
        let state = unsafe state
        var result: CInt = 0
        unsafe bytes.withUnsafeBufferPointer { source in
            // Safety: as for `open`.
            _ = unsafe output.withUnsafeFree { room in
                unsafe state.pointee.output = room.baseAddress
                unsafe state.pointee.outputCapacity = room.count
                unsafe state.pointee.outputCount = 0
                var written = 0
                ERR_clear_error()
                result = unsafe SSL_write_ex(ssl, source.baseAddress, source.count, &written)
                unsafe state.pointee.output = nil
                unsafe state.pointee.outputCapacity = 0
                return unsafe state.pointee.outputCount
            }
        }
        guard result == 1 else { throw fail(.internalFailure) }
    }

    /// The room that `seal` needs for `count` octets: records with their overhead, and one key update.
    package static func sealedSize(_ count: Int) -> Int {
        count + records(count) * recordOverhead + 64
    }

    /// Appends close_notify, unless it was sent before or the session is not established.
    package mutating func close(into output: inout ByteBuffer) {
        let isOpen = unsafe !hasFailed && !hasSentClose && state.pointee.isEstablished
        guard isOpen else { return }
        hasSentClose = true
        guard let ssl = unsafe ssl else {
            records?.close(into: &output)
            return
        }
        let state = unsafe state
        // Safety: as for `open`.
        _ = unsafe output.withUnsafeFree { room in
            unsafe state.pointee.output = room.baseAddress
            unsafe state.pointee.outputCapacity = room.count
            unsafe state.pointee.outputCount = 0
            ERR_clear_error()
            unsafe SSL_shutdown(ssl)
            unsafe state.pointee.output = nil
            unsafe state.pointee.outputCapacity = 0
            return unsafe state.pointee.outputCount
        }
    }

    // MARK: - What is known

    /// Whether the handshake is complete and the session has not failed.
    package var isEstablished: Bool { unsafe !hasFailed && state.pointee.isEstablished }

    /// The identity that the peer claimed in a certificate that verified, also when it was then refused.
    package var presentedIdentity: SPIFFEID? { unsafe state.pointee.presented }

    /// The line for an operator about `error`, with the identities that it is about.
    package func describe(_ error: TLSError) -> String {
        guard let presented = presentedIdentity else { return error.description }
        switch (error, unsafe state.pointee.expectation) {
        case (.unexpectedIdentity, .oneOf(let expected)):
            return "\(error): it is \(presented), expected "
                + (expected.isEmpty ? "nobody" : expected.map(\.description).joined(separator: " or "))
        case (.otherTrustDomain, _):
            guard case .members(let ours) = unsafe state.pointee.context.peers else { return error.description }
            return "\(error): it is \(presented), ours is \(ours)"
        default:
            return error.description
        }
    }

    // MARK: - Inside

    /// Whether `records` has taken over.
    var hasOwnRecords: Bool { unsafe ssl == nil }

    /// Renews the keys of the records we send, before the next one; asks the peer to do the same where OpenSSL can.
    mutating func updateKeys() {
        records?.updateKeys()
        if let ssl = unsafe ssl { unsafe SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) }
    }

    private mutating func fail(_ error: TLSError) -> TLSError {
        hasFailed = true
        return error
    }

    private static func records(_ count: Int) -> Int {
        (count + maximumRecordLength - 1) / maximumRecordLength
    }

    private mutating func completeHandshake(_ ssl: OpaquePointer) throws(TLSError) {
        guard unsafe ALPN.isNegotiated(ssl) else { throw .noApplicationProtocol }
        guard case .members = unsafe state.pointee.context.peers else { return unsafe endHandshake(ssl) }
        // Safety: OpenSSL gives a reference of our own, which Certificate takes over.
        guard let handle = unsafe SSL_get1_peer_certificate(ssl) else { throw .noPeerCertificate }
        let certificate = unsafe Certificate(adopting: handle)
        // Once more: a resumed session has not been through verification, and time has passed since.
        try unsafe state.pointee.checkPeer(certificate.facts)
        let isResumed = unsafe SSL_session_reused(ssl) == 1
        guard !isResumed || UnixTime.now() <= certificate.notAfter else { throw .certificateExpired }
        guard let id = unsafe state.pointee.presented else { throw .noPeerCertificate }
        if !isResumed || (unsafe state.pointee.path.isEmpty) {
            unsafe state.pointee.path = [certificate.key] + Self.intermediates(ssl)
        }
        peer = unsafe PeerIdentity(id: id, path: state.pointee.path, notAfter: certificate.notAfter)
        unsafe endHandshake(ssl)
    }

    private mutating func endHandshake(_ ssl: OpaquePointer) {
        unsafe takeNames(ssl)
        unsafe state.pointee.recordsRead = 0
        unsafe state.pointee.recordsWritten =
            state.pointee.context.role == .server ? state.pointee.recordsWrittenSinceRead : 0
        // A ticket comes before the first application data, and only OpenSSL can take it.
        let awaitsTicket = unsafe state.pointee.resumptionKey != nil
        if !awaitsTicket { staysWithOpenSSL = unsafe !takeOver(ssl) }
    }

    private mutating func takeNames(_ ssl: OpaquePointer) {
        wasResumed = unsafe SSL_session_reused(ssl) == 1
        let group = unsafe COpenSSL_SSL_get_negotiated_group(ssl)
        if group != 0, let name = unsafe COpenSSL_SSL_group_to_name(ssl, group) {
            groupName = unsafe String(cString: name)
        }
        if let cipher = unsafe SSL_get_current_cipher(ssl), let name = unsafe SSL_CIPHER_standard_name(cipher) {
            cipherName = unsafe String(cString: name)
        }
    }

    /// Puts `records` in OpenSSL's place when it can go on exactly where OpenSSL is; else OpenSSL simply stays.
    ///
    /// Called at the end of the handshake, or when a record has been read whole. What was counted since the end of the
    /// handshake is protected by the traffic secrets; so are, of a server, the records with tickets, which are those
    /// that it wrote since it read the client's last one.
    private mutating func takeOver(_ ssl: OpaquePointer) -> Bool {
        let role = unsafe state.pointee.context.role
        guard unsafe state.pointee.context.usesOwnRecordLayer && !state.pointee.hasKeyUpdate,
            let cipher = unsafe SSL_get_current_cipher(ssl),
            let suite = unsafe CipherSuite(rawValue: SSL_CIPHER_get_protocol_id(cipher)),
            let sending = unsafe RecordKeys(
                suite: suite, secret: role == .client ? state.pointee.clientSecret : state.pointee.serverSecret,
                sequence: state.pointee.recordsWritten, isSending: true),
            let receiving = unsafe RecordKeys(
                suite: suite, secret: role == .client ? state.pointee.serverSecret : state.pointee.clientSecret,
                sequence: state.pointee.recordsRead, isSending: false)
        else { return false }
        records = RecordLayer(role: role, sending: sending, receiving: receiving)
        unsafe state.pointee.wipeSecrets()
        unsafe Self.release(ssl)
        unsafe self.ssl = nil
        return true
    }
}
