// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// The client side of one HTTP/1 connection (RFC 9112): one request at a time out, its responses in.
///
/// Sans-I/O: the caller brings bytes and takes what was written. Requests are not pipelined: a proxy that did could not
/// retry (RFC 9112 §9.3.2). The response may arrive while the request is still being sent.
///
/// ```
///   idle ── startRequest ──> busy ── both messages complete ──> idle (keepAlive) | closed
///                              └──── 101, or 2xx to CONNECT ──> handedOver
/// ```
///
/// The fields of a response stay readable until its trailers or the first octet of the next head arrive.
package struct HTTP1ClientConnection: ~Copyable {
    enum Exchange {
        case idle
        case busy
        case closed
        case handedOver
    }

    var parser: HTTP1Parser
    var writer = HTTP1Writer()
    var exchange = Exchange.idle
    var isRequestComplete = false
    var isResponseComplete = false
    var isClosing = false
    var method = HTTP1Method.other
    var contentLength = HTTP1ContentLength.none
    /// Whether any octet answered the current request; while false on a reused connection a retry is safe for
    /// idempotent requests (RFC 9112 §9.3.1).
    package private(set) var hasResponseBegun = false

    /// Makes the state of a new connection; it holds no buffer until bytes arrive.
    package init(limits: HTTP1Limits = HTTP1Limits()) {
        parser = HTTP1Parser(role: .response, limits: limits)
        parser.phase = .paused
    }

    // MARK: Reading

    /// Reads until the next event or the end of the input.
    ///
    /// - Parameters:
    ///   - input: unread bytes of the server.
    ///   - offset: where to start in `input`; moved behind what was consumed.
    /// - Returns: nil when all input is consumed, or after `handover`.
    /// - Throws: what is wrong with the response, `unsolicitedResponse` for bytes while no request is outstanding; close.
    /// - Complexity: linear in what is consumed; allocates only while head buffers grow, within `HTTP1Limits`.
    package mutating func receive(
        _ input: Span<UInt8>, at offset: inout Int
    ) throws(HTTP1Error) -> HTTP1Event? {
        if offset < input.count, exchange == .busy { hasResponseBegun = true }
        let event = try parser.receive(input, at: &offset)
        note(event)
        return event
    }

    /// The server closed.
    ///
    /// - Returns: `.end` when that completes a response without a length (RFC 9112 §6.3 rule 8).
    /// - Throws: `truncated` when a response is outstanding or incomplete; see `hasResponseBegun`.
    package mutating func receiveEndOfStream() throws(HTTP1Error) -> HTTP1Event? {
        isClosing = true
        let event = try parser.receiveEndOfStream()
        note(event)
        if exchange == .busy, !isResponseComplete { throw .truncated }
        if exchange == .idle { exchange = .closed }
        return event
    }

    private mutating func note(_ event: HTTP1Event?) {
        switch event {
        case .end:
            isResponseComplete = true
            settle()
        case .handover: exchange = .handedOver
        case .head, .informational, .body, .trailers, nil: break
        }
    }

    /// Goes back to idle when both messages are complete.
    mutating func settle() {
        guard isRequestComplete, isResponseComplete else { return }
        exchange = parser.response.isPersistent && !isClosing ? .idle : .closed
    }

    /// What the current response head says.
    package var response: HTTP1ResponseHead { parser.response }

    /// How many fields the head has, or the trailers after `trailers`.
    package var fieldCount: Int { parser.fields.count }

    /// What is known of the field at `index`.
    package func field(_ index: Int) -> HTTP1Field { parser.fields[index] }

    /// The name of the field at `index`, in lower case.
    @_lifetime(borrow self)
    package borrowing func fieldName(_ index: Int) -> Span<UInt8> {
        parser.head.span.extracting(parser.fields[index].name)
    }

    /// The value of the field at `index`, without white space around it.
    @_lifetime(borrow self)
    package borrowing func fieldValue(_ index: Int) -> Span<UInt8> {
        parser.head.span.extracting(parser.fields[index].value)
    }

    /// The octets of a range of `response`; not to be used after `trailers`, which replace them.
    @_lifetime(borrow self)
    package borrowing func bytes(_ range: Range<Int>) -> Span<UInt8> {
        parser.head.span.extracting(range)
    }

    // MARK: State

    /// What becomes of the connection; `keepAlive` means that a request may be started.
    package var disposition: HTTP1Disposition {
        if parser.failure != nil { return .close }
        switch exchange {
        case .idle: return isClosing ? .close : .keepAlive
        case .busy: return isResponseComplete ? .awaitsRequestEnd : .inProgress
        case .closed: return .close
        case .handedOver: return .handover
        }
    }

    /// Uses the connection for no further request; a request started later says `connection: close`.
    package mutating func closeAfterResponse() {
        isClosing = true
    }

    /// Gives buffers back while no request is outstanding; the next response allocates them again.
    package mutating func releaseMemory() {
        if exchange == .idle { parser.releaseMemory() }
    }

    // MARK: Writing

    /// Begins a request head.
    ///
    /// - Parameters:
    ///   - method: a token.
    ///   - target: in the form that the server expects (RFC 9112 §3.2); `host` is a field like any other.
    ///   - length: what is known of the content. `unknown` is sent chunked; CONNECT has none.
    ///   - buffer: not to be consumed from until `finishHead`.
    /// - Throws: `bufferFull` or `invalidOutput`, with the buffer as it was; `outOfOrder` unless `disposition` is
    ///   `keepAlive`.
    package mutating func startRequest(
        method: Span<UInt8>, target: Span<UInt8>, length: HTTP1ContentLength, into buffer: inout ByteBuffer
    ) throws(HTTP1Error) {
        guard exchange == .idle, parser.failure == nil else { throw .outOfOrder }
        try writer.startRequestLine(method: method, target: target, into: &buffer)
        self.method = HTTP1Method(method)
        contentLength = length
    }

    /// Writes one field line of a request head.
    ///
    /// - Returns: false, with nothing written, for the fields that this type makes itself: Connection, Content-Length,
    ///   Transfer-Encoding, Keep-Alive, Proxy-Connection. `upgrade` and `te` are written and named in Connection.
    /// - Throws: `invalidOutput` for octets that no field may hold, `bufferFull`; the head is taken back then.
    @discardableResult
    package mutating func appendField(
        name: Span<UInt8>, value: Span<UInt8>, into buffer: inout ByteBuffer
    ) throws(HTTP1Error) -> Bool {
        try writer.appendField(name: name, value: value, into: &buffer)
    }

    /// Completes a request head with its framing fields; the response is awaited from here on.
    ///
    /// - Throws: `bufferFull`, with the buffer as it was before `startRequest`, which is to be called again.
    package mutating func finishHead(into buffer: inout ByteBuffer) throws(HTTP1Error) {
        guard exchange == .idle else { throw .outOfOrder }
        let coding: HTTP1Writer.Coding
        var statedLength: Int?
        switch contentLength {
        case _ where method == .connect: coding = .none
        case .none:
            coding = .none
            statedLength = method.anticipatesContent ? 0 : nil
        case .exactly(let length):
            coding = .length(remaining: length)
            statedLength = length
        case .unknown: coding = .chunked
        }
        let upgrades = writer.hasUpgrade
        try writer.finishHead(
            coding: coding, statedLength: statedLength, option: isClosing ? .close : .none, isInterim: false,
            into: &buffer)
        exchange = .busy
        isRequestComplete = false
        isResponseComplete = false
        hasResponseBegun = false
        parser.answeredMethod = method
        parser.answeredUpgrade = upgrades
        parser.startNextMessage()
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
    /// - Returns: false, with nothing written, when the request is not chunked or the field may not be a trailer.
    /// - Throws: `bufferFull` or `invalidOutput`; all trailers are taken back then.
    @discardableResult
    package mutating func appendTrailer(
        name: Span<UInt8>, value: Span<UInt8>, into buffer: inout ByteBuffer
    ) throws(HTTP1Error) -> Bool {
        try writer.appendTrailer(name: name, value: value, into: &buffer)
    }

    /// Completes the request; every request ends with it, content or not.
    ///
    /// - Throws: `contentTooShort` when octets of the announced length are missing: close, so that the server notices.
    ///   `bufferFull`: call again with room.
    package mutating func finish(into buffer: inout ByteBuffer) throws(HTTP1Error) {
        guard !isRequestComplete else { throw .outOfOrder }
        try writer.finish(into: &buffer)
        isRequestComplete = true
        settle()
    }
}
