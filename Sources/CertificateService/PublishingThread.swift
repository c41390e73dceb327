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
        case publish(TrustBundle)
        case stop
    }

    private let configuration: RootsPublisher.Configuration
    private let orders: Mailbox<Order>
    private let poller: PollerBox
    private let session: ClusterSession
    private let lease: ClusterLease
    private let lane: LogLane
    private var objects: [any PublishedObject]
    /// What was said last of each object's trouble; empty when there is none.
    private var said: [String]
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
        _ lane: LogLane
    ) throws {
        self.configuration = configuration
        self.orders = orders
        self.lane = lane
        session = try ClusterSession(credentials)
        objects = [RootsConfigMap(namespace: configuration.namespace, name: configuration.name)]
        if let name = configuration.trustBundle { objects.append(RootsTrustBundle(name: name)) }
        said = [String](repeating: "", count: objects.count + 1)
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
        case .publish(let bundle):
            do throws(IdentityError) {
                roots = String(decoding: try bundle.pem(), as: UTF8.self)
                lookTime = MonotonicTime(nanoseconds: 0)
            } catch {
                say("\(error)", of: objects.count)
            }
        }
    }

    private func renew() {
        if case .trouble(let text) = lease.renew() { say(text, of: objects.count) }
        let leads = lease.leadership(now: MonotonicClock.now()) != nil
        guard leads != wasLeading else { return }
        wasLeading = leads
        lookTime = MonotonicTime(nanoseconds: 0)
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
            say(trouble, of: index)
            isInStep = isInStep && trouble == nil
        }
        lookTime = MonotonicClock.now() + (isInStep ? Self.lookInterval : Self.retryInterval)
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

    /// Has an operator's line in the log once; nil when there is nothing to say any more.
    private func say(_ text: String?, of index: Int) {
        guard said[index] != text ?? "" else { return }
        said[index] = text ?? ""
        guard let text else { return }
        lane.log(.error, .config, "roots are not published; tried again") { $0.field("error", text) }
    }
}
