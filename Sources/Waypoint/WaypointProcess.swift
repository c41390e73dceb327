// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTPRouting
internal import Identity
internal import Kubernetes
internal import LinuxIO
internal import Manifest
internal import Mesh
internal import Telemetry

/// The waypoint as a process: it starts everything in the order in which nothing can be half done, obeys signals and changes
/// of the configuration, and ends in an orderly way.
///
/// Owns the control loop, which runs on the calling thread; traffic is on the workers, admin and log on threads of their own.
package final class WaypointProcess {
    private let configuration: WaypointConfiguration
    private let state: ControlState
    private let metrics: NodeMetrics
    private let log: LogWriter
    private let lane: LogLane
    private let signals: SignalQueue
    private let clock: ClockWatch
    private let source: ConfigurationSource
    private let certificate: OwnCertificate
    private let admin: AdminServer
    private let mailboxes: [Mailbox<WorkerMessage>]
    private let running: RunningWorkers
    private var directory: EndpointDirectory
    private var generation: UInt64 = 1
    /// What the configuration says now.
    private var mesh: MeshIndex
    private var grace: BindingGrace
    private var tidying = MemoryTidying()

    /// Prepares everything and binds every port before anything is served.
    ///
    /// - Throws: `WaypointError`, which says what is missing and what to do.
    package init(_ configuration: WaypointConfiguration) throws(WaypointError) {
        self.configuration = configuration
        let registry = MetricRegistry()
        do throws(SystemError) {
            signals = try SignalQueue()
            clock = try ClockWatch()
            running = try RunningWorkers(configuration.workers)
            var boxes: [Mailbox<WorkerMessage>] = []
            for _ in 0..<configuration.workers { boxes.append(try Mailbox<WorkerMessage>()) }
            mailboxes = boxes
        } catch {
            throw .system("\(error)", "start")
        }
        DescriptorLimit.raise()
        log = try Self.makeLog(configuration, registry)
        lane = log.makeLane()
        metrics = NodeMetrics(registry, component: "ambit-waypoint", version: WaypointVersion.text)
        source = try Self.openSource(configuration)
        let lane = lane
        let first = source.firstChange(signals) { trouble in
            lane.log(.warn, .config, "waiting for the API server") { $0.field("error", trouble) }
        }
        guard let loaded = first else {
            throw .configuration("no configuration: \(source.waitingFor)")
        }
        let seed = UInt64(truncatingIfNeeded: WallClock.now())
        certificate = try Self.openCertificate(configuration, seed: seed)
        var directory = EndpointDirectory()
        mesh = MeshIndex(MeshModel())
        if let update = loaded.update { _ = mesh.apply(update) }
        let routes = Self.compile(configuration, mesh, generation: 1, &directory)
        self.directory = directory
        grace = BindingGrace(namespace: configuration.namespace, name: configuration.name)
        _ = grace.serving(mesh, routes.mesh, now: MonotonicClock.now())
        state = ControlState(configuration, routes)
        admin = try state.serve(registry, log.levels, version: WaypointVersion.text)
        let listeners = try Self.bind(configuration)
        report(loaded.findings, new: loaded.newFindings)
        try startWorkers(routes, registry, seed: seed)
        for (mailbox, own) in zip(mailboxes, listeners) { mailbox.post(.listen(own)) }
    }

    /// Serves until a signal ends it.
    ///
    /// - Returns: the exit code, 0 after an orderly end.
    package func run() -> Int32 {
        refreshIdentity()
        tidying.changed(now: MonotonicClock.now())
        state.readiness.done("start")
        lane.log(.info, .main, "waypoint is ready") {
            $0.field("gateway", "\(configuration.namespace)/\(configuration.name)")
            $0.field("workers", UInt64(configuration.workers))
        }
        while true {
            let outcome = signals.wait(
                alsoFor: [source.descriptor, clock.descriptor] + certificate.descriptors,
                milliseconds: pauseMilliseconds())
            if let number = outcome.signal {
                lane.log(.info, .main, "drain begins") { $0.field("signal", UInt64(number)) }
                drain()
                return 0
            }
            if outcome.readable[0] { source.receiveEvents(now: MonotonicClock.now()) }
            // That the loop comes by suffices: the certificate is looked at then.
            if outcome.readable[1] { clock.watchOn() }
            if source.deadline <= MonotonicClock.now() { reload() }
            if let deadline = grace.deadline, deadline <= MonotonicClock.now() { publish() }
            refreshIdentity()
            tidying.run(now: MonotonicClock.now())
        }
    }

    private func pauseMilliseconds() -> CInt {
        let now = MonotonicClock.now()
        let untilCertificate = certificate.pause(now: now, time: .now()).map { $0.milliseconds + 10 } ?? Int64.max
        let deadline = min(source.deadline, grace.deadline ?? .distantFuture, tidying.deadline)
        let untilFolder = max(0, (deadline - now).milliseconds + 1)
        return CInt(clamping: min(untilCertificate, untilFolder))
    }

    /// Reads the configuration again; what cannot be read keeps its last good version.
    private func reload() {
        guard let loaded = source.follow(now: MonotonicClock.now()) else { return }
        report(loaded.findings, new: loaded.newFindings)
        guard let update = loaded.update, mesh.apply(update) else { return }
        publish()
    }

    /// Gives the workers the routes of the mesh as it is now, and of what was bound to the waypoint a moment ago.
    private func publish() {
        generation += 1
        var routes = Self.compile(configuration, mesh, generation: generation, &directory)
        if let more = grace.serving(mesh, routes.mesh, now: MonotonicClock.now()) {
            generation += 1
            routes = Self.compile(configuration, more, generation: generation, &directory)
        }
        state.update(routes)
        tidying.changed(now: MonotonicClock.now())
        for mailbox in mailboxes { mailbox.post(.routes(routes)) }
    }

    private func report(_ findings: [Finding], new: [Finding]) {
        metrics.snapshotTime.set(source.snapshotTime ?? 0)
        metrics.configurationUpdates.add()
        metrics.configurationTime.set(WallClock.now() / 1_000_000_000)
        metrics.configurationErrors.set(Int64(findings.count { $0.severity == .error }))
        for finding in new { lane.log(finding.severity == .error ? .error : .warn, .config, finding.description) }
    }

    /// Asks for the certificate that is due, for the identity that the configuration says, and takes it when it has come.
    private func refreshIdentity() {
        let routes = state.routes
        var account = configuration.serviceAccount
        if account.isEmpty, let workload = routes.own.workload {
            account = routes.mesh[routes.mesh[workload].serviceAccount]
        }
        if account.isEmpty { account = configuration.name }
        do {
            let wanted = try SPIFFEID(
                trustDomain: configuration.trustDomain, namespace: configuration.namespace, serviceAccount: account)
            let changes = certificate.refresh(wanted, now: MonotonicClock.now(), time: .now())
            guard !changes.isEmpty else { return }
            for change in changes {
                switch change {
                case .issued(let identity):
                    for mailbox in mailboxes { mailbox.post(.identity(identity)) }
                    state.readiness.done("certificate")
                    lane.log(.info, .identity, "certificate issued") { $0.field("identity", wanted.description) }
                case .failed(let error):
                    lane.log(.error, .identity, "certificate could not be issued") { $0.field("error", error) }
                }
            }
        } catch {
            lane.log(.error, .identity, "certificate could not be issued") { $0.field("error", "\(error)") }
        }
        state.update(certificate)
    }

    /// Not ready, then no new connections, GOAWAY, and the end of what is under way, until the deadline or a second signal.
    private func drain() {
        state.readiness.require("draining")
        if configuration.drainDelay.count > 0 {
            let milliseconds = CInt(clamping: configuration.drainDelay.milliseconds)
            _ = signals.wait(alsoFor: -1, milliseconds: milliseconds)
        }
        let deadline = MonotonicClock.now() + configuration.drainTimeout
        for mailbox in mailboxes { mailbox.post(.drain(deadline: deadline)) }
        while running.count > 0, MonotonicClock.now() < deadline + .seconds(1) {
            if signals.wait(alsoFor: running.descriptor, milliseconds: 1000).signal != nil { break }
            running.acknowledge()
        }
        for mailbox in mailboxes { mailbox.post(.stop) }
        lane.log(.info, .main, "waypoint ends")
        log.stop(milliseconds: 1000)
        admin.stop()
    }

    private func startWorkers(_ routes: Routes, _ registry: MetricRegistry, seed: UInt64) throws(WaypointError) {
        let configuration = configuration
        let series = HTTPTable(lifetime: configuration.metricLifetime)
        let connections = TCPTable(lifetime: configuration.metricLifetime)
        registry.addSource { series.write(to: &$0, now: $1) }
        registry.addSource { connections.write(to: &$0, now: $1) }
        let peers = mailboxes.enumerated().map { Peer($0, $1, registry) }
        for index in peers.indices {
            let lane = log.makeLane()
            let running = running
            do throws(SystemError) {
                let thread = try WorkerThread(name: "ambit-worker-\(index)") {
                    defer { running.end() }
                    do throws(SystemError) {
                        let worker = try Worker(
                            index: index, configuration: configuration, peers: peers,
                            observer: Observer(log: lane, series: series, connections: connections), routes: routes,
                            seed: seed &+ UInt64(index))
                        worker.run()
                    } catch {
                        lane.log(.error, .main, "worker cannot start: \(error)")
                    }
                }
                thread.detach()
            } catch {
                throw .system("\(error)", "workers")
            }
        }
    }
}
