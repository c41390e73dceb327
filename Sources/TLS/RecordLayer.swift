// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import Bytes
internal import COpenSSL

/// The records of an established TLS 1.3 connection, from the handshake's traffic secrets on (RFC 8446 §5, §4.6).
///
/// OpenSSL's library does the handshake and its cipher functions do the cryptography. What lies between is done here,
/// because it is on the byte path: a record is decrypted from the caller's ciphertext straight into the caller's
/// plaintext, and the reverse, and a connection at rest keeps two cipher contexts instead of a whole session
/// (measured: docs/identity.md). Post-handshake messages: key updates are followed, session tickets are skipped.
struct RecordLayer: ~Copyable {
    /// Records without application data that may follow one another; OpenSSL allows 32 empty ones.
    static let maximumIdleRecords = 64
    /// The longest post-handshake message: a ticket of 2^16 octets (RFC 8446 §4.6.1) with what is around it.
    static let maximumMessageLength = 66_000

    private let role: TLSRole
    private var sending: RecordKeys
    private var receiving: RecordKeys
    /// The record of which not all octets have come; exists only while there is one.
    private var partial: ByteBuffer?
    /// Plaintext for which the caller's buffer is too small; exists only while there is some.
    private var overflow: ByteBuffer?
    /// The part of a post-handshake message that has come.
    private var message: [UInt8] = []
    private var idleRecords = 0
    private var owesKeyUpdate = false
    private var isClosedByPeer = false

    init(role: TLSRole, sending: consuming RecordKeys, receiving: consuming RecordKeys) {
        self.role = role
        self.sending = sending
        self.receiving = receiving
    }

    /// Renews the sending keys before the next record.
    mutating func updateKeys() { owesKeyUpdate = true }

    /// Whether anything but keys is kept.
    var holdsBuffers: Bool { partial != nil || overflow != nil }
}

// MARK: - Sending

extension RecordLayer {
    /// As `TLSSession.seal`, which has checked the room.
    mutating func seal(_ bytes: Span<UInt8>, into output: inout ByteBuffer) throws(TLSError) {
        if sending.sequence >= sending.suite.recordsPerKey { owesKeyUpdate = true }
        if owesKeyUpdate { try sendKeyUpdate(into: &output) }
        var isSealed = true
        unsafe bytes.withUnsafeBufferPointer { source in
            _ = unsafe output.withUnsafeFree { room in
                guard let from = source.baseAddress, let target = room.baseAddress else { return 0 }
                var offset = 0
                var written = 0
                while offset < source.count {
                    let count = min(source.count - offset, TLSSession.maximumRecordLength)
                    // Safety: TLSSession.sealedSize octets of room hold all records.
                    let length = unsafe sending.seal(
                        from + offset, count: count, type: RecordType.applicationData, into: target + written)
                    guard length > 0 else {
                        isSealed = false
                        return written
                    }
                    offset += count
                    written += length
                }
                return written
            }
        }
        guard isSealed else { throw .internalFailure }
    }

    /// Appends one small record.
    ///
    /// - Returns: false when there is no room or OpenSSL fails.
    @discardableResult
    mutating func send(_ content: [UInt8], type: UInt8, into output: inout ByteBuffer) -> Bool {
        guard output.freeCount >= content.count + TLSSession.recordOverhead else { return false }
        return unsafe content.withUnsafeBufferPointer { source in
            unsafe output.withUnsafeFree { room in
                guard let from = source.baseAddress, let target = room.baseAddress else { return 0 }
                // Safety: the guard above has checked the room.
                return unsafe sending.seal(from, count: source.count, type: type, into: target)
            } > 0
        }
    }

    /// Appends close_notify (RFC 8446 §6.1).
    mutating func close(into output: inout ByteBuffer) {
        send([1, 0], type: RecordType.alert, into: &output)
    }

    /// Tells the peer that new keys follow, and uses them (RFC 8446 §4.6.3).
    private mutating func sendKeyUpdate(into output: inout ByteBuffer) throws(TLSError) {
        // KeyUpdate: type 24, length 1, update_not_requested.
        guard send([24, 0, 0, 1, 0], type: RecordType.handshake, into: &output) else { return }
        owesKeyUpdate = false
        guard sending.update() else { throw .internalFailure }
    }

    /// Appends a fatal alert.
    private mutating func fail(
        _ error: TLSError = .protocolViolation, alert: UInt8, into output: inout ByteBuffer
    ) -> TLSError {
        send([2, alert], type: RecordType.alert, into: &output)
        return error
    }
}

