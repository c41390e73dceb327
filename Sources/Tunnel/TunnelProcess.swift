// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
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
    private var generation: UInt64 = 1
    /// When to give back the memory that a start or a change has needed; nil when that is done.
    private var tidyTime: MonotonicTime?

    /// Prepares everything and binds every port before anything is served.
    ///
    /// - Throws: `StartError`, which says what is missing and what to do.
    package init(_ configuration: TunnelConfiguration) throws(StartError) {
        self.configuration = configuration
        let parts = try StartedParts(configuration)
        signals = parts.signals
        log = parts.log
        observer = parts.observer
        source = parts.source
        certificates = parts.certificates
        mailboxes = parts.mailboxes
        state = parts.state
        running = parts.running
        admin = parts.admin
        registry = parts.registry
    }

    /// Serves until a signal ends it.
    ///
    /// - Returns: the exit code, 0 after an orderly end.
    package func run() -> Int32 {
        publish(state.snapshot)
        state.readiness.done("start")
        observer.log.log(.info, .main, "tunnel is ready") {
            $0.field("node", configuration.nodeName)
            $0.field("workers", UInt64(configuration.workers))
            $0.field("pods", UInt64(registry.pods.count))
        }
        while true {
            switch waitForWork() {
            case .signal(let number):
                observer.log.log(.info, .main, "drain begins") { $0.field("signal", UInt64(number)) }
                drain()
                return 0
            case .configuration: source.folder.receiveEvents(now: MonotonicClock.now())
            case .time: break
            }
            if source.folder.deadline <= MonotonicClock.now() { reload() }
            renewCertificates()
            settle()
            tidy()
        }
    }

    private enum Work {
        case signal(CInt)
        case configuration
        case time
    }

    private func waitForWork() -> Work {
        let outcome = signals.wait(alsoFor: source.folder.descriptor, milliseconds: pauseMilliseconds())
        if let number = outcome.signal { return .signal(number) }
        return outcome.isOtherReadable ? .configuration : .time
    }

    /// How long the loop may sleep: until a certificate is due, a second while something waits to be tried again, for
    /// ever when there is nothing to do.
    private func pauseMilliseconds() -> CInt {
        var seconds = Int64.max
        if let renewal = certificates.nextRenewal { seconds = renewal.seconds - UnixTime.now().seconds }
        if registry.isUnsettled { seconds = min(seconds, 1) }
        let untilCertificate = seconds < 1 << 20 ? max(0, seconds) * 1000 + 10 : Int64.max
        let untilFolder = max(0, (source.folder.deadline - MonotonicClock.now()).milliseconds + 1)
        let untilTidy = tidyTime.map { max(0, ($0 - MonotonicClock.now()).milliseconds + 1) } ?? .max
        return CInt(clamping: min(untilCertificate, untilFolder, untilTidy))
    }

    /// Reads the folder again; what cannot be read keeps its last good version.
    private func reload() {
        guard let loaded = source.folder.load() else { return }
        observer.configurationChanged(loaded.findings, new: loaded.newFindings)
        state.update(findings: loaded.findings)
        guard loaded.isModelChanged else { return }
        generation += 1
        publish(MeshSnapshot(configuration.completing(loaded.model), generation: generation))
    }

    /// A while after the last change: workers have taken the snapshot and dropped the old one, and during a series of
    /// changes the code that reads them stays at hand.
    private func tidy() {
        guard let tidyTime, tidyTime <= MonotonicClock.now() else { return }
        self.tidyTime = nil
        ProcessMemory.giveBackUnused()
    }

    private func publish(_ snapshot: MeshSnapshot) {
        tidyTime = MonotonicClock.now() + .seconds(1)
        state.update(snapshot)
        for mailbox in mailboxes { mailbox.post(.snapshot(snapshot)) }
        registry.reconcile(with: snapshot, now: MonotonicClock.now())
        state.update(certificates: certificates.current, pending: registry.pending)
    }

    private func renewCertificates() {
        let now = UnixTime.now()
        guard let due = certificates.nextRenewal, due <= now else { return }
        let (renewed, failed) = certificates.renew(now: now)
        registry.refreshContexts(of: renewed, now: now)
        for identity in renewed { observer.certificateRenewed(identity) }
        for (identity, error) in failed { observer.certificateFailed(identity, "\(error)") }
        state.update(certificates: certificates.current, pending: registry.pending)
    }

    private func settle() {
        guard registry.isUnsettled else { return }
        let now = MonotonicClock.now()
        registry.finishLeaving(now: now)
        registry.reconcile(with: state.snapshot, now: now)
        state.update(certificates: certificates.current, pending: registry.pending)
    }

    /// Takes new connections until the accept queues are empty, says GOAWAY, and waits for the deadline or a second signal.
    ///
    /// Rules stay in the pods: their traffic must not leave in plain text because this process ends.
    private func drain() {
        state.readiness.require("draining")
        registry.prepareHandOver()
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
