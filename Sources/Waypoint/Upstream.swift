// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP1
internal import HTTP2
internal import LinuxIO

/// A connection to an endpoint that requests go to.
struct Upstream: ~Copyable {
    typealias Key = Slab<Upstream>.Key

    enum Mode {
        case http1
        case http2
        /// Octets go on as they are.
        case raw
    }

    enum Phase {
        /// The socket or the carrier's stream is being opened.
        case connecting
        case established
    }

    var pipe: Pipe
    var mode: Mode
    var phase = Phase.connecting
    var http1: HTTP1ClientConnection?
    /// Where it leads.
    let target: Target.Key
    /// The exchange under way, or waited for (HTTP/1 and raw).
    var exchange: Exchange.Key?
    /// Exchanges that wait for the connection (HTTP/2).
    var waiting: [Exchange.Key] = []
    /// It carried an exchange before: the peer may have closed it meanwhile.
    var isReused = false
    /// The peer has shown that it speaks HTTP/2: its SETTINGS have come.
    var hasSpoken = false
    /// No new exchange: GOAWAY, or the process drains.
    var isDraining = false
    /// The end of connecting, then of idleness.
    var deadline: MonotonicTime
    /// The deadline of the timer that is armed.
    var armed: MonotonicTime = .distantFuture
    let opened: MonotonicTime
    /// Exchanges that it has carried, the one under way included.
    var served: UInt32 = 0
    /// How many it may carry; 0: any number.
    var servedLimit: UInt32 = 0
    /// How long it is kept without an exchange.
    var idleTimeout = Nanoseconds(0)

    init(pipe: consuming Pipe, mode: Mode, target: Target.Key, deadline: MonotonicTime, now: MonotonicTime) {
        self.pipe = pipe
        self.mode = mode
        self.target = target
        self.deadline = deadline
        opened = now
    }
}
