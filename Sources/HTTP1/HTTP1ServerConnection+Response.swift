// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

extension HTTP1ServerConnection {
    /// Whether an informational response may be sent now: the client speaks 1.1 and has no final response yet.
    package var acceptsInformational: Bool { exchange == .request && parser.request.version == .http11 }

    /// Begins a response head.
    ///
    /// - Parameters:
    ///   - status: 100 to 999. 101 needs a complete request that offers an upgrade; other 1xx need
    ///     `acceptsInformational`, carry no content, and are completed by `finishHead`.
    ///   - length: what is known of the content. For HEAD and 304 it is what GET would have had; 1xx, 204 and 2xx to
    ///     CONNECT ignore it.
    ///   - buffer: not to be consumed from until `finishHead`.
    /// - Throws: `bufferFull`, with the buffer as it was; `outOfOrder` when no request awaits a response.
    package mutating func startResponse(
        status: UInt16, length: HTTP1ContentLength, into buffer: inout ByteBuffer
    ) throws(HTTP1Error) {
        guard exchange == .request, 100...999 ~= status else { throw .outOfOrder }
        if status == 101 {
            guard isRequestComplete, parser.request.offersUpgrade else { throw .outOfOrder }
        } else if status < 200 {
            guard acceptsInformational else { throw .outOfOrder }
        }
        try writer.startStatusLine(status, into: &buffer)
        self.status = status
        contentLength = length
    }

    /// Writes one field line of a response head.
    ///
    /// - Returns: false, with nothing written, for the fields that this type makes itself: Connection, Content-Length,
    ///   Transfer-Encoding, Keep-Alive, Proxy-Connection. `upgrade` is written and named in Connection.
    /// - Throws: `invalidOutput` for octets that no field may hold, `bufferFull`; the head is taken back then.
    @discardableResult
    package mutating func appendField(
        name: Span<UInt8>, value: Span<UInt8>, into buffer: inout ByteBuffer
    ) throws(HTTP1Error) -> Bool {
        try writer.appendField(name: name, value: value, into: &buffer)
    }

    /// Completes a response head with its framing fields.
    ///
    /// - Throws: `bufferFull`, with the buffer as it was before `startResponse`, which is to be called again.
    package mutating func finishHead(into buffer: inout ByteBuffer) throws(HTTP1Error) {
        if 100..<200 ~= status, status != 101 {
            try writer.finishHead(coding: .none, statedLength: nil, option: .none, isInterim: true, into: &buffer)
            if status == 100 { isContinueSent = true }
            return
        }
        let switches = status == 101 || parser.request.method == .connect && 200..<300 ~= status
        if switches {
            try writer.finishHead(coding: .none, statedLength: nil, option: .none, isInterim: true, into: &buffer)
            exchange = .handedOver
            parser.handOver()
            return
        }
        let (coding, statedLength) = responseFraming()
        let waitsInVain = parser.request.expectsContinue && !isContinueSent && !hasContentArrived && !isRequestComplete
        let staysOpen =
            parser.request.isPersistent && !isClosing && coding != .untilClose && !waitsInVain
            && parser.failure == nil && parser.request.method != .connect
        let says: HTTP1Writer.ConnectionOption =
            !staysOpen ? .close : parser.request.version == .http10 ? .keepAlive : .none
        try writer.finishHead(
            coding: coding, statedLength: statedLength, option: says, isInterim: false, into: &buffer)
        self.staysOpen = staysOpen
        exchange = .response
    }

    /// How content of this response is framed (RFC 9112 §6), and the Content-Length to state.
    private func responseFraming() -> (HTTP1Writer.Coding, Int?) {
        if status == 204 { return (.none, nil) }
        if parser.request.method == .head || status == 304 {
            guard case .exactly(let length) = contentLength else { return (.none, nil) }
            return (.none, length)
        }
        switch contentLength {
        case .none: return (.none, 0)
        case .exactly(let length): return (.length(remaining: length), length)
        case .unknown: return (parser.request.version == .http11 ? .chunked : .untilClose, nil)
        }
    }

    /// Copies content into the buffer, with chunk framing where that is used.
    ///
    /// - Returns: how many octets of `bytes` were taken; 0 when the buffer has no room (drain it and call again).
    /// - Throws: `contentTooLong` beyond the announced length, or where the message has no content.
    package mutating func appendContent(
        _ bytes: Span<UInt8>, into buffer: inout ByteBuffer
    ) throws(HTTP1Error) -> Int {
        try writer.appendContent(bytes, into: &buffer)
    }

    /// Writes what goes in front of `count` octets of content that the caller sends by itself, without a copy.
    package mutating func beginChunk(_ count: Int, into buffer: inout ByteBuffer) throws(HTTP1Error) {
        try writer.beginChunk(count, into: &buffer)
    }

    /// Writes what goes behind the octets that `beginChunk` announced.
    package mutating func endChunk(into buffer: inout ByteBuffer) throws(HTTP1Error) {
        try writer.endChunk(into: &buffer)
    }

    /// Writes one trailer field (RFC 9112 §7.1.2).
    ///
    /// - Returns: false, with nothing written, when the response is not chunked or the field may not be a trailer.
    /// - Throws: `bufferFull` or `invalidOutput`; all trailers are taken back then.
    @discardableResult
    package mutating func appendTrailer(
        name: Span<UInt8>, value: Span<UInt8>, into buffer: inout ByteBuffer
    ) throws(HTTP1Error) -> Bool {
        try writer.appendTrailer(name: name, value: value, into: &buffer)
    }

    /// Completes the response; every response that is not a handover ends with it, content or not.
    ///
    /// - Returns: `keepAlive` (call `receive` for the next request), `awaitsRequestEnd`, `close`, or `handover`.
    /// - Throws: `contentTooShort` when octets of the announced length are missing: the connection must be closed so
    ///   that the client notices. `bufferFull`: call again with room.
    package mutating func finish(into buffer: inout ByteBuffer) throws(HTTP1Error) -> HTTP1Disposition {
        if exchange == .handedOver { return .handover }
        guard exchange == .response else { throw .outOfOrder }
        try writer.finish(into: &buffer)
        guard staysOpen, !isClosing, parser.failure == nil else {
            exchange = .closed
            return .close
        }
        guard isRequestComplete else {
            exchange = .answered
            return .awaitsRequestEnd
        }
        startNext()
        return .keepAlive
    }

    /// Writes a whole response without content that says `connection: close`, and closes.
    ///
    /// - Parameter status: `HTTP1Error.statusForRequest` after an error, 408 after a timeout, 503 when overloaded.
    /// - Returns: false when a response has begun, so that only closing is left.
    /// - Throws: `bufferFull`, with the buffer as it was.
    package mutating func refuse(status: UInt16, into buffer: inout ByteBuffer) throws(HTTP1Error) -> Bool {
        guard exchange == .idle || exchange == .request, writer.state == .idle else { return false }
        try writer.startStatusLine(status, into: &buffer)
        try writer.finishHead(coding: .none, statedLength: 0, option: .close, isInterim: false, into: &buffer)
        try writer.finish(into: &buffer)
        exchange = .closed
        return true
    }
}