// MARK: - Receiving

extension RecordLayer {
    /// As `TLSSession.open`.
    mutating func open(
        _ ciphertext: Span<UInt8>, offset: inout Int, plaintext: inout ByteBuffer, output: inout ByteBuffer
    ) throws(TLSError) -> TLSSession.Outcome {
        while true {
            if overflow != nil, !drainOverflow(into: &plaintext) { return .plaintextFull }
            if isClosedByPeer {
                offset = ciphertext.count
                return .closed
            }
            if partial == nil, let end = try wholeRecord(in: ciphertext, at: offset, output: &output) {
                let record = ciphertext.extracting(offset..<end)
                guard try process(record, plaintext: &plaintext, output: &output) else { return .plaintextFull }
                offset = end
            } else if try gather(ciphertext, offset: &offset, output: &output) {
                guard try processPartial(plaintext: &plaintext, output: &output) else { return .plaintextFull }
            } else {
                if owesKeyUpdate { try sendKeyUpdate(into: &output) }
                return .needsInput
            }
        }
    }

    private mutating func drainOverflow(into plaintext: inout ByteBuffer) -> Bool {
        guard var rest = overflow.take() else { return true }
        rest.consume(plaintext.appendPrefix(copying: rest.readable))
        if rest.isEmpty { return true }
        overflow = consume rest
        return false
    }

    /// - Returns: where the record that starts at `offset` ends; nil when not all of it is there.
    private mutating func wholeRecord(
        in ciphertext: Span<UInt8>, at offset: Int, output: inout ByteBuffer
    ) throws(TLSError) -> Int? {
        guard ciphertext.count - offset >= RecordType.headerLength else { return nil }
        let header = ciphertext.extracting(offset..<(offset + RecordType.headerLength))
        let end = try offset + RecordType.headerLength + fragmentLength(header, output: &output)
        return end <= ciphertext.count ? end : nil
    }

    /// Checks a record header (RFC 8446 §5.2); its version says nothing and is not looked at (§5.1).
    private mutating func fragmentLength(
        _ header: Span<UInt8>, output: inout ByteBuffer
    ) throws(TLSError) -> Int {
        guard header[0] == RecordType.applicationData else { throw fail(alert: 10, into: &output) }
        let length = Int(header.readUInt16BigEndian(at: 3))
        guard length <= RecordType.maximumFragment else { throw fail(alert: 22, into: &output) }
        guard length > RecordKeys.tagLength else { throw fail(alert: 50, into: &output) }
        return length
    }

    /// Moves ciphertext into `partial`, first the header, then what it says.
    ///
    /// - Returns: whether `partial` holds a whole record; if not, all ciphertext is consumed.
    private mutating func gather(
        _ ciphertext: Span<UInt8>, offset: inout Int, output: inout ByteBuffer
    ) throws(TLSError) -> Bool {
        if offset == ciphertext.count, partial == nil { return false }
        var buffer = partial.take() ?? ByteBuffer(capacity: RecordType.headerLength)
        offset += buffer.appendPrefix(copying: ciphertext.extracting(offset..<ciphertext.count))
        if buffer.count == RecordType.headerLength {
            // No fragment is empty, so a record always is longer than its header.
            let length = try fragmentLength(buffer.readable, output: &output)
            var whole = ByteBuffer(capacity: RecordType.headerLength + length)
            whole.append(copying: buffer.readable)
            offset += whole.appendPrefix(copying: ciphertext.extracting(offset..<ciphertext.count))
            buffer = whole
        }
        let isWhole = buffer.count > RecordType.headerLength && buffer.freeCount == 0
        partial = consume buffer
        return isWhole
    }

    /// Opens the record in `partial`, which is whole.
    private mutating func processPartial(
        plaintext: inout ByteBuffer, output: inout ByteBuffer
    ) throws(TLSError) -> Bool {
        guard let record = partial.take() else { return true }
        let isDone = try process(buffer: record, plaintext: &plaintext, output: &output)
        if !isDone { partial = consume record }
        return isDone
    }

    private mutating func process(
        buffer: borrowing ByteBuffer, plaintext: inout ByteBuffer, output: inout ByteBuffer
    ) throws(TLSError) -> Bool {
        try process(buffer.readable, plaintext: &plaintext, output: &output)
    }

