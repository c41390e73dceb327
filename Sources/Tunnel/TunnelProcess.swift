// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CNI
internal import Certificates
internal import Identity
internal import Kubernetes
internal import LinuxIO
internal import Manifest
internal import Mesh
internal import Redirection
internal import Synchronization
internal import TLS
internal import Telemetry

/// The node tunnel as a process: it starts everything in the order in which nothing can be half done, obeys signals and
/// changes of the configuration, and ends in an orderly way.
///
/// Owns the control loop, which runs on the calling thread; traffic is on the workers, admin and log on threads of their own.
package final class TunnelProcess {
    private let configuration: TunnelConfiguration
    private let state: ControlState
    private let observer: ControlObserver
    private let log: LogWriter
    private let signals: SignalQueue
    private let source: ConfigurationSource
    private let certificates: CertificateKeeper
    private let registry: PodRegistry
    private let admin: AdminServer
    private let mailboxes: [Mailbox<WorkerMessage>]
    private let running: RunningWorkers
    private let probes: KubeletProbes?
    private let plugin: CNIServer?
    private let chain: PluginChain?
    private let enrolled: EnrolledNamespaces?
    private var mesh: MeshIndex
    private var generation: UInt64 = 1
    private var tidying = MemoryTidying()
    private let clock: ClockWatch
    private let mounts: MountWatch
    /// When to look whether the pods' paths still name the namespaces that they were joined in.
    private var lookTime = MonotonicTime.distantFuture
    /// Mounts come in groups: one look is enough for all of one.
    private static let lookDelay = Nanoseconds.milliseconds(100)
    /// How long a pod made anew under its old name may go unnoticed when its path is a link, which no mount tells of.
    private static let lookInterval = Nanoseconds.seconds(10)

    /// Prepares everything and binds every port before anything is served.
    ///
    /// - Throws: `StartError`, which says what is missing and what to do.
    package init(_ configuration: TunnelConfiguration) throws(StartError) {
        self.configuration = configuration
        let parts = try StartedParts(configuration)
        do throws(SystemError) {
            clock = try ClockWatch()
            mounts = try MountWatch()
        } catch {
            throw .system(error, "clock and mounts")
        }
        signals = parts.signals
        log = parts.log
        observer = parts.observer
        source = parts.source
        certificates = parts.certificates
        mailboxes = parts.mailboxes
        state = parts.state
        mesh = parts.mesh
        running = parts.running
        admin = parts.admin
        registry = parts.registry
        probes = parts.probes
        plugin = parts.plugin
        chain = PluginChain(configuration, parts.observer)
        enrolled = EnrolledNamespaces(configuration, parts.observer)
    }

    /// Serves until a signal ends it.
    ///
    /// - Returns: the exit code, 0 after an orderly end.
    package func run() -> Int32 {
        publish(state.snapshot)
        registry.freeForgotten(state.snapshot)
        keepPlugin()
        state.readiness.done("start")
        observer.log.log(.info, .main, "tunnel is ready") {
            $0.field("node", configuration.nodeName)
            $0.field("workers", UInt64(configuration.workers))
            $0.field("pods", UInt64(registry.pods.count))
        }
        while true {
            look()
            registry.tell(state.snapshot)
            switch waitForWork() {
            case .signal(let number):
                observer.log.log(.info, .main, "drain begins") { $0.field("signal", UInt64(number)) }
                drain()
                return 0
            case .configuration: source.receiveEvents(now: MonotonicClock.now())
            case .time: break
            }
            if source.deadline <= MonotonicClock.now() { reload() }
            keepCertificates()
            settle()
            answerPlugin()
            tidying.run(now: MonotonicClock.now())
        }
    }

    private enum Work {
        case signal(CInt)
        case configuration
        case time
    }

    private func waitForWork() -> Work {
        let outcome = signals.wait(
            alsoFor: [source.descriptor, clock.descriptor, probes?.descriptor ?? -1] + certificates.descriptors
                + (plugin?.descriptors ?? []),
            urgent: mounts.descriptor, milliseconds: pauseMilliseconds())
        if outcome.isUrgent { lookTime = min(lookTime, MonotonicClock.now() + Self.lookDelay) }
        // The kubelet is being started anew: its group is there, it is not.
        if outcome.readable[2], probes?.receive() == true { lookTime = MonotonicClock.now() }
        // That the loop comes by suffices: certificates are looked at then.
        if outcome.readable[1] { clock.watchOn() }
        if let number = outcome.signal { return .signal(number) }
        return outcome.readable[0] ? .configuration : .time
    }

    /// How long the loop may sleep: until a certificate is due, a second while something waits to be tried again, without
    /// end when there is nothing to do.
    private func pauseMilliseconds() -> CInt {
        let now = MonotonicClock.now()
        var pause = certificates.pause(now: now, unixTime: .now()) ?? .seconds(1 << 20)
        if registry.isUnsettled || plugin?.isBusy == true { pause = min(pause, .seconds(1)) }
        pause = min(pause, max(Nanoseconds(0), tidying.deadline - now))
        pause = min(pause, max(Nanoseconds(0), lookTime - now))
        let untilFolder = max(Nanoseconds(0), source.deadline - now)
        return CInt(clamping: min(pause, untilFolder).milliseconds + 1)
    }

    /// Joins pods anew whose path names another namespace by now: after mounts, and from time to time where none would tell.
    private func look() {
        let now = MonotonicClock.now()
        if lookTime <= now {
            lookTime = .distantFuture
            keepPlugin()
            registry.lookAtProbes()
            if registry.leaveReplaced(now: now) {
                registry.reconcile(with: state.snapshot, now: now)
                state.update(certificates: certificates.current, pending: registry.pending)
            }
        }
        // Who writes the runtime's lists does not tell either.
        if registry.hasLinks || chain != nil || probes != nil { lookTime = min(lookTime, now + Self.lookInterval) }
    }

    /// Keeps the CNI plugin where the runtime finds it, and what it needs while no tunnel runs.
    private func keepPlugin() {
        chain?.keep()
        enrolled?.keep(source.enrolledNamespaces)
    }

    /// Reads the configuration again; what cannot be read keeps its last good version.
    private func reload() {
        lookTime = MonotonicClock.now()
        guard let loaded = source.follow(now: MonotonicClock.now()) else { return }
        observer.configurationChanged(loaded.findings, new: loaded.newFindings, snapshotTime: source.snapshotTime)
        state.update(findings: loaded.findings)
        guard let update = loaded.update, mesh.apply(configuration.completing(update)) else { return }
        generation += 1
        publish(mesh.snapshot(generation: generation))
    }

    private func publish(_ snapshot: MeshSnapshot) {
        tidying.changed(now: MonotonicClock.now())
        state.update(snapshot)
        for mailbox in mailboxes { mailbox.post(.snapshot(snapshot)) }
        registry.reconcile(with: snapshot, now: MonotonicClock.now())
        state.update(certificates: certificates.current, pending: registry.pending)
    }

    private func keepCertificates() {
        let events = certificates.process(now: MonotonicClock.now(), unixTime: .now())
        guard !events.isEmpty else { return }
        var isAnyAwaited = false
        for event in events {
            switch event {
            case .available(let identity, let contexts, let isFirst):
                isAnyAwaited = isAnyAwaited || registry.isAwaited(identity)
                registry.replaceContexts(of: identity, contexts)
                observer.certificateIssued(identity, isFirst: isFirst)
            case .failed(let identity, let error):
                isAnyAwaited = isAnyAwaited || registry.isAwaited(identity)
                observer.certificateFailed(identity, "\(error)")
                registry.certificateFailed(identity, "\(error)", in: state.snapshot)
            case .authorityChanged: observer.authorityChanged(error: nil)
            case .authorityFailed(let error): observer.authorityChanged(error: "\(error)")
            case .revocation(let lists):
                observer.revocationChanged(lists)
                for mailbox in mailboxes { mailbox.post(.revoke(lists)) }
            case .revocationFailed(let text, let peersAreRefused):
                observer.revocationFailed(text, peersAreRefused: peersAreRefused)
            case .revocationExpired(let time, let peersAreRefused):
                observer.revocationFailed("a CRL is out of date since \(time)", peersAreRefused: peersAreRefused)
            }
        }
        if isAnyAwaited { registry.reconcile(with: state.snapshot, now: MonotonicClock.now()) }
        state.update(certificates: certificates.current, pending: registry.pending)
    }

    private func settle() {
        guard registry.isUnsettled else { return }
        let now = MonotonicClock.now()
        registry.finishLeaving(now: now)
        registry.reconcile(with: state.snapshot, now: now)
        state.update(certificates: certificates.current, pending: registry.pending)
    }

    /// Takes what the CNI plugin reports, joins those pods, and answers.
    private func answerPlugin() {
        guard let plugin else { return }
        let now = MonotonicClock.now()
        let requests = plugin.receive(now: now)
        for request in requests { registry.take(request, now: now) }
        if requests.contains(where: { $0.command == .add }) {
            registry.reconcile(with: state.snapshot, now: now)
            state.update(certificates: certificates.current, pending: registry.pending)
        }
        let failed = plugin.settle(now: now) { registry.standing(of: $0, in: state.snapshot) }
        for (request, text) in failed { registry.reports?.addFailed(request, text) }
    }

    /// Takes new connections until the accept queues are empty, says GOAWAY, and waits for the deadline or a second signal.
    ///
    /// Rules stay in the pods: their traffic must not leave in plain text because this process ends.
    private func drain() {
        state.readiness.require("draining")
        registry.prepareHandOver()
        admin.handOver()
        let deadline = MonotonicClock.now() + configuration.drainTimeout
        for mailbox in mailboxes { mailbox.post(.drain(deadline: deadline)) }
        while running.count > 0, MonotonicClock.now() < deadline + .seconds(1) {
            if signals.wait(alsoFor: running.descriptor, milliseconds: 1000).signal != nil { break }
            running.acknowledge()
        }
        for mailbox in mailboxes { mailbox.post(.stop) }
        observer.log.log(.info, .main, "tunnel ends")
        log.stop(milliseconds: 1000)
        admin.stop()
    }
}
