// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP1
internal import HTTP2
internal import LinuxIO

/// A connection that requests come from: the inner connection of a client.
struct Downstream: ~Copyable {
    typealias Key = Slab<Downstream>.Key

    /// What is spoken.
    enum Mode {
        /// Nothing is known yet: the first octets, kept in `held`, will tell.
        case sniffing
        case http1
        case http2
        /// Octets go on as they are: TCP, or what HTTP/1 has switched to.
        case raw
        /// The last answer is written: what still comes is dropped.
        case closing
    }

    var pipe: Pipe
    var mode = Mode.sniffing
    var http1: HTTP1ServerConnection?
    /// Octets that wait: for the answer in front of them, or for enough of them to tell the protocol.
    var held = BufferQueue()
    /// The exchange under way (HTTP/1 and raw).
    var exchange: Exchange.Key?
    /// Exchanges under way.
    var exchangeCount = 0
    let client: Client
    var frontend: Frontend
    /// Another worker serves it: octets are passed on, and it counts there.
    var isRelayed = false
    /// `held` is to be read again.
    var isReadPending = false
    /// Requests are refused or connections closed after the answer.
    var isDraining = false
    /// The end of what is waited for: the first octets, a head, the next request, the peer's FIN.
    var deadline: MonotonicTime
    /// The deadline of the timer that is armed.
    var armed: MonotonicTime = .distantFuture

    init(pipe: consuming Pipe, client: Client, frontend: Frontend, deadline: MonotonicTime) {
        self.pipe = pipe
        self.client = client
        self.frontend = frontend
        self.deadline = deadline
    }
}
