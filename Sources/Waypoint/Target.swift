// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
internal import Mesh

/// What tells connections to endpoints apart: those of equal identity serve each other's exchanges.
struct TargetID: Hashable {
    /// The endpoint.
    let address: SocketAddress
    /// How the last hop is carried.
    let tunnelProtocol: TunnelProtocol
    /// Who may answer there; empty for plain TCP.
    let expected: [SPIFFEID]
}

/// One endpoint as this worker reaches it: its idle and shared connections.
struct Target: ~Copyable {
    typealias Key = Slab<Target>.Key

    let id: TargetID
    /// The address as text: the authority of CONNECT.
    let authority: [UInt8]
    /// Idle HTTP/1 connections, the one used last at the end; keys may be stale.
    var idle: [Upstream.Key] = []
    /// HTTP/2 connections that take more exchanges.
    var shared: [Upstream.Key] = []
    /// HBONE connections that take more streams.
    var carriers: [Carrier.Key] = []
    /// It was spoken to in HTTP/2 and did not understand: HTTP/1 until then.
    var onlyHTTP1Until = MonotonicTime(nanoseconds: 0)
    /// It has spoken HTTP/2, so that a connection that ends without a word says nothing of what it understands.
    var speaksHTTP2 = false

    init(id: TargetID) {
        self.id = id
        authority = Array(id.address.description.utf8)
    }
}
