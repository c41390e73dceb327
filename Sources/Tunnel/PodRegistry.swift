// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Certificates
internal import Identity
internal import Kubernetes
internal import LinuxIO
internal import Mesh
internal import Redirection

/// The pods of this node that are in the mesh: joins and leaves them as the configuration says, and keeps trying where
/// that fails.
///
/// Joining a pod, in this order, so that no connection is refused at any moment: certificate, listeners in its network
/// namespace, handed to the workers, then redirection. Leaving is the reverse, with time to drain in between. Used by the
/// control thread only.
final class PodRegistry {
    private struct Member {
        let pod: Pod
        let enrollment: Enrollment
        let plan: RedirectionPlan?
        /// The path by which its namespace was opened; nil for the tunnel's own.
        let path: String?
        /// Where the kubelet probes it.
        let addresses: [IPAddress]
    }

    private struct Leaving {
        let member: Member
        /// The last packets of its connections (RST, FIN) need the rules until then to find their way.
        let earliest: MonotonicTime
        let deadline: MonotonicTime

        func isOver(_ now: MonotonicTime) -> Bool {
            deadline <= now || (earliest <= now && member.pod.liveConnections == 0)
        }
    }

    let configuration: TunnelConfiguration
    let own: OwnNetwork
    let redirection: PodRedirection
    private let certificates: CertificateKeeper
    let workers: [Mailbox<WorkerMessage>]
    let probes: KubeletProbes?
    let observer: ControlObserver
    /// What the API is told of pods; nil when it is not.
    let reports: PodReports?
    let processes: PodProcesses
    private var members: [String: Member] = [:]
    private var leaving: [Leaving] = []
    /// Namespaces as the CNI plugin has reported them.
    var reported: [PodUID: String] = [:]
    static let maximumReports = 16_384
    /// The pod of a machine that forwards; it is in no manifest.
    private var forwardPod: Pod?
    /// Pods that could not be joined, with what was said about it, so that a repeated failure is logged once.
    private(set) var pending: [String: String] = [:]
    /// Pods that wait for the first certificate of their identity.
    private var awaiting: [String: (identity: SPIFFEID, since: MonotonicTime)] = [:]
    /// How long a pod waits to be captured for want of a certificate: an answer takes milliseconds.
    private static let certificatePatience = Nanoseconds.seconds(2)

    init(
        configuration: TunnelConfiguration, own: OwnNetwork, redirection: consuming PodRedirection,
        certificates: CertificateKeeper, workers: [Mailbox<WorkerMessage>], probes: KubeletProbes?,
        observer: ControlObserver, reports: PodReports?
    ) {
        self.configuration = configuration
        self.own = own
        self.redirection = redirection
        self.certificates = certificates
        self.workers = workers
        self.probes = probes
        self.observer = observer
        self.reports = reports
        processes = PodProcesses(directory: configuration.processDirectory)
    }

    /// Whether the path of a pod's namespace is a link, as those in /proc are, and may lead elsewhere without a mount.
    private(set) var hasLinks = false

    /// Pods in the mesh.
    var pods: [Pod] { members.values.map(\.pod) + (forwardPod.map { [$0] } ?? []) }

    /// Whether a pod is in the mesh: its listeners and rules are in place.
    func isMember(_ uid: String) -> Bool { members[uid] != nil }

    /// Whether something is to be tried again, or to be finished, soon.
    var isUnsettled: Bool { !pending.isEmpty || !leaving.isEmpty }

