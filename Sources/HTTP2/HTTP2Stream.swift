// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// State of one stream, kept inline in the connection's slab.
///
/// Receive window: `receiveWindow + pendingCredit + unconsumed` (plus what is left of a DATA frame just arriving) is what we
/// have granted in total; the peer may send `receiveWindow` more octets.
struct HTTP2Stream {
    /// RFC 9113 §5.1; without the reserved states, since we neither push nor allow it.
    enum State: UInt8 {
        case idle
        case open
        case halfClosedLocal
        case halfClosedRemote
        /// Both sides have ended it, but received octets are not consumed yet.
        case closed
        /// Over; identifier and context stay readable until the next `receive`, for the event that said so.
        case released
        /// The slot is free.
        case free
    }

    struct Flags: OptionSet {
        let rawValue: UInt16

        /// The request (server) or final response (client) headers have been received.
        static var receivedHeaders: Flags { Flags(rawValue: 1) }
        /// The request (client) or final response (server) headers have been sent.
        static var sentHeaders: Flags { Flags(rawValue: 2) }
        /// CONNECT: DATA is a tunnel, trailers are forbidden.
        static var isConnect: Flags { Flags(rawValue: 4) }
        /// A HEAD request of ours: content-length says nothing about DATA.
        static var isHead: Flags { Flags(rawValue: 8) }
        /// The caller waits for the window.
        static var isBlocked: Flags { Flags(rawValue: 16) }
        /// In a queue of the scheduler.
        static var isScheduled: Flags { Flags(rawValue: 32) }
        /// Opened by the peer.
        static var isRemote: Flags { Flags(rawValue: 64) }
        /// Was blocked at the last look for stalled streams, and nothing has moved since.
        static var wasBlocked: Flags { Flags(rawValue: 128) }
    }

    var context: UInt64 = 0
    /// Content still to come by content-length (RFC 9113 §8.1.1); -1 when not given.
    var contentRemaining: Int64 = -1
    var id = StreamID.connection
    /// What we may send; negative after a SETTINGS reduction (RFC 9113 §6.9.2).
    var sendWindow: Int32 = 0
    /// What the peer may send.
    var receiveWindow: Int32 = 0
    /// Consumed octets that no WINDOW_UPDATE has announced yet.
    var pendingCredit: Int32 = 0
    /// Octets handed to the caller and not consumed.
    var unconsumed: Int32 = 0
    /// Next slot in a scheduler queue or in the free list.
    var next = HTTP2Stream.none
    var previous = HTTP2Stream.none
    var flags: Flags = []
    var state = State.free
    /// From 0, first, to 7, last (RFC 9218 §4.1).
    var urgency: UInt8 = 3
    /// RFC 9218 §4.2.
    ///
    /// True unless the peer asks for one after the other: sharing is what a relay owes streams it knows nothing about.
    var isIncremental = true

    /// No slot.
    static var none: UInt32 { .max }

    /// Whether we may still send DATA or trailers.
    var canSend: Bool { state == .open || state == .halfClosedRemote }
    /// Whether the peer may still send DATA or trailers.
    var canReceive: Bool { state == .open || state == .halfClosedLocal }
    /// Whether it counts for SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113 §5.1.2).
    var isActive: Bool { state == .open || state == .halfClosedLocal || state == .halfClosedRemote }
}