    /// Opens one whole record and does what it says.
    ///
    /// - Returns: false, with nothing done, when its plaintext has no room until the caller takes some away.
    private mutating func process(
        _ record: Span<UInt8>, plaintext: inout ByteBuffer, output: inout ByteBuffer
    ) throws(TLSError) -> Bool {
        let room = record.count - RecordType.headerLength - RecordKeys.tagLength
        let content: Content
        if plaintext.freeCount >= room {
            content = decrypt(record, into: &plaintext)
        } else if !plaintext.isEmpty {
            return false
        } else {
            // The caller's buffer is smaller than a record.
            var spare = ByteBuffer(capacity: room)
            content = decrypt(record, into: &spare)
            if !spare.isEmpty {
                overflow = consume spare
                _ = drainOverflow(into: &plaintext)
            }
        }
        try act(on: content, output: &output)
        return true
    }

    private enum Content {
        case applicationData(count: Int)
        case control(type: UInt8, [UInt8])
        case damaged
        case malformed
        case tooLong
    }

    /// Opens a record; application data is appended to `target`.
    private mutating func decrypt(_ record: Span<UInt8>, into target: inout ByteBuffer) -> Content {
        let fragment = record.count - RecordType.headerLength
        var content = Content.damaged
        unsafe record.withUnsafeBufferPointer { source in
            _ = unsafe target.withUnsafeFree { room in
                // Safety: the caller has checked that room holds the inner plaintext; nothing of it is appended, and
                // so visible, unless it is authentic.
                guard let from = source.baseAddress, let to = room.baseAddress,
                    unsafe receiving.open(from, count: fragment, into: to)
                else { return 0 }
                // Content, type, zeros (RFC 8446 §5.4).
                var end = fragment - RecordKeys.tagLength - 1
                while end >= 0, unsafe to[end] == 0 { end -= 1 }
                guard end >= 0 else {
                    content = .malformed
                    return 0
                }
                guard end <= TLSSession.maximumRecordLength else {
                    content = .tooLong
                    return 0
                }
                let type = unsafe to[end]
                if type == RecordType.applicationData {
                    content = .applicationData(count: end)
                    return end
                }
                content = unsafe .control(type: type, Array(UnsafeBufferPointer(start: to, count: end)))
                return 0
            }
        }
        return content
    }

    private mutating func act(on content: Content, output: inout ByteBuffer) throws(TLSError) {
        switch content {
        case .damaged: throw fail(alert: 20, into: &output)
        case .malformed: throw fail(alert: 10, into: &output)
        case .tooLong: throw fail(alert: 22, into: &output)
        case .applicationData(let count):
            guard message.isEmpty else { throw fail(alert: 10, into: &output) }
            idleRecords = count > 0 ? 0 : idleRecords + 1
        case .control(let type, let bytes):
            idleRecords += 1
            switch type {
            case RecordType.alert where message.isEmpty: try receive(alert: bytes, output: &output)
            case RecordType.handshake where !bytes.isEmpty: try receive(handshake: bytes, output: &output)
            default: throw fail(alert: 10, into: &output)
            }
        }
        guard idleRecords <= Self.maximumIdleRecords else { throw fail(alert: 10, into: &output) }
    }

    private mutating func receive(alert: [UInt8], output: inout ByteBuffer) throws(TLSError) {
        guard alert.count == 2 else { throw fail(alert: 50, into: &output) }
        switch alert[1] {
        case 0: isClosedByPeer = true  // close_notify
        case 90: break  // user_canceled says nothing by itself (RFC 8446 §6.1)
        default: throw .alert(alert[1])
        }
    }

    private mutating func receive(handshake bytes: [UInt8], output: inout ByteBuffer) throws(TLSError) {
        message += bytes
        while message.count >= 4 {
            let length = 4 + Int(message[1]) << 16 + Int(message[2]) << 8 + Int(message[3])
            guard length <= Self.maximumMessageLength else { throw fail(alert: 10, into: &output) }
            guard message.count >= length else { return }
            switch message[0] {
            case 4 where role == .client:  // NewSessionTicket: not used
                message.removeFirst(length)
            case 24:  // KeyUpdate: a byte, at the end of its record (RFC 8446 §4.6.3, §5.1)
                guard length == 5, message.count == length, message[4] <= 1 else {
                    throw fail(alert: message.count == length ? 47 : 10, into: &output)
                }
                guard receiving.update() else { throw .internalFailure }
                if message[4] == 1 { owesKeyUpdate = true }
                message = []
            default:
                throw fail(alert: 10, into: &output)
            }
        }
    }
}
