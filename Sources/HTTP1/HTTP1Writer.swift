// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Writes the messages of one direction of one connection into a buffer, and keeps them well formed.
///
/// A head is written whole or not at all: when the buffer is full or the caller hands in something that cannot be sent,
/// the buffer is cut back to where the head began, and the head may be started again. Owned by
/// `HTTP1ServerConnection` and `HTTP1ClientConnection`, which decide the framing.
struct HTTP1Writer: Sendable {
    enum State: Equatable {
        case idle
        case head
        case content
        case trailers
    }

    enum Coding: Equatable {
        /// No content follows.
        case none
        /// So many octets are still to be written.
        case length(remaining: Int)
        case chunked
        case untilClose
    }

    private(set) var state = State.idle
    private(set) var coding = Coding.none
    /// Octets in the buffer when the head or the trailers began.
    private var mark = 0
    /// Octets of an open chunk that the caller places itself.
    private var openChunk = 0
    /// Whether the head so far has an Upgrade field.
    private(set) var hasUpgrade = false
    private var hasTE = false

    // MARK: Head

    /// Begins a head with `HTTP/1.1 status reason`.
    mutating func startStatusLine(_ status: UInt16, into buffer: inout ByteBuffer) throws(HTTP1Error) {
        try start(&buffer)
        try put("HTTP/1.1 ", &buffer)
        try put(decimal: Int(status), &buffer)
        try put(" ", &buffer)
        try put(reasonPhrase(status), &buffer)
        try put("\r\n", &buffer)
    }

    /// Begins a head with `method target HTTP/1.1`.
    mutating func startRequestLine(
        method: Span<UInt8>, target: Span<UInt8>, into buffer: inout ByteBuffer
    ) throws(HTTP1Error) {
        try start(&buffer)
        guard !method.isEmpty, CharacterClass.token.containsAll(of: method, 0..<method.count), !target.isEmpty,
            CharacterClass.query.containsAll(of: target, 0..<target.count)
        else { throw cut(&buffer, .invalidOutput) }
        try put(method, &buffer)
        try put(" ", &buffer)
        try put(target, &buffer)
        try put(" HTTP/1.1\r\n", &buffer)
    }

    /// Writes one field line, unless the writer makes that field itself.
    ///
    /// - Returns: false for the fields that say how this connection frames messages and whether it stays open; `te` and
    ///   `upgrade` are written and named in Connection.
    mutating func appendField(
        name: Span<UInt8>, value: Span<UInt8>, into buffer: inout ByteBuffer
    ) throws(HTTP1Error) -> Bool {
        guard state == .head else { throw .outOfOrder }
        switch Self.kind(name) {
        case .connection, .contentLength, .http2Settings, .keepAlive, .proxyConnection, .transferEncoding: return false
        case .upgrade: hasUpgrade = true
        case .te: hasTE = true
        case .expect, .host, .other, .trailer: break
        }
        try putLine(name, value, &buffer)
        return true
    }

    /// Completes the head with the framing fields and Connection.
    ///
    /// - Parameters:
    ///   - coding: how the content will be sent.
    ///   - statedLength: Content-Length to write, nil for none.
    ///   - option: `close` or `keep-alive` when that is to be said.
    ///   - isInterim: whether another head follows instead of content (1xx).
    mutating func finishHead(
        coding: Coding, statedLength: Int?, option: ConnectionOption, isInterim: Bool, into buffer: inout ByteBuffer
    ) throws(HTTP1Error) {
        guard state == .head else { throw .outOfOrder }
        if coding == .chunked { try put("transfer-encoding: chunked\r\n", &buffer) }
        if let statedLength {
            try put("content-length: ", &buffer)
            try put(decimal: statedLength, &buffer)
            try put("\r\n", &buffer)
        }
        if option != .none || hasUpgrade || hasTE {
            try put("connection: ", &buffer)
            switch option {
            case .close: try put("close", &buffer)
            case .keepAlive: try put("keep-alive", &buffer)
            case .none: break
            }
            if hasUpgrade { try put(option == .none ? "upgrade" : ", upgrade", &buffer) }
            if hasTE { try put(option == .none && !hasUpgrade ? "te" : ", te", &buffer) }
            try put("\r\n", &buffer)
        }
        try put("\r\n", &buffer)
        self.coding = coding
        state = isInterim ? .idle : .content
    }

    /// What Connection says about keeping it.
    enum ConnectionOption {
        case none
        case close
        case keepAlive
    }

    // MARK: Content

    /// Writes as much of `bytes` as fits, with its framing.
    ///
    /// - Returns: how many octets of `bytes` were taken; 0 when there is no room worth using.
    mutating func appendContent(_ bytes: Span<UInt8>, into buffer: inout ByteBuffer) throws(HTTP1Error) -> Int {
        guard state == .content, openChunk == 0 else { throw .outOfOrder }
        guard !bytes.isEmpty else { return 0 }
        switch coding {
        case .none: throw .contentTooLong
        case .length(let remaining):
            guard bytes.count <= remaining else { throw .contentTooLong }
            let taken = buffer.appendPrefix(copying: bytes)
            coding = .length(remaining: remaining - taken)
            return taken
        case .untilClose: return buffer.appendPrefix(copying: bytes)
        case .chunked:
            let length = min(bytes.count, buffer.freeCount - Self.chunkOverhead)
            guard length > 0 else { return 0 }
            try put(hexadecimal: length, &buffer)
            buffer.append("\r\n")
            buffer.append(copying: bytes.extracting(first: length))
            buffer.append("\r\n")
            return length
        }
    }

