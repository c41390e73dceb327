// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP2
internal import LinuxIO

/// One application connection that travels as a stream of an HBONE connection: the socket on this side, the stream on
/// the other, and what could not be written yet.
///
/// Outbound: accepted from a pod, `CONNECT` is sent for it. Inbound: a `CONNECT` came, and the socket is ours to the
/// application. Once established both are the same.
struct Relay: ~Copyable {
    typealias Key = Slab<Relay>.Key

    enum Phase: UInt8 {
        /// Outbound: no HBONE connection is ready yet.
        case waitingForConnection
        /// Outbound: CONNECT is on its way.
        case awaitingResponse
        /// Inbound: the connect to the application is on its way.
        case connecting
        /// Bytes move.
        case established
    }

    /// What is known and done, one bit each.
    struct Flags: OptionSet {
        let rawValue: UInt16
        /// The socket may have bytes.
        static let readable = Flags(rawValue: 1)
        /// The socket may take bytes.
        static let writable = Flags(rawValue: 2)
        /// The application has sent FIN; a short read does not empty the socket.
        static let peerFinished = Flags(rawValue: 4)
        /// END_STREAM has been sent: nothing more comes from the application.
        static let readClosed = Flags(rawValue: 8)
        /// END_STREAM has come; FIN follows when the queue is empty.
        static let endAfterQueue = Flags(rawValue: 16)
        /// FIN has been sent to the application.
        static let writeClosed = Flags(rawValue: 32)
        /// In the ready queue of its connection.
        static let isQueued = Flags(rawValue: 64)
        /// The stream is over on the HTTP/2 side: it must not be reset any more.
        static let streamClosed = Flags(rawValue: 128)
        /// Inbound: CONNECT came from the peer, so a failure before 200 is answered with a status.
        static let isInbound = Flags(rawValue: 256)

        /// Any of these: something waits to be moved, or one side has finished.
        static let unquiet: Flags = [
            .readable, .peerFinished, .readClosed, .endAfterQueue, .writeClosed, .streamClosed,
        ]
    }

    var phase: Phase
    var flags: Flags
    let socket: OwnedDescriptor
    /// Its own key, once it is stored.
    var key: Key?
    var connection: Slab<TunnelConnection>.Key?
    var stream: StreamHandle?
    /// Bytes for the application that its socket has not taken.
    var queue = BufferQueue()
    /// From the application to the stream.
    var bytesFromApplication: UInt64 = 0
    /// From the stream to the application.
    var bytesToApplication: UInt64 = 0
    var clock: ConnectionClock
    /// Who talks to whom, for decisions made again, logs and metrics.
    let details: ConnectionDetails

    init(
        socket: consuming OwnedDescriptor, phase: Phase, flags: Flags, details: ConnectionDetails,
        phaseEnd: MonotonicTime, now: MonotonicTime
    ) {
        self.socket = socket
        self.phase = phase
        self.flags = flags
        self.details = details
        clock = ConnectionClock(phaseEnd: phaseEnd, now: now)
    }

    /// The stream is over on the HTTP/2 side.
    mutating func markStreamClosed() {
        flags.insert(.streamClosed)
    }

    var fd: CInt { socket.rawValue }
    var isFinished: Bool { flags.isSuperset(of: [.readClosed, .writeClosed]) }

    /// Whether bytes may move both ways, and none waits to.
    var isAtRest: Bool {
        phase == .established && queue.isEmpty && flags.isDisjoint(with: .unquiet)
    }
}

extension Slab.Key where Element: ~Copyable {
    /// The key in 60 bits, as a stream's context.
    var context: UInt64 { UInt64(generation) << 32 | UInt64(index) }

    /// The key of a stream's context.
    init(context: UInt64) {
        self.init(index: UInt32(truncatingIfNeeded: context), generation: UInt32(truncatingIfNeeded: context >> 32))
    }
}
