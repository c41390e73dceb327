// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
internal import Kubernetes
internal import LinuxIO
internal import Telemetry

/// What the thread of a `RootsPublisher` does.
///
/// ## Concurrency model
/// Made by one thread, which hands it to the one that runs it and uses it no more.
///
/// Safety: made by one thread, which hands it to the one that runs it and uses it no more.
final class PublishingThread: @unchecked Sendable {
    enum Order: Sendable {
        case publish(ServedRoots)
        case stop
    }

    private let configuration: RootsPublisher.Configuration
    private let orders: Mailbox<Order>
    private let poller: PollerBox
    private let session: ClusterSession
    private let lease: ClusterLease
    private let lane: LogLane
    private var objects: [any PublishedObject]
    /// What was said last of each object's trouble, of the rotation's and of the Lease's; empty when there is none.
    private var said: [String]
    private let metrics: RotationMetrics
    private var served: ServedRoots?
    /// The roots of `served`, as they are published.
    private var roots: String?
    private var isStopped = false
    private var wasLeading = false
    private var lookTime = MonotonicTime(nanoseconds: 0)

    private static let leaseName = "ambit-identity"
    /// How often the leader looks whether the objects still say so, and how soon it tries again.
    private static let lookInterval = Nanoseconds.seconds(60)
    private static let retryInterval = Nanoseconds.seconds(5)

    init(
        _ configuration: RootsPublisher.Configuration, _ credentials: ClusterCredentials, _ orders: Mailbox<Order>,
        _ lane: LogLane, _ metrics: RotationMetrics
    ) throws {
        self.configuration = configuration
        self.orders = orders
        self.lane = lane
        self.metrics = metrics
        session = try ClusterSession(credentials)
        objects = [RootsConfigMap(namespace: configuration.namespace, name: configuration.name)]
        if let name = configuration.trustBundle { objects.append(RootsTrustBundle(name: name)) }
        said = [String](repeating: "", count: objects.count + 2)
        lease = ClusterLease(
            session, namespace: configuration.namespace, name: Self.leaseName, identity: configuration.identity,
            duration: .seconds(15))
        poller = PollerBox(try Poller(capacity: 4))
        try poller.value.addReadable(orders.descriptor, token: EventToken(kind: 0, index: 0, generation: 0))
    }

    func run() {
        while true {
            for order in orders.takeAll() { take(order) }
            if isStopped { return lease.release() }
            renew()
            let now = MonotonicClock.now()
            let end = lease.leadership(now: now)
            if let end, let roots, lookTime <= now { look(roots, until: end) }
            let deadline = min(lease.deadline, end == nil || roots == nil ? .distantFuture : lookTime)
            _ = poller.value.wait(timeout: max(Nanoseconds(0), deadline - MonotonicClock.now()))
        }
    }

    private func take(_ order: Order) {
        switch order {
        case .stop: isStopped = true
        case .publish(let served):
            do throws(IdentityError) {
                roots = String(decoding: try served.bundle.pem(), as: UTF8.self)
                self.served = served
                lookTime = MonotonicTime(nanoseconds: 0)
            } catch {
                sayUnpublished("\(error)", of: said.count - 1)
            }
        }
    }

    private func renew() {
        switch lease.renew() {
        case .none: break
        case .answered: sayUnpublished(nil, of: said.count - 1)
        case .trouble(let text): sayUnpublished(text, of: said.count - 1)
        }
        let leads = lease.leadership(now: MonotonicClock.now()) != nil
        guard leads != wasLeading else { return }
        wasLeading = leads
        lookTime = MonotonicTime(nanoseconds: 0)
        if !leads {
            metrics.set(.stable)
            metrics.set(isHeld: false, isMissing: false)
        }
        lane.log(.info, .main, leads ? "leads now" : "does not lead any more") {
            $0.field("lease", lease.description)
            $0.fieldUnlessEmpty("holder", lease.holder)
        }
    }

