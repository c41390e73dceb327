// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP2
internal import Identity
internal import LinuxIO

/// An HBONE connection as the worker keeps it: the connection itself, whose it is, and which relays want its attention.
struct TunnelConnection: ~Copyable {
    typealias Key = Slab<TunnelConnection>.Key

    var hbone: HBONEConnection
    let pod: Pod
    /// The other end of the TCP connection.
    let peerAddress: SocketAddress
    /// The pod's address that the peer used (server only).
    var localIP = IPAddress(v4: 0)
    /// Where the pool keeps it; nil on the server side.
    let poolKey: PoolKey?
    /// Client: relays that wait for the handshake.
    var waiting: [Relay.Key] = []
    /// Relays whose application may have bytes to send.
    var ready = KeyQueue<Relay.Key>()
    /// In the worker's list of connections to pump.
    var isDirty = false
    /// The read budget of a turn was used up; the pump reads on.
    var isReadPending = false
    /// No new streams: GOAWAY was sent or received; it closes when the last stream ends.
    var isDraining = false
    /// The end of the handshake, then the end of idleness (client) or HTTP/2's own deadline.
    var deadline: MonotonicTime
    /// The deadline of the timer that is armed, so that only earlier ones are armed beside it.
    var armed: MonotonicTime = .distantFuture
    /// When its present phase began: connecting (client), then the handshake.
    var phaseBegan: MonotonicTime

    init(
        hbone: consuming HBONEConnection, pod: Pod, peerAddress: SocketAddress, poolKey: PoolKey?,
        deadline: MonotonicTime, now: MonotonicTime
    ) {
        self.hbone = hbone
        self.pod = pod
        self.peerAddress = peerAddress
        self.poolKey = poolKey
        self.deadline = deadline
        phaseBegan = now
    }
}

/// Which HBONE connections may carry one another's streams: same pod (so same identity and source address), same next
/// hop, same identities expected there.
struct PoolKey: Hashable {
    let podUID: String
    let destination: SocketAddress
    let expected: [SPIFFEID]
}