    /// Joins and leaves pods until the members are those of `snapshot` on this node.
    func reconcile(with snapshot: MeshSnapshot, now: MonotonicTime) {
        var wanted: [String: (Enrollment, WorkloadIndex)] = [:]
        for index in snapshot.workloads(onNode: configuration.nodeName) {
            guard let enrollment = snapshot.enrollment(of: index), enrollment.isEnrolled else { continue }
            wanted[enrollment.workloadUID] = (enrollment, index)
        }
        for (uid, member) in members {
            if let (enrollment, _) = wanted[uid] {
                change(uid, member, to: enrollment, now: now)
            } else if snapshot.workload(uid: uid) != nil {
                leave(uid, member, drain: configuration.drainTimeout, now: now)
            } else {
                leave(uid, member, drain: Nanoseconds(0), now: now)
            }
        }
        pending = pending.filter { wanted[$0.key] != nil }
        let found = findProcesses(of: wanted.filter { members[$0.key] == nil }.values.map { $0.0 })
        for (uid, (enrollment, index)) in wanted where members[uid] == nil {
            join(uid, enrollment, index, snapshot, found)
        }
        awaiting = awaiting.filter { pending[$0.key] != nil }
        keepProbes(of: probedAddresses(of: wanted.values.map { $0.0 }))
        certificates.keepOnly(Set(pods.map(\.identity) + awaiting.values.map(\.identity)))
        // A process that ends tells nobody either.
        hasLinks = members.values.contains { member in
            member.path.map { member.enrollment.networkNamespacePath == nil || Self.isLink($0) } ?? false
        }
        observer.pods(active: members.count, pending: pending.count)
    }

    /// Where captured pods are probed; those that wait for a certificate, too: a tunnel that takes over leaves none out.
    private func probedAddresses(of wanted: [Enrollment]) -> Set<IPAddress> {
        let awaited = wanted.lazy.filter { self.awaiting[$0.workloadUID] != nil }.flatMap(\.addresses)
        return Set(members.values.lazy.filter { $0.plan != nil }.flatMap(\.addresses)).union(awaited)
    }

    /// What is not there (any more) is no link: a mount will tell when it comes back.
    private static func isLink(_ path: String) -> Bool {
        if path.hasPrefix("/proc/") { return true }
        do throws(SystemError) { return try FileSystem.statusOfLink(path).kind == .other } catch { return false }
    }

    /// Leaves pods whose path names another namespace than the one they were joined in: a pod was made anew under its name.
    ///
    /// A path that names nothing says nothing: a pod that runs must not lose its rules because its file was removed.
    ///
    /// - Returns: whether there was one, which `reconcile` then joins.
    func leaveReplaced(now: MonotonicTime) -> Bool {
        var isAny = false
        var moved: [Enrollment] = []
        for (uid, member) in members {
            guard let path = member.path else { continue }
            let current = Self.identity(path)
            guard current != member.pod.network.identity else { continue }
            if member.enrollment.networkNamespacePath == nil {
                // The process by which it was found has ended, which those of containers do.
                moved.append(member.enrollment)
            } else if current != nil {
                leave(uid, member, drain: Nanoseconds(0), now: now)
                isAny = true
            }
        }
        let found = findProcesses(of: moved)
        for enrollment in moved {
            guard let member = members[enrollment.workloadUID], let network = self.network(of: enrollment, found) else {
                continue
            }
            if network.namespace.identity == member.pod.network.identity {
                members[enrollment.workloadUID] = Member(
                    pod: member.pod, enrollment: enrollment, plan: member.plan, path: network.path,
                    addresses: member.addresses)
            } else {
                leave(enrollment.workloadUID, member, drain: Nanoseconds(0), now: now)
                isAny = true
            }
        }
        return isAny
    }

    /// Leaves a pod that was joined in another namespace than the one it is said to have now: its sandbox was made anew.
    func leave(_ pod: PodUID, unlessIn path: String, now: MonotonicTime) {
        guard let (uid, member) = members.first(where: { $0.value.enrollment.podUID == pod }),
            let identity = Self.identity(path), identity != member.pod.network.identity
        else { return }
        leave(uid, member, drain: Nanoseconds(0), now: now)
    }

    /// Which namespace a path names now; nil when none.
    private static func identity(_ path: String) -> NetworkNamespace.Identity? {
        do throws(NetworkNamespaceError) {
            return try NetworkNamespace(path: path).identity
        } catch {
            return nil
        }
    }

    /// Opens the local ports of the forwards, once and before anything is served.
    func startForwards() throws(JoinError) {
        guard configuration.isForwarding else { return }
        let pod = try ForwardPod.pod(configuration)
        // What is called before there is a certificate is refused; nothing else can be done on the way to it.
        if let contexts = certificates.contexts(for: pod.identity, .realTime, now: .now()) {
            pod.replaceContexts(contexts)
        }
        for worker in workers {
            var listeners: [(purpose: Listener.Purpose, descriptor: CInt)] = []
            for (index, forward) in configuration.forwards.enumerated() {
                do throws(SystemError) {
                    let socket = try Socket.listen(Socket.ListenOptions(address: forward.local))
                    listeners.append((.forward(index), socket.relinquish()))
                } catch {
                    for (_, descriptor) in listeners { _ = OwnedDescriptor(adopting: descriptor) }
                    throw .listen(error, port: forward.local.port)
                }
            }
            worker.post(.attach(pod, listeners))
        }
        forwardPod = pod
    }