    /// Looks at each object, and writes it when it says something else.
    private func look(_ roots: String, until end: MonotonicTime) {
        var isInStep = true
        for index in objects.indices {
            let trouble = look(index, roots, until: end)
            sayUnpublished(trouble, of: index)
            isInStep = isInStep && trouble == nil
        }
        lookTime = MonotonicClock.now() + (isInStep ? Self.lookInterval : Self.retryInterval)
        rotate(isPublished: isInStep, until: end)
    }

    /// - Returns: what keeps the object from saying what it should; nil when nothing does.
    private func look(_ index: Int, _ roots: String, until end: MonotonicTime) -> String? {
        do throws(KubernetesError) {
            switch try objects[index].look(roots, session, until: end) {
            case .inStep: return nil
            case .written:
                lane.log(.info, .identity, "roots published") { $0.field("object", objects[index].text) }
                return nil
            case .trouble(let text): return text
            }
        } catch {
            return "\(error) (\(session.credentials.authority))"
        }
    }

    // MARK: - Rotation

    /// Looks at the Secret, when there is one, and makes the step of a rotation that is due.
    private func rotate(isPublished: Bool, until end: MonotonicTime) {
        guard let rotation = configuration.rotation, let served else { return }
        let outcome: SecretRotation.Outcome
        do throws(KubernetesError) {
            outcome = try rotation.look(
                namespace: configuration.namespace, served: served, isPublished: isPublished, session, until: end)
        } catch {
            outcome = .trouble("\(error) (\(session.credentials.authority))")
        }
        let place = "Secret \(configuration.namespace)/\(rotation.name)"
        switch outcome {
        case .quiet(let phase, let until):
            metrics.set(phase)
            note(nil, isMissing: false)
            guard let until else { return }
            lookAgain(in: .seconds(max(1, until.seconds - UnixTime.now().seconds)))
        case .stepped(let step):
            note(nil, isMissing: false)
            lane.log(.info, .identity, step.text) { $0.field("object", place) }
            lookAgain(in: Self.retryInterval)
        case .conflict: lookAgain(in: .seconds(1))
        case .missing:
            note("\(place) is gone: what is in memory serves until this process ends; restore it", isMissing: true)
        case .held(let phase, let reason):
            metrics.set(phase)
            // For a minute or two after each step that is as it should be.
            note("\(place): \(reason)", isMissing: false, as: reason == .notServed ? .info : .error)
            lookAgain(in: Self.retryInterval)
        case .trouble(let text): note("\(place): \(text)", isMissing: false)
        }
    }

    private func lookAgain(in time: Nanoseconds) {
        lookTime = min(lookTime, MonotonicClock.now() + time)
    }

    private func note(_ trouble: String?, isMissing: Bool, as level: LogLevel = .error) {
        metrics.set(isHeld: trouble != nil, isMissing: isMissing)
        guard isNews(trouble, of: objects.count), let trouble else { return }
        lane.log(level, .identity, "root is not rotated; tried again") { $0.field("error", trouble) }
    }

    // MARK: - The log

    /// Has an operator's line in the log once; nil when there is nothing to say any more.
    private func sayUnpublished(_ text: String?, of index: Int) {
        guard isNews(text, of: index), let text else { return }
        lane.log(.error, .config, "roots are not published; tried again") { $0.field("error", text) }
    }

    private func isNews(_ text: String?, of index: Int) -> Bool {
        defer { said[index] = text ?? "" }
        return said[index] != text ?? ""
    }
}

extension RotationSchedule.Step {
    fileprivate var text: String {
        switch self {
        case .begin: "rotation begins: a new root is beside the old one, which signs"
        case .stamp: "rotation: the change has arrived; the next step follows in one life of a certificate"
        case .unstamp: "rotation: the change has not arrived here; the wait begins again when it has"
        case .switchSigner: "rotation: the new root signs, and the old one is still trusted"
        case .finish: "rotation is over: the old root is not trusted any more"
        case .none, .wait, .hold: "nothing to do"
        }
    }
}
