// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Identity
package import Kubernetes
internal import LinuxIO
internal import Manifest
package import Telemetry

/// Keeps a ConfigMap in step with the roots of the CA that is served; of several replicas one writes, by a Lease.
///
/// It is made where there is none, and written only while it has the label that says it is ours: one that somebody made by hand is
/// left alone, and said so. Nothing else depends on it; an API server that is away changes nothing.
///
/// ## Concurrency model
/// A thread of its own asks; what it has to say comes through a mailbox.
package final class RootsPublisher {
    /// Which ConfigMap, and who writes it.
    package struct Configuration: Sendable {
        /// Its namespace, which is also the Lease's.
        package var namespace: String
        /// Its name.
        package var name: String
        /// Who asks for the Lease; no two processes may have the same.
        package var identity = ""

        /// Reads `NAMESPACE/NAME`; nil for anything else.
        package init?(_ text: String) {
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(Self.isOfName) }) else {
                return nil
            }
            namespace = String(parts[0])
            name = String(parts[1])
        }

        private static func isOfName(_ octet: UInt8) -> Bool {
            switch octet {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                UInt8(ascii: "."):
                true
            default: false
            }
        }

        /// As it was given.
        package var text: String { "\(namespace)/\(name)" }
    }

    private let orders: Mailbox<PublishingThread.Order>
    private var thread: WorkerThread?

    /// Starts the thread; nothing is written before `publish`.
    ///
    /// - Throws: when the thread or what it waits with cannot be had, with a line that says so.
    package init(_ configuration: Configuration, credentials: ClusterCredentials, log: LogLane) throws {
        let orders = try Mailbox<PublishingThread.Order>()
        self.orders = orders
        let work = try PublishingThread(configuration, credentials, orders, log)
        thread = try WorkerThread(name: "ambit-roots") { work.run() }
    }

    /// These are the roots from now on.
    package func publish(_ bundle: TrustBundle) {
        orders.post(.publish(bundle))
    }

    /// Gives the Lease up, and waits until that is done.
    package func stop() {
        orders.post(.stop)
        thread.take()?.join()
    }
}

/// What the thread does.
///
/// Safety: made by one thread, which hands it to the one that runs it and uses it no more.
private final class PublishingThread: @unchecked Sendable {
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
    private var roots: String?
    private var isStopped = false
    private var wasLeading = false
    private var lookTime = MonotonicTime(nanoseconds: 0)
    private var said = ""

    private static let leaseName = "ambit-identity"
    private static let label = (key: "app.kubernetes.io/managed-by", value: "ambit-identity")
    private static let key = "root-cert.pem"
    /// How often the leader looks whether the ConfigMap still says so, and how soon it tries again.
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
                say("\(error)")
            }
        }
    }

    private func renew() {
        if case .trouble(let text) = lease.renew() { say(text) }
        let leads = lease.leadership(now: MonotonicClock.now()) != nil
        guard leads != wasLeading else { return }
        wasLeading = leads
        lookTime = MonotonicTime(nanoseconds: 0)
        lane.log(.info, .main, leads ? "leads now" : "does not lead any more") {
            $0.field("lease", lease.description)
            $0.fieldUnlessEmpty("holder", lease.holder)
        }
    }

    /// Looks at the ConfigMap, and writes it when it says something else.
    private func look(_ roots: String, until end: MonotonicTime) {
        do throws(KubernetesError) {
            let trouble = try compare(roots, until: end)
            if let trouble { say(trouble) } else { said = "" }
            lookTime = MonotonicClock.now() + (trouble == nil ? Self.lookInterval : Self.retryInterval)
        } catch {
            say("\(error) (\(session.credentials.authority))")
            lookTime = MonotonicClock.now() + Self.retryInterval
        }
    }

    /// - Returns: what keeps the ConfigMap from saying what it should; nil when nothing does.
    private func compare(_ roots: String, until end: MonotonicTime) throws(KubernetesError) -> String? {
        let collection = "/api/v1/namespaces/\(configuration.namespace)/configmaps"
        let path = "\(collection)/\(configuration.name)"
        let found = try session.ask(APIRequest(.get, path), before: end)
        let request: APIRequest
        if found.status == 404 {
            request = APIRequest(.post, collection, "application/json", body(roots, version: nil))
        } else {
            guard found.isGood else { return problem(found) }
            let object = try found.object()
            if object["data"]?[Self.key]?.string == roots { return nil }
            guard object["metadata"]?["labels"]?[Self.label.key]?.string == Self.label.value else {
                return "ConfigMap \(configuration.text) has other roots than the CA, and is left alone: "
                    + "it lacks the label \(Self.label.key): \(Self.label.value)"
            }
            // On top of what was read: a write that comes late is refused.
            let version = object["metadata"]?["resourceVersion"]?.string ?? ""
            request = APIRequest(.patch, path, "application/merge-patch+json", body(roots, version: version))
        }
        let written = try session.ask(request, before: end)
        guard written.isGood else { return problem(written) }
        lane.log(.info, .identity, "roots published") { $0.field("configmap", configuration.text) }
        return nil
    }

    private func problem(_ answer: ClusterSession.Answer) -> String {
        "ConfigMap \(configuration.text): \(answer.problem)"
    }

    private func body(_ roots: String, version: String?) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("apiVersion", "v1")
            json.member("kind", "ConfigMap")
            json.name("metadata")
            json.object { json in
                json.member("name", configuration.name)
                json.member("namespace", configuration.namespace)
                if let version {
                    json.member("resourceVersion", version)
                } else {
                    json.name("labels")
                    json.object { $0.member(Self.label.key, Self.label.value) }
                }
            }
            json.name("data")
            json.object { $0.member(Self.key, roots) }
        }
        return json.bytes
    }

    /// Has an operator's line in the log once.
    private func say(_ text: String) {
        guard text != said else { return }
        said = text
        lane.log(.error, .config, "roots are not published; tried again") { $0.field("error", text) }
    }
}
