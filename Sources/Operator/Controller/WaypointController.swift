// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
package import Kubernetes
package import LinuxIO
internal import Manifest
internal import Mesh
package import Telemetry

/// Makes what Gateways of our class ask for, and says of each object what came of it; of several replicas one writes.
///
/// ```
/// ClusterSource (a thread of its own) -> what there is -+
/// Lease -> may we write -------------------------------+-> pass: objects for Gateways, then status of all -> ClusterSession
/// every resyncPeriod: list of what was made -----------+
/// ```
///
/// A pass goes from what there is to what there has to be, whatever happened before; what is right already is not written. It
/// never waits for more than one request, and asks before each whether it still leads: no request is sent, or waited for, beyond the
/// end of the leadership. Status is written on top of the version that was read, so a write that comes late all the same is refused.
///
/// Owned by one thread, which `run` blocks.
package final class WaypointController {
    let configuration: ControllerConfiguration
    let source: ClusterSource
    let session: ClusterSession
    let lane: LogLane
    let metrics: ControllerMetrics
    private let signals: SignalQueue
    private let readiness: Telemetry.Readiness
    private let lease: ClusterLease
    private var wasLeading = false
    /// What the cluster says now; nil before everything has been listed.
    var load: FolderSource.Load?
    /// Findings by object.
    var findings: [String: [Finding]] = [:]
    var mesh = MeshSnapshot()
    /// Endpoints that take traffic, by service.
    var readyCounts: [ServiceKey: Int] = [:]
    /// The Services in it, by `namespace/name`.
    var serviceRecords: [String: ServiceIndex] = [:]
    /// What was made for Gateways, as it was last seen; nil before it has been listed.
    var managed: [ManagedObject.Key: YAMLNode]?
    /// Fields that other managers have, and which are left to them.
    var yielded: [ManagedObject.Key: Set<String>] = [:]
    /// What was applied without making an object what it should be: not again before either changes.
    var settled: [ManagedObject.Key: (wanted: String, version: String)] = [:]
    /// The version on top of which a status was written: until the watch tells of the next one there is nothing to say.
    var written: [ObjectKey: String] = [:]
    /// What was written of a status without changing its version: the server keeps less of it than we say.
    var kept: [ObjectKey: (version: String, patch: String)] = [:]
    /// Objects that have names of ours and belong to others, as this pass has found them.
    var foreign: Set<ManagedObject.Key> = []
    /// The subjects of `ControllerConfiguration.roleBinding`; nil while they are not known.
    var boundAccounts: ManifestValue?
    /// The image that waypoints run; empty while it is not known.
    var image: String
    /// What went wrong in the last pass, so that it is said once.
    private var saidTroubles: Set<String> = []
    private var troubles: Set<String> = []
    private var needsPass = true
    private var passNotBefore = MonotonicTime(nanoseconds: 0)
    private var resyncDue = MonotonicTime(nanoseconds: 0)
    private var failures = 0

    /// How long one request may take: an answer that comes later is of no use to a leader.
    private static let requestTimeout = Nanoseconds.seconds(5)
    /// The first and the longest pause after passes that failed.
    private static let firstPause: Int64 = 500
    private static let longestPause: Int64 = 30_000
    /// Troubles that are remembered as said: what an API server answers may be another text each time.
    private static let maximumTroubles = 1_024

    /// Prepares to follow a cluster.
    ///
    /// - Throws: when threads or what they wait with cannot be had, with a line that says so.
    package init(
        _ configuration: ControllerConfiguration, credentials: ClusterCredentials, signals: SignalQueue, log: LogLane,
        registry: MetricRegistry, readiness: Telemetry.Readiness, seed: UInt64
    ) throws {
        self.configuration = configuration
        self.signals = signals
        self.readiness = readiness
        lane = log
        metrics = ControllerMetrics(registry)
        image = configuration.image
        var options = ClusterSource.Options(forWaypoint: true)
        // Neither pods nor nodes: EndpointSlices say whether a waypoint is ready.
        options.kinds = [
            .namespace, .service, .endpointSlice, .gatewayClass, .gateway, .httpRoute, .grpcRoute, .tcpRoute, .tlsRoute,
            .authorizationPolicy, .virtualService, .destinationRule, .serviceEntry, .trafficSplit, .serviceProfile,
        ]
        options.debouncer = ChangeDebouncer(quietTime: .milliseconds(100), longestDelay: .seconds(1))
        options.reader.readsRoutes = true
        options.translation.clusterDomain = configuration.clusterDomain
        options.translation.trustDomain = configuration.trustDomain
        options.keepsFacts = true
        source = try ClusterSource(credentials, options: options, seed: seed)
        session = try ClusterSession(credentials)
        lease = ClusterLease(
            session, namespace: configuration.namespace, name: configuration.leaseName,
            identity: configuration.identity, duration: configuration.leaseDuration)
    }

    /// Works until a signal ends it; the lease is given up then.
    package func run() {
        while true {
            let now = MonotonicClock.now()
            follow(now)
            renew()
            if source.isSynced, load != nil, lease.leadership(now: now) != nil { pass() }
            let deadline = nextDeadline
            let pause = deadline == .distantFuture ? -1 : max(0, (deadline - MonotonicClock.now()).milliseconds + 1)
            if signals.wait(alsoFor: source.descriptor, milliseconds: CInt(clamping: pause)).signal != nil { break }
        }
        lease.release()
    }

    private var nextDeadline: MonotonicTime {
        var result = min(lease.deadline, source.deadline)
        if lease.leadership(now: MonotonicClock.now()) != nil, load != nil {
            result = min(result, resyncDue)
            if needsPass { result = min(result, passNotBefore) }
        }
        return result
    }

    private func follow(_ now: MonotonicTime) {
        source.receiveEvents(now: now)
        if let trouble = source.trouble, load == nil { say(trouble) }
        guard source.deadline <= now, let loaded = source.load(now: now) else { return }
        if load == nil { readiness.done("objects") }
        if loaded.isModelChanged || load == nil {
            mesh = MeshSnapshot(loaded.model, generation: 1)
            readyCounts = [:]
            for endpoint in loaded.model.endpoints where endpoint.isReady {
                readyCounts[endpoint.service, default: 0] += 1
            }
            serviceRecords = [:]
            for (position, record) in mesh.services.records.enumerated() where record.isCanonical {
                serviceRecords["\(mesh[record.namespace])/\(mesh[record.name])"] = ServiceIndex(UInt32(position))
            }
        }
        load = loaded
        findings = Dictionary(grouping: loaded.findings, by: \.object)
        for finding in loaded.newFindings where finding.object.isEmpty || !finding.object.contains(" ") {
            lane.log(finding.severity == .error ? .error : .warn, .config, finding.description)
        }
        needsPass = true
    }

    // MARK: - The lease

    /// Asks for the lease, or renews it, when that is due.
    private func renew() {
        switch lease.renew() {
        case .none: break
        // Who does not lead has no other troubles than this one, which is over.
        case .answered: if !wasLeading { saidTroubles = [] }
        case .trouble(let text): say(text)
        }
        let leads = lease.leadership(now: MonotonicClock.now()) != nil
        guard leads != wasLeading else { return }
        wasLeading = leads
        metrics.leader.set(leads ? 1 : 0)
        lane.log(.info, .main, leads ? "leads now" : "does not lead any more") {
            $0.field("lease", lease.description)
            $0.fieldUnlessEmpty("holder", lease.holder)
        }
        // Somebody else may have written anything.
        managed = nil
        written = [:]
        resyncDue = MonotonicTime(nanoseconds: 0)
        needsPass = true
        passNotBefore = MonotonicTime(nanoseconds: 0)
    }

    // MARK: - A pass

    /// Why a pass ends before its end.
    enum Interruption: Error {
        /// We do not lead any more, or the API server is away: everything is looked at again.
        case stopped
    }

    private func pass() {
        let now = MonotonicClock.now()
        if resyncDue <= now {
            managed = nil
            boundAccounts = nil
            needsPass = true
        }
        guard needsPass, passNotBefore <= now else { return }
        needsPass = false
        troubles = []
        do throws(Interruption) {
            if managed == nil {
                try listManaged()
                resyncDue = MonotonicClock.now() + configuration.resyncPeriod
            }
            forgetGone()
            let gateways = try reconcileGateways()
            try writeStatus(gateways)
        } catch {
            needsPass = true
        }
        if needsPass || !troubles.isEmpty {
            needsPass = true
            let pause = min(Self.longestPause, Self.firstPause << Int64(min(failures, 8)))
            failures += 1
            passNotBefore = MonotonicClock.now() + .milliseconds(pause)
        } else {
            failures = 0
            passNotBefore = MonotonicTime(nanoseconds: 0)
        }
        saidTroubles.formIntersection(troubles)
        metrics.troubles.set(Int64(troubles.count))
    }

    /// Forgets the status that was written of objects that are gone.
    private func forgetGone() {
        written = written.filter { source.facts[$0.key] != nil }
        kept = kept.filter { source.facts[$0.key] != nil }
    }

    /// Notes what is to be tried again and is part of the life of a cluster.
    func tryAgain(_ what: String) {
        troubles.insert(what)
    }

    /// Notes what is to be tried again; said once, until a pass goes without.
    func note(_ trouble: String) {
        troubles.insert(trouble)
        say(trouble)
    }

    /// Has an operator's line in the log once.
    private func say(_ trouble: String) {
        if saidTroubles.count >= Self.maximumTroubles { saidTroubles = [] }
        guard saidTroubles.insert(trouble).inserted else { return }
        lane.log(.error, .config, "cannot do what objects ask for; tried again") { $0.field("error", trouble) }
    }

    /// Sends a request of a pass while we lead.
    ///
    /// - Throws: `.stopped` when we do not lead any more, or there was no answer.
    func ask(_ request: APIRequest) throws(Interruption) -> ClusterSession.Answer {
        if lease.deadline <= MonotonicClock.now() { renew() }
        let now = MonotonicClock.now()
        guard let end = lease.leadership(now: now) else { throw .stopped }
        if request.method != .get { metrics.writes.add() }
        do throws(KubernetesError) {
            return try session.ask(request, before: min(end, now + Self.requestTimeout))
        } catch {
            note("\(error) (\(session.credentials.authority))")
            throw .stopped
        }
    }

    /// The object in an answer; nil, and noted, when there is none.
    func object(_ answer: ClusterSession.Answer, _ what: String) -> YAMLNode? {
        do throws(KubernetesError) {
            return try answer.object()
        } catch {
            note("\(what): \(error)")
            return nil
        }
    }
}
