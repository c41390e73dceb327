// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import Identity
internal import Mesh
internal import Routing
internal import Telemetry

/// Who talks to whom on one connection: what decisions, logs and metrics need of it.
///
/// Made once per connection, on its worker; nothing on the byte path touches it.
final class ConnectionDetails {
    let pod: Pod
    /// Outbound connections are reported by the source, inbound ones by the destination.
    let reporter: Reporter
    /// The client's address.
    let source: SocketAddress
    /// What the application asked for (outbound), or the application's own address (inbound).
    let target: SocketAddress
    /// The TCP connection's other end as the log shows it: for HBONE the peer's 15008.
    var transport: SocketAddress
    /// What is written to the application before the payload (PROXY protocol); nil: nothing.
    var preamble: [UInt8]?
    /// The authority of the CONNECT; nil on plain TCP.
    var authority: String?
    /// Outbound by HBONE: where it goes.
    var nextHop: NextHop?
    /// Outbound by plain TCP: the endpoint it goes to.
    var endpoint: WorkloadIndex?
    /// The identity the peer has proved; nil on plain TCP.
    var peerIdentity: SPIFFEID?
    var sourceParty: Party?
    var destinationParty: Party?
    var service: ServiceParty?
    /// Endpoints that were tried and could not be reached.
    var tried = TriedWorkloads()
    /// Whether its CONNECT has been sent a second time, the first connection having turned out to be dead.
    var isAskedAgain = false
    /// The workload whose load this connection counts towards, by index of snapshot `generation`.
    var loadedWorkload: WorkloadIndex?
    var generation: UInt64
    let opened: MonotonicTime
    /// When bytes could move.
    var established: MonotonicTime?
    var trace: TraceParent?
    /// The metrics this connection counts in, once it has been opened.
    var series: TCPSeries?

    init(
        pod: Pod, reporter: Reporter, source: SocketAddress, target: SocketAddress, generation: UInt64,
        opened: MonotonicTime
    ) {
        self.pod = pod
        self.reporter = reporter
        self.source = source
        self.target = target
        self.generation = generation
        self.opened = opened
        transport = target
    }

    /// Remembers an endpoint that could not be reached.
    ///
    /// - Returns: whether another may be tried.
    func remember(tried workload: WorkloadIndex) -> Bool {
        tried.insert(workload)
    }
}