    /// The listeners are about to close: connections that are just being made go to a successor, if one listens.
    func prepareHandOver() {
        for member in members.values {
            do throws(SystemError) {
                try own.within(member.pod) { () throws(SystemError) in _ = ListenerMigration.enable() }
            } catch {
                // The namespace is gone, and its connections with it.
            }
        }
    }

    /// Takes away what is left of pods whose connections have ended, or whose time for that is over.
    func finishLeaving(now: MonotonicTime) {
        for item in leaving where item.isOver(now) { removeRedirection(item.member) }
        leaving.removeAll { $0.isOver(now) }
    }

    /// Gives the pods of `identity` their new contexts.
    func replaceContexts(of identity: SPIFFEID, _ contexts: CertificateContexts) {
        for pod in pods where pod.identity == identity { pod.replaceContexts(contexts) }
    }

    /// Whether a pod waits for its first certificate.
    func isAwaited(_ identity: SPIFFEID) -> Bool { awaiting.values.contains { $0.identity == identity } }

    /// Has the API told which pods are in the mesh.
    func tell(_ snapshot: MeshSnapshot) {
        reports?.compare(with: snapshot) { members[$0] != nil }
    }

    /// Has the API told of the pods that lack a certificate, or a new one.
    func certificateFailed(_ identity: SPIFFEID, _ text: String, in snapshot: MeshSnapshot) {
        guard let reports else { return }
        let uids =
            members.values.lazy.map(\.pod).filter { $0.identity == identity }.map(\.uid)
            + awaiting.lazy.filter { $0.value.identity == identity }.map(\.key)
        for uid in uids {
            if let index = snapshot.workload(uid: uid), let enrollment = snapshot.enrollment(of: index) {
                reports.trouble(.certificateNotIssued, enrollment, text)
            }
        }
    }

    /// Gives a pod its contexts; without any it waits for its first certificate, but not for long: its traffic is
    /// captured then too, and refused until the certificate is in.
    private func issueContexts(for pod: Pod) throws(JoinError) {
        if let contexts = certificates.contexts(for: pod.identity, now: .now()) {
            awaiting[pod.uid] = nil
            return pod.replaceContexts(contexts)
        }
        let now = MonotonicClock.now()
        let since = awaiting[pod.uid]?.since ?? now
        let failure = certificates.current[pod.identity]?.failure
        guard failure == nil, now - since < Self.certificatePatience else {
            awaiting[pod.uid] = nil
            _ = certificates.contexts(for: pod.identity, .realTime, now: .now())
            return observer.certificateMissing(pod, failure.map { "\($0)" } ?? "no answer from the CA service yet")
        }
        awaiting[pod.uid] = (pod.identity, since)
        throw .certificateAwaited
    }

    private func join(
        _ uid: String, _ enrollment: Enrollment, _ index: WorkloadIndex, _ snapshot: MeshSnapshot,
        _ found: [PodUID: [PodProcesses.Process]]
    ) {
        let name = snapshot.description(of: index)
        do throws(JoinError) {
            guard let identity = snapshot.identity(of: index) else { throw .noIdentity }
            let (pod, path) = try makePod(uid, name, identity, enrollment, found)
            try issueContexts(for: pod)
            let plan = pod.isRedirected ? RedirectionPlan(options(enrollment)) : nil
            let member = Member(
                pod: pod, enrollment: enrollment, plan: plan, path: path, addresses: probedAddresses(enrollment, pod))
            try openListeners(pod)
            members[uid] = member
            if let plan {
                do throws(RedirectionError) {
                    try redirection.apply(plan, in: pod.network)
                } catch {
                    members[uid] = nil
                    for worker in workers { worker.post(.detach(uid: uid, drain: Nanoseconds(0))) }
                    throw .redirection(error)
                }
            }
            pending[uid] = nil
            observer.podJoined(pod)
            if let plan { observer.planned(plan, pod) }
        } catch {
            let text = "\(error)"
            if pending[uid] != text, !error.isWait { observer.podFailed(name, text) }
            if !error.isWait { reports?.trouble(.meshJoinFailed, enrollment, text) }
            pending[uid] = text
        }
    }

