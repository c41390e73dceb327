// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Authorization
internal import Bytes
internal import HBONE
internal import Identity
internal import LinuxIO
internal import Mesh
internal import Telemetry

/// What a worker tells the outside: the access log, the metrics of connections, the reasons of refusals.
///
/// Called once per connection and event of its life, never per byte. Belongs to one worker.
final class Observer {
    let log: LogLane
    let metrics: WorkerMetrics
    private var series: SeriesCache<TCPLabels, TCPSeries>
    private var policies: SeriesCache<PolicyLabels, PolicySeries>
    private var parties: [WorkloadIndex: Party] = [:]
    private var services: [ServiceIndex: ServiceParty] = [:]
    private var pairs: [Pair: KnownPair] = [:]
    private var generation: UInt64 = 0

    /// Pairs of parties remembered; then anew.
    private static let pairLimit = 4_096

    /// Who talks to whom, by what is made once for each.
    private struct Pair: Hashable {
        let reporter: Reporter
        let own: SPIFFEID
        let peer: SPIFFEID?
        let source: ObjectIdentifier?
        let destination: ObjectIdentifier?
        let service: ObjectIdentifier?

        init(_ details: ConnectionDetails) {
            reporter = details.reporter
            own = details.pod.identity
            peer = details.peerIdentity
            source = details.sourceParty.map { ObjectIdentifier($0) }
            destination = details.destinationParty.map { ObjectIdentifier($0) }
            service = details.service.map { ObjectIdentifier($0) }
        }
    }

    /// The cell of a pair, and what the pair names: as long as it is held, no other object has its identifier.
    private struct KnownPair {
        let cell: TCPSeries
        let source: Party?
        let destination: Party?
        let service: ServiceParty?
    }

    init(
        log: LogLane, metrics: WorkerMetrics, series: SeriesTable<TCPLabels, TCPSeries>,
        policies: SeriesTable<PolicyLabels, PolicySeries>
    ) {
        self.log = log
        self.metrics = metrics
        self.series = SeriesCache(series)
        self.policies = SeriesCache(policies)
    }

    /// The names of a workload, made once per snapshot.
    func party(_ workload: WorkloadIndex, _ snapshot: MeshSnapshot) -> Party {
        forgetOlder(than: snapshot)
        if let party = parties[workload] { return party }
        let party = Party(workload, snapshot)
        parties[workload] = party
        return party
    }

    /// The names of a service, made once per snapshot.
    func service(_ service: ServiceIndex, _ snapshot: MeshSnapshot) -> ServiceParty {
        forgetOlder(than: snapshot)
        if let party = services[service] { return party }
        let party = ServiceParty(service, snapshot)
        services[service] = party
        return party
    }

    private func forgetOlder(than snapshot: MeshSnapshot) {
        guard generation != snapshot.generation else { return }
        parties = [:]
        services = [:]
        pairs = [:]
        generation = snapshot.generation
    }

    /// The metrics of a connection between two parties that are known by now, found without hashing all of their names.
    private func cell(for details: ConnectionDetails, now: MonotonicTime) -> TCPSeries {
        let pair = Pair(details)
        if let known = pairs[pair], series.reuse(known.cell, now: now) { return known.cell }
        let cell = series.cell(for: labels(details, nil), now: now)
        if pairs.count >= Self.pairLimit { pairs = [:] }
        pairs[pair] = KnownPair(
            cell: cell, source: details.sourceParty, destination: details.destinationParty, service: details.service)
        return cell
    }

    /// A connection is established.
    func opened(_ details: ConnectionDetails, now: MonotonicTime) {
        let cell = cell(for: details, now: now)
        cell.opened(now: now)
        details.series = cell
        metrics.socketsOpen(details.reporter).add(1)
        guard log.levels.isEnabled(.access, .debug) else { return }
        log.access(record(.opened, details, nil, now))
    }

    /// A connection is over, or could not be had.
    func closed(
        _ details: ConnectionDetails, _ end: ConnectionEnd, bytesFromApplication: UInt64, bytesToApplication: UInt64,
        now: MonotonicTime
    ) {
        // Istio counts from the client's view: what it sent is received (reference: istio_tcp_received_bytes_total).
        let isSource = details.reporter == .source
        if let cell = details.series {
            cell.received(isSource ? bytesFromApplication : bytesToApplication)
            cell.sent(isSource ? bytesToApplication : bytesFromApplication)
            cell.closed(now: now)
            metrics.socketsOpen(details.reporter).add(-1)
            metrics.lifetime(details.reporter).record(now - details.opened)
        }
        if let reason = end.reason {
            metrics.refused(details.reporter, reason)
            series.cell(for: labels(details, end), now: now).failed(now: now)
        }
        guard log.levels.isEnabled(.access, end.errorText == nil ? .info : .error) else { return }
        var record = record(.complete, details, end, now)
        record.bytesSent = bytesFromApplication
        record.bytesReceived = bytesToApplication
        log.access(record)
    }

    /// A connection has been open for long.
    func progress(
        _ details: ConnectionDetails, bytesFromApplication: UInt64, bytesToApplication: UInt64, now: MonotonicTime
    ) {
        guard log.levels.isEnabled(.access, .info) else { return }
        var record = record(.progress, details, nil, now)
        record.bytesSent = bytesFromApplication
        record.bytesReceived = bytesToApplication
        log.access(record)
    }

