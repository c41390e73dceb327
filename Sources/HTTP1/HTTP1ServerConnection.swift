// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The server side of one HTTP/1 connection (RFC 9112): requests in, responses out, in order.
///
/// Sans-I/O: the caller brings bytes and takes what was written. Requests are read one at a time: after `end` nothing
/// more is consumed until the response is finished, so pipelined requests are answered in order and a client that
/// sends too many meets backpressure.
///
/// ```
///   idle ── head ──> request ── startResponse, finishHead ──> response ── finish ──┐
///    ^                                                                             │
///    └────────────── keepAlive, when the request has ended too ────────────────────┤
///                                              close: error, `connection: close` <─┤
///                              handover: 101, or 2xx to CONNECT (at finishHead) <──┘
/// ```
///
/// The fields of the request stay readable until its trailers or the first octet of the next request arrive.
package struct HTTP1ServerConnection: ~Copyable {
    enum Exchange {
        /// No request head is complete.
        case idle
        /// A request awaits its response.
        case request
        /// The head of the final response is written.
        case response
        /// The response is complete, the request is not.
        case answered
        case closed
        case handedOver
    }

    var parser: HTTP1Parser
    var writer = HTTP1Writer()
    var exchange = Exchange.idle
    var isRequestComplete = false
    var hasContentArrived = false
    var isContinueSent = false
    var isClosing = false
    /// Status and announced content of the response whose head is being written.
    var status: UInt16 = 0
    var contentLength = HTTP1ContentLength.none
    var staysOpen = true

    /// Makes the state of a new connection; it holds no buffer until bytes arrive.
    package init(limits: HTTP1Limits = HTTP1Limits()) {
        parser = HTTP1Parser(role: .request, limits: limits)
    }

    // MARK: Reading

    /// Reads until the next event or the end of the input.
    ///
    /// - Parameters:
    ///   - input: unread bytes of the client.
    ///   - offset: where to start in `input`; moved behind what was consumed.
    /// - Returns: nil when all input is consumed, or when it waits for the response (bytes may remain: keep them).
    /// - Throws: what is wrong with the request; answer with `refuse(status:into:)` and close (RFC 9112 §9.6).
    /// - Complexity: linear in what is consumed; allocates only while head buffers grow, within `HTTP1Limits`.
    package mutating func receive(
        _ input: Span<UInt8>, at offset: inout Int
    ) throws(HTTP1Error) -> HTTP1Event? {
        guard exchange != .closed else { return nil }
        let event = try parser.receive(input, at: &offset)
        note(event)
        return event
    }

    /// The client closed its side.
    ///
    /// - Throws: `truncated` within a request. Between requests it is a clean end, and a response may still be written.
    package mutating func receiveEndOfStream() throws(HTTP1Error) {
        isClosing = true
        note(try parser.receiveEndOfStream())
    }

    private mutating func note(_ event: HTTP1Event?) {
        switch event {
        case .head:
            exchange = .request
            isRequestComplete = false
            hasContentArrived = false
            isContinueSent = false
        case .body: hasContentArrived = true
        case .end:
            isRequestComplete = true
            if exchange == .answered { startNext() }
        case .informational, .trailers, .handover, nil: break
        }
    }

    mutating func startNext() {
        guard staysOpen, !isClosing else {
            exchange = .closed
            return
        }
        exchange = .idle
        parser.startNextMessage()
    }

    /// What the current request's head says.
    package var request: HTTP1RequestHead { parser.request }

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

    /// The octets of a range of `request`; not to be used after `trailers`, which replace them.
    @_lifetime(borrow self)
    package borrowing func bytes(_ range: Range<Int>) -> Span<UInt8> {
        parser.head.span.extracting(range)
    }

    // MARK: State

    /// What becomes of the connection.
    package var disposition: HTTP1Disposition {
        if exchange == .handedOver { return .handover }
        if exchange == .closed || parser.failure != nil && writer.state == .idle { return .close }
        if exchange == .answered { return .awaitsRequestEnd }
        guard exchange == .idle, parser.isBetweenMessages else { return .inProgress }
        return isClosing ? .close : .keepAlive
    }

    /// Whether part of a request head has arrived; what a header timeout watches.
    package var isReadingHead: Bool { exchange == .idle && !parser.isBetweenMessages }

    /// Closes after the current response, or at once when there is none; the next response head says so.
    package mutating func closeAfterResponse() {
        isClosing = true
    }

    /// Gives buffers back while no request is under way; the next one allocates them again.
    package mutating func releaseMemory() {
        parser.releaseMemory()
    }
}