    private func openListeners(_ pod: Pod) throws(JoinError) {
        for worker in workers {
            var current: UInt16 = 0
            do throws(SystemError) {
                var listeners: [(purpose: Listener.Purpose, descriptor: CInt)] = []
                for (purpose, port) in configuration.listeners {
                    current = port
                    let socket = try own.within(pod) { () throws(SystemError) in
                        try listen(on: port)
                    }
                    listeners.append((purpose, socket.relinquish()))
                }
                worker.post(.attach(pod, listeners))
            } catch {
                for other in workers { other.post(.detach(uid: pod.uid, drain: Nanoseconds(0))) }
                throw .listen(error, port: current)
            }
        }
    }

    /// Opens a listener for both families, or for IPv4 alone where the namespace has no IPv6.
    private func listen(on port: UInt16) throws(SystemError) -> OwnedDescriptor {
        var options = Socket.ListenOptions(address: SocketAddress(ip: IPAddress(high: 0, low: 0), port: port))
        options.mark = TunnelConfiguration.packetMark
        do throws(SystemError) {
            return try Socket.listen(options)
        } catch {
            guard error.isFamilyUnavailable else { throw error }
            options.address = SocketAddress(ip: IPAddress(v4: 0), port: port)
            return try Socket.listen(options)
        }
    }

    /// A member whose enrolment reads differently: new exclusions are new rules, another namespace is another pod.
    private func change(_ uid: String, _ member: Member, to enrollment: Enrollment, now: MonotonicTime) {
        guard member.enrollment != enrollment else { return }
        guard member.enrollment.networkNamespacePath == enrollment.networkNamespacePath,
            member.enrollment.podUID == enrollment.podUID
        else {
            return leave(uid, member, drain: Nanoseconds(0), now: now)
        }
        replan(uid, member, enrollment)
    }

    /// Writes the rules of all members anew: the probe addresses may pass now, or may not any more.
    func replan() {
        for (uid, member) in members { replan(uid, member, member.enrollment) }
    }

    private func replan(_ uid: String, _ member: Member, _ enrollment: Enrollment) {
        var plan = member.plan
        if plan != nil {
            let changed = RedirectionPlan(options(enrollment))
            do throws(RedirectionError) {
                try redirection.apply(changed, in: member.pod.network)
            } catch {
                return observer.redirectionFailed(member.pod, "\(error)")
            }
            observer.planned(changed, member.pod)
            plan = changed
        }
        members[uid] = Member(
            pod: member.pod, enrollment: enrollment, plan: plan, path: member.path,
            addresses: enrollment.addresses.isEmpty ? member.addresses : probedAddresses(enrollment, member.pod))
    }

    /// A pod leaves: new connections are not captured from now on, and those that are have `drain` to end.
    private func leave(_ uid: String, _ member: Member, drain: Nanoseconds, now: MonotonicTime) {
        members[uid] = nil
        if let plan = member.plan {
            do throws(RedirectionError) {
                try redirection.apply(plan.draining, in: member.pod.network)
            } catch {
                observer.redirectionFailed(member.pod, "\(error)")
            }
        }
        for worker in workers { worker.post(.detach(uid: uid, drain: drain)) }
        let earliest = now + .milliseconds(500)
        leaving.append(Leaving(member: member, earliest: earliest, deadline: max(earliest, now + drain)))
        observer.podLeft(member.pod)
    }

    private func removeRedirection(_ member: Member) {
        // A pod that has joined again meanwhile keeps its rules.
        let successor = members[member.pod.uid]?.pod.network.identity
        guard let plan = member.plan, successor != member.pod.network.identity else { return }
        do throws(RedirectionError) {
            try redirection.remove(plan, in: member.pod.network)
        } catch {
            observer.redirectionFailed(member.pod, "\(error)")
        }
    }
}
