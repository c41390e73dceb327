// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import LinuxIO

/// An HBONE connection whose streams are pipes: from a client of this waypoint, or to an endpoint.
struct Carrier: ~Copyable {
    typealias Key = Slab<Carrier>.Key

    var hbone: HBONEConnection
    /// The other end of the TCP connection.
    let peerAddress: SocketAddress
    /// Who the client is; nil for connections to endpoints.
    var client: Client?
    /// Which endpoint it leads to; nil for connections of clients.
    let target: Target.Key?
    /// Upstream connections that wait for the handshake, or for a stream.
    var waiting: [Upstream.Key] = []
    /// Pipes that have payload.
    var ready = KeyQueue<Link>()
    /// In the worker's list of carriers to pump.
    var isDirty = false
    /// The read budget of a turn was used up; the pump reads on.
    var isReadPending = false
    /// No new streams: GOAWAY was sent or received; it closes when the last stream ends.
    var isDraining = false
    /// The end of the handshake, then of idleness.
    var deadline: MonotonicTime
    /// The deadline of the timer that is armed, so that only earlier ones are armed beside it.
    var armed: MonotonicTime = .distantFuture
    let opened: MonotonicTime

    init(
        hbone: consuming HBONEConnection, peerAddress: SocketAddress, target: Target.Key?, deadline: MonotonicTime,
        now: MonotonicTime
    ) {
        self.hbone = hbone
        self.peerAddress = peerAddress
        self.target = target
        self.deadline = deadline
        opened = now
    }
}
