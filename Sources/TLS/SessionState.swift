// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
internal import Identity

/// What OpenSSL's callbacks need of one session: the memory lent for the call that is running, and whom to expect.
///
/// One per session, on the heap at a fixed address, which is the data of the session's BIO. The lent pointers are set
/// only while a call into OpenSSL runs.
@safe
struct SessionState {
    var input: UnsafePointer<UInt8>?
    var inputCount = 0
    var output: UnsafeMutablePointer<UInt8>?
    var outputCapacity = 0
    var outputCount = 0
    /// Octets received before the handshake was complete.
    var handshakeLength = 0
    var isEstablished = false
    /// What a callback refused; it explains the failure that OpenSSL then reports.
    var failure: TLSError?
    /// The identity the peer claims in a certificate that verified, whether or not it is the expected one.
    var presented: SPIFFEID?
    /// The traffic secrets of the handshake, until `RecordLayer` takes over.
    var clientSecret = TrafficSecret()
    var serverSecret = TrafficSecret()
    /// Records that OpenSSL wrote since it read one, and read and wrote since the handshake was complete.
    var recordsWrittenSinceRead: UInt64 = 0
    var recordsRead: UInt64 = 0
    var recordsWritten: UInt64 = 0
    /// Whether OpenSSL has seen a key update, so that the secrets above are no longer those in use.
    var hasKeyUpdate = false
    /// Under what to keep tickets; nil when the session is not to be resumed.
    var resumptionKey: ResumptionCache.Key?
    /// The certificates that were verified, in this handshake or in the one that is being resumed.
    var path: [CertificateKey] = []
    let context: TLSContext
    let expectation: PeerExpectation

    init(context: TLSContext, expectation: PeerExpectation) {
        unsafe input = nil
        unsafe output = nil
        self.context = context
        self.expectation = expectation
    }
}

extension SessionState {
    /// Forgets the traffic secrets.
    mutating func wipeSecrets() {
        clientSecret.wipe()
        serverSecret.wipe()
    }
}

/// The BIO that lends memory to OpenSSL instead of a socket.
///
/// ## Concurrency model
///
/// `method` is made once, by Swift's initialiser of statics, and only read afterwards: by OpenSSL, on any worker.
enum MemoryBIO {
    /// Made once; nil when OpenSSL has no memory, which sessions report as `.internalFailure`.
    nonisolated(unsafe) static let method: OpaquePointer? = unsafe makeMethod()

    private static func makeMethod() -> OpaquePointer? {
        let type = BIO_get_new_index()
        guard type != -1, let method = unsafe BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "ambit") else { return nil }
        unsafe BIO_meth_set_read_ex(method, memoryBIORead)
        unsafe BIO_meth_set_write_ex(method, memoryBIOWrite)
        unsafe BIO_meth_set_ctrl(method, memoryBIOControl)
        return unsafe method
    }

    /// A BIO over `state`, which must outlive it.
    @unsafe
    static func make(_ state: UnsafeMutablePointer<SessionState>) -> OpaquePointer? {
        guard let method = unsafe method, let bio = unsafe BIO_new(method) else { return nil }
        unsafe BIO_set_data(bio, state)
        unsafe BIO_set_init(bio, 1)
        return unsafe bio
    }

    /// The state of the session that owns `ssl`.
    @unsafe
    static func state(of ssl: OpaquePointer) -> UnsafeMutablePointer<SessionState>? {
        // The read side is always our BIO; the write side has a buffer in front during the handshake.
        guard let bio = unsafe SSL_get_rbio(ssl) else { return nil }
        return unsafe BIO_get_data(bio)?.assumingMemoryBound(to: SessionState.self)
    }
}

/// Gives OpenSSL the next ciphertext of what was lent; asks it to retry later when there is none.
private func memoryBIORead(
    _ bio: OpaquePointer?, _ target: UnsafeMutablePointer<CChar>?, _ capacity: Int, _ count: UnsafeMutablePointer<Int>?
) -> CInt {
    // Safety: OpenSSL passes a region of `capacity` octets; what was lent is valid during the call that runs.
    guard let bio = unsafe bio, let target = unsafe target, let count = unsafe count,
        let state = unsafe BIO_get_data(bio)?.assumingMemoryBound(to: SessionState.self)
    else { return 0 }
    unsafe COpenSSL_BIO_clear_retry_flags(bio)
    let length = unsafe min(capacity, state.pointee.inputCount)
    guard length > 0, let input = unsafe state.pointee.input else {
        unsafe count.pointee = 0
        unsafe COpenSSL_BIO_set_retry_read(bio)
        return 0
    }
    if unsafe !state.pointee.isEstablished {
        unsafe state.pointee.handshakeLength += length
        guard unsafe state.pointee.handshakeLength <= TLSSession.maximumHandshakeLength else {
            unsafe state.pointee.failure = .handshakeTooLarge
            unsafe count.pointee = 0
            return 0
        }
    }
    unsafe UnsafeMutableRawPointer(target).copyMemory(from: input, byteCount: length)
    unsafe state.pointee.input = input + length
    unsafe state.pointee.inputCount -= length
    unsafe count.pointee = length
    return 1
}

/// Takes ciphertext from OpenSSL into the room that was lent; asks it to retry later when that is full.
private func memoryBIOWrite(
    _ bio: OpaquePointer?, _ source: UnsafePointer<CChar>?, _ length: Int, _ count: UnsafeMutablePointer<Int>?
) -> CInt {
    // Safety: as for reading.
    guard let bio = unsafe bio, let source = unsafe source, let count = unsafe count,
        let state = unsafe BIO_get_data(bio)?.assumingMemoryBound(to: SessionState.self)
    else { return 0 }
    unsafe COpenSSL_BIO_clear_retry_flags(bio)
    let free = unsafe state.pointee.outputCapacity - state.pointee.outputCount
    let taken = min(length, free)
    guard taken > 0, let output = unsafe state.pointee.output else {
        unsafe count.pointee = 0
        unsafe COpenSSL_BIO_set_retry_write(bio)
        return 0
    }
    unsafe UnsafeMutableRawPointer(output + state.pointee.outputCount).copyMemory(from: source, byteCount: taken)
    unsafe state.pointee.outputCount += taken
    unsafe count.pointee = taken
    return 1
}

/// Flushing always succeeds; everything else is not supported.
private func memoryBIOControl(
    _ bio: OpaquePointer?, _ command: CInt, _ number: Int, _ pointer: UnsafeMutableRawPointer?
) -> Int {
    command == BIO_CTRL_FLUSH ? 1 : 0
}