    /// Writes what goes in front of `count` octets that the caller sends itself.
    mutating func beginChunk(_ count: Int, into buffer: inout ByteBuffer) throws(HTTP1Error) {
        guard state == .content, openChunk == 0, count > 0 else { throw .outOfOrder }
        switch coding {
        case .none: throw .contentTooLong
        case .length(let remaining):
            guard count <= remaining else { throw .contentTooLong }
            coding = .length(remaining: remaining - count)
        case .untilClose: break
        case .chunked:
            guard buffer.freeCount >= Self.chunkOverhead else { throw .bufferFull }
            try put(hexadecimal: count, &buffer)
            buffer.append("\r\n")
        }
        openChunk = count
    }

    /// Writes what goes behind the octets of `beginChunk`.
    mutating func endChunk(into buffer: inout ByteBuffer) throws(HTTP1Error) {
        guard state == .content, openChunk > 0 else { throw .outOfOrder }
        if coding == .chunked, !buffer.append("\r\n") { throw .bufferFull }
        openChunk = 0
    }

    /// Writes one trailer field.
    ///
    /// - Returns: false when the framing has no room for trailers or the field may not be one (RFC 9110 §6.5.1).
    mutating func appendTrailer(
        name: Span<UInt8>, value: Span<UInt8>, into buffer: inout ByteBuffer
    ) throws(HTTP1Error) -> Bool {
        guard state == .content || state == .trailers, openChunk == 0 else { throw .outOfOrder }
        guard coding == .chunked, !Self.kind(name).isForbiddenInTrailers else { return false }
        if state == .content {
            mark = buffer.count
            state = .trailers
            try put("0\r\n", &buffer)
        }
        try putLine(name, value, &buffer)
        return true
    }

    /// Completes the message.
    mutating func finish(into buffer: inout ByteBuffer) throws(HTTP1Error) {
        guard state == .content || state == .trailers, openChunk == 0 else { throw .outOfOrder }
        switch coding {
        case .none, .untilClose: break
        case .length(let remaining):
            guard remaining == 0 else { throw .contentTooShort }
        case .chunked:
            guard buffer.append(state == .trailers ? "\r\n" : "0\r\n\r\n") else { throw .bufferFull }
        }
        state = .idle
    }

    // MARK: Pieces

    /// Octets around the data of a chunk: up to 16 digits and two line ends.
    private static var chunkOverhead: Int { 20 }

    private mutating func start(_ buffer: inout ByteBuffer) throws(HTTP1Error) {
        guard state == .idle else { throw .outOfOrder }
        mark = buffer.count
        state = .head
        hasUpgrade = false
        hasTE = false
    }

    /// Takes back what was written of a head or of trailers.
    private mutating func cut(_ buffer: inout ByteBuffer, _ error: HTTP1Error) -> HTTP1Error {
        if state == .head || state == .trailers {
            buffer.truncate(to: mark)
            state = state == .head ? .idle : .content
        }
        return error
    }

    private mutating func putLine(
        _ name: Span<UInt8>, _ value: Span<UInt8>, _ buffer: inout ByteBuffer
    ) throws(HTTP1Error) {
        guard !name.isEmpty, CharacterClass.token.containsAll(of: name, 0..<name.count),
            CharacterClass.content.containsAll(of: value, 0..<value.count)
        else { throw cut(&buffer, .invalidOutput) }
        try put(name, &buffer)
        try put(": ", &buffer)
        try put(value, &buffer)
        try put("\r\n", &buffer)
    }

    private mutating func put(_ bytes: Span<UInt8>, _ buffer: inout ByteBuffer) throws(HTTP1Error) {
        guard buffer.append(copying: bytes) else { throw cut(&buffer, .bufferFull) }
    }

    private mutating func put(_ text: String, _ buffer: inout ByteBuffer) throws(HTTP1Error) {
        guard buffer.append(text) else { throw cut(&buffer, .bufferFull) }
    }

    private mutating func put(decimal number: Int, _ buffer: inout ByteBuffer) throws(HTTP1Error) {
        var divisor = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            guard buffer.append(Octet.zero + UInt8(number / divisor % 10)) else { throw cut(&buffer, .bufferFull) }
            divisor /= 10
        }
    }

    private mutating func put(hexadecimal number: Int, _ buffer: inout ByteBuffer) throws(HTTP1Error) {
        var shift = 0
        while number >> shift >= 16 { shift += 4 }
        while shift >= 0 {
            let digit = UInt8(number >> shift & 15)
            guard buffer.append(digit < 10 ? Octet.zero + digit : 0x57 + digit) else {
                throw cut(&buffer, .bufferFull)
            }
            shift -= 4
        }
    }

    /// The kind of a field name in any case.
    private static func kind(_ name: Span<UInt8>) -> HTTP1FieldKind {
        var lowered: InlineArray<17, UInt8> = .init(repeating: 0)
        guard name.count <= 17 else { return .other }
        for index in 0..<name.count { lowered[index] = Octet.lowercased(name[index]) }
        return HTTP1FieldKind(lowered.span.extracting(first: name.count))
    }
}