    /// A connection was refused before it was known who talks to whom.
    func refusedEarly(
        _ pod: Pod, _ reporter: Reporter, source: SocketAddress, target: SocketAddress?, _ end: ConnectionEnd
    ) {
        if let reason = end.reason { metrics.refused(reporter, reason) }
        let unknown = SocketAddress(ip: IPAddress(v4: 0), port: 0)
        var record = AccessRecord(.failed, reporter, source: source, destination: target ?? unknown)
        record.error = end.errorText ?? ""
        log.access(record)
    }

    /// A handshake did not come to its end; on the client side its relays log for themselves.
    func handshakeFailed(_ pod: Pod, _ peer: SocketAddress, _ error: HBONEError, isServer: Bool) {
        guard isServer else { return }
        let reason: RefusalReason? =
            switch error {
            // The peer went away in the middle of it.
            case .closedByPeer, .socket: .handshakeFailed
            case .tls, .http2, .timedOut, .outOfBuffers, .closedLocally: ConnectionEnd.connectionFailed(error).reason
            }
        metrics.refused(.destination, reason ?? .handshakeFailed)
        var record = AccessRecord(
            .failed, .destination, source: peer, destination: SocketAddress(ip: IPAddress(v4: 0), port: 15008))
        record.error = "\(error) (pod \(pod.name))"
        log.access(record)
    }

    /// accept(2) failed.
    func acceptFailed(_ error: SystemError) {
        log.log(.warn, .proxy, "accept failed: \(error)")
    }

    /// A TCP connection was made after `duration`.
    func connectTook(_ duration: Nanoseconds, _ reporter: Reporter) {
        metrics.connectTime(reporter).record(duration)
    }

    /// Descriptors are there again.
    func acceptsAgain() {
        log.log(.info, .proxy, "accepting again")
    }

    /// A handshake was completed after `duration`.
    func handshakeCompleted(_ duration: Nanoseconds, isServer: Bool, wasResumed: Bool) {
        let reporter = isServer ? Reporter.destination : .source
        metrics.handshakeTime(reporter).record(duration)
        if wasResumed { metrics.resumed(reporter).add() }
    }

    /// The server's first byte has come.
    func firstByte(_ details: ConnectionDetails, now: MonotonicTime) {
        metrics.firstByteTime(details.reporter).record(now - details.opened)
    }

    /// Policies decided about a connection; those under trial are only reported.
    func decided(_ verdict: Verdict, _ snapshot: MeshSnapshot, now: MonotonicTime) {
        let (policy, decision): (PolicyIndex?, PolicyDecision) =
            switch verdict.decision {
            case .allowed(let policy): (policy, .allow)
            case .explicitlyDenied(let policy): (policy, .deny)
            case .notAllowed, .mutualTLSRequired: (nil, .deny)
            }
        if let policy { count(policy, decision, snapshot, now: now) }
        guard !verdict.dryRun.isEmpty else { return }
        if let trial = verdict.dryRun.deniedBy { count(trial, .dryRunDeny, snapshot, now: now) }
        if let trial = verdict.dryRun.allowedBy { count(trial, .dryRunAllow, snapshot, now: now) }
        for report in snapshot.dryRunReports(of: verdict) { log.log(.info, .authorization, report) }
    }

    private func count(_ policy: PolicyIndex, _ decision: PolicyDecision, _ snapshot: MeshSnapshot, now: MonotonicTime)
    {
        let record = snapshot.policies.records[policy.position]
        let labels = PolicyLabels(
            namespace: snapshot[record.namespace], name: snapshot[record.name], decision: decision)
        policies.cell(for: labels, now: now).count(now: now)
    }

    private func labels(_ details: ConnectionDetails, _ end: ConnectionEnd?) -> TCPLabels {
        var labels = TCPLabels(reporter: details.reporter)
        if let source = details.sourceParty { labels.source = source.labels }
        if let destination = details.destinationParty { labels.destination = destination.labels }
        if let service = details.service {
            labels.destinationService = service.hostname
            labels.destinationServiceNamespace = service.namespace
            labels.destinationServiceName = service.name
        }
        if let peer = details.peerIdentity {
            labels.isMutualTLS = true
            let (source, destination) =
                details.reporter == .source ? (details.pod.identity, peer) : (peer, details.pod.identity)
            labels.source.principal = source.description
            labels.destination.principal = destination.description
        }
        if let end { labels.responseFlags = end.responseFlags }
        return labels
    }

    private func record(
        _ event: AccessRecord.Event, _ details: ConnectionDetails, _ end: ConnectionEnd?, _ now: MonotonicTime
    ) -> AccessRecord {
        var record = AccessRecord(event, details.reporter, source: details.source, destination: details.transport)
        if let source = details.sourceParty { record.source = source.access }
        if let destination = details.destinationParty { record.destination = destination.access }
        if let peer = details.peerIdentity {
            let (source, destination) =
                details.reporter == .source ? (details.pod.identity, peer) : (peer, details.pod.identity)
            record.source.identity = source.description
            record.destination.identity = destination.description
        }
        record.destinationService = details.service?.hostname ?? ""
        record.authority = details.authority
        record.duration = now - details.opened
        record.error = end?.errorText ?? ""
        return record
    }
}
