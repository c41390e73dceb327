// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO
internal import Telemetry

/// One application connection that is carried as plain TCP: two sockets, and the bytes between them stay in the kernel.
///
/// A pipe is taken from the worker only while bytes are in it, so a connection at rest holds two sockets and no pipe.
struct Splice: ~Copyable {
    typealias Key = Slab<Splice>.Key

    /// One direction of the two.
    struct Direction: ~Copyable {
        /// Bytes taken from the source that the destination has not taken yet.
        var pipe: SplicePipe?
        /// The source may have bytes.
        var isReadable = false
        /// The source has sent FIN: no new edge will tell of the bytes before it.
        var isSourceFinished = false
        /// FIN has been read; it is passed on when the pipe is empty.
        var isEnded = false
        /// FIN has been passed on.
        var isClosed = false
        var bytes: UInt64 = 0

        /// Whether nothing waits to be moved, and more may come.
        var isQuiet: Bool {
            guard !isReadable, !isSourceFinished, !isEnded else { return false }
            switch pipe {
            case .none: return true
            case .some: return false
            }
        }
    }

    /// The connection that was accepted.
    let client: OwnedDescriptor
    /// The connection to where it goes.
    let upstream: OwnedDescriptor
    var isConnected = false
    var isClientWritable = true
    var isUpstreamWritable = false
    /// From the client to the upstream.
    var request = Direction()
    /// From the upstream to the client.
    var response = Direction()
    var clock: ConnectionClock
    let details: ConnectionDetails

    init(
        client: consuming OwnedDescriptor, upstream: consuming OwnedDescriptor, details: ConnectionDetails,
        phaseEnd: MonotonicTime, now: MonotonicTime
    ) {
        self.client = client
        self.upstream = upstream
        self.details = details
        clock = ConnectionClock(phaseEnd: phaseEnd, now: now)
    }

    /// Bytes from and to the application of the pod.
    var bytes: (fromApplication: UInt64, toApplication: UInt64) {
        details.reporter == .source ? (request.bytes, response.bytes) : (response.bytes, request.bytes)
    }

    var isFinished: Bool { request.isClosed && response.isClosed }

    /// Whether bytes may move both ways, and none waits to.
    var isAtRest: Bool { isConnected && request.isQuiet && response.isQuiet }
}
