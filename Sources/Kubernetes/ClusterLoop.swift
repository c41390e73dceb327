// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP2
internal import Identity
internal import LinuxIO
internal import Manifest
internal import TLS

/// The thread behind `ClusterSource`: keeps one connection to the API server and follows every resource over it.
final class ClusterLoop {
    static let orderToken = EventToken(kind: 0, index: 0, generation: 0)
    private static let linkKind: UInt8 = 1

    private struct Call {
        let reflector: Int
        let isWatch: Bool
    }

    private let credentials: ClusterCredentials
    let updates: Mailbox<ClusterUpdate>
    private let orders: Mailbox<ClusterOrder>
    private let poller: PollerBox
    private var reduction: ObjectReduction
    var reflectors: [Reflector]
    /// What is read of each one's objects in a list, and of the events of its watch.
    private let selections: [(item: JSONSelection, event: JSONSelection)]
    /// What was last said of each, so that it is said once.
    var troubles: [String?]
    private var calls: [UInt64: Call] = [:]
    var nextCall: UInt64 = 1
    /// What is said of pods, and the call that says it now.
    var reporter: PodReporter
    var reportCall: UInt64?
    var saidReporting: [String] = []
    var link: ServiceLink<APICalls>?
    private var linkNumber: UInt32 = 0
    private var addresses: [SocketAddress] = []
    private var connectNotBefore = MonotonicTime(nanoseconds: 0)
    private var connectFailures = 0
    private var connectionTrouble: String?
    private var scratch = Scratch(pooledBytes: 1 << 20)
    var random: RandomSource
    var now = MonotonicClock.now()
    private var isStopped = false
    /// Whether objects are passed on as text too.
    private let keepsText: Bool
    /// Whether what who writes their status needs is passed on.
    private let keepsFacts: Bool

    /// Bookmarks come every minute: a watch that is silent for three has stalled.
    private static let watchSilence = Nanoseconds.seconds(180)

    init(
        _ credentials: ClusterCredentials, kinds: [ObjectKind], reader: ManifestReader,
        updates: Mailbox<ClusterUpdate>, orders: Mailbox<ClusterOrder>, poller: PollerBox, seed: UInt64,
        keepsText: Bool, keepsFacts: Bool, node: String
    ) {
        self.credentials = credentials
        self.updates = updates
        self.orders = orders
        self.poller = poller
        self.keepsText = keepsText
        self.keepsFacts = keepsFacts
        reporter = PodReporter(node: node)
        random = RandomSource(seed: seed)
        reduction = ObjectReduction(reader: reader, node: node)
        let start = now
        reflectors = kinds.compactMap { APIResource($0) }.map { Reflector($0, now: start) }
        selections = reflectors.map {
            (ObjectSelection.item($0.resource.kind), ObjectSelection.event($0.resource.kind))
        }
        troubles = Array(repeating: nil, count: reflectors.count)
    }

    func run() {
        while !isStopped {
            work()
            var timeout: Nanoseconds?
            let deadline = nextDeadline
            if deadline != .distantFuture { timeout = max(Nanoseconds(0), deadline - now) }
            let count = poller.value.wait(timeout: timeout)
            now = MonotonicClock.now()
            for index in 0..<count {
                let (token, readiness) = poller.value.event(at: index)
                if token.kind != Self.linkKind {
                    for order in orders.takeAll() { take(order) }
                } else if token.index == linkNumber {
                    onLink { (link) throws(HBONEError) in
                        try link.becameReady(readiness, &self.scratch, now: self.now)
                    }
                }
            }
        }
        closeLink("ended")
    }

    private func take(_ order: ClusterOrder) {
        switch order {
        case .stop: isStopped = true
        case .report(let report): reporter.take(report, now: now, time: .now())
        }
    }

    /// When there is something to ask next.
    private var callsDue: MonotonicTime {
        min(reflectors.compactMap(\.deadline).min() ?? .distantFuture, reporter.deadline ?? .distantFuture)
    }

    private var nextDeadline: MonotonicTime {
        let due = callsDue
        guard let link else { return max(due, connectNotBefore) }
        return min(link.nextDeadline, link.availableCalls > 0 ? due : .distantFuture)
    }

    private func work() {
        onLink { (link) throws(HBONEError) in try link.expire(now: self.now) }
        // The watches go on over the next connection from where they are.
        if let link, link.isDraining { closeLink("the server goes away") }
        if link == nil, connectNotBefore <= now, callsDue <= now { connect() }
        startCalls()
        onLink { (link) throws(HBONEError) in
            try link.send(&self.scratch)
            return []
        }
    }

    // MARK: - Requests

    private func startCalls() {
        guard let link, link.availableCalls > 0 else { return }
        if connectionTrouble != nil || connectFailures > 0 { say(nil) }
        connectFailures = 0
        for index in reflectors.indices where link.availableCalls > 0 {
            guard (reflectors[index].deadline ?? .distantFuture) <= now else { continue }
            guard let token = readToken() else { return closeLink("no token") }
            if let watch = calls.first(where: { $0.value.reflector == index })?.key { cancel(watch) }
            guard let request = reflectors[index].request(now: now, random: &random) else { continue }
            start(request, token, index, link)
        }
        startReport(link)
    }

    /// The token for a request, if one is sent; nil, and said, when it cannot be read.
    func readToken() -> String?? {
        do throws(KubernetesError) {
            return .some(try credentials.readToken())
        } catch {
            say("\(error)")
            return nil
        }
    }

    private func start(_ request: Reflector.Request, _ token: String?, _ index: Int, _ link: ServiceLink<APICalls>) {
        let kind = reflectors[index].resource.kind
        var call = APIRequest(.get, "")
        var isWatch = false
        switch request {
        case .list(let path, let isFirst):
            call.path = path
            call.delivery = .pieces(.items)
            call.timeout = .seconds(120)
            if isFirst { updates.post(.listBegan(kind)) }
        case .watch(let path, let timeout, let isStreamingList):
            call.path = path
            call.delivery = .pieces(.values)
            // The server ends a watch; who does not is helped.
            call.timeout = timeout + .seconds(30)
            call.silence = isStreamingList ? .seconds(30) : Self.watchSilence
            if isStreamingList { updates.post(.listBegan(kind)) }
            isWatch = true
        }
        let number = nextCall
        nextCall += 1
        let isStarted = link.start { calls, http2 in
            calls.start(call, token: token, context: number, &http2, now: now)
        }
        guard isStarted else { return finish(index, .broken) }
        calls[number] = Call(reflector: index, isWatch: isWatch)
    }

    // MARK: - Replies

    private func take(_ replies: [APIReply]) {
        for reply in replies {
            if reply.context == reportCall { takeReport(reply) }
            guard let call = calls[reply.context] else { continue }
            for piece in reply.pieces where calls[reply.context] != nil {
                if call.isWatch {
                    takeEvent(piece, reply.context, call.reflector)
                } else {
                    takeItem(piece, call.reflector)
                }
            }
            guard let end = reply.end, calls.removeValue(forKey: reply.context) != nil else { continue }
            finish(call.reflector, outcome(reply, end, call))
        }
    }

    private func takeItem(_ piece: [UInt8], _ index: Int) {
        let kind = reflectors[index].resource.kind
        do throws(KubernetesError) {
            set(try YAMLNode(json: piece, selections[index].item), index)
        } catch {
            updates.post(.lost(kind, [Self.lostFinding(kind)]))
        }
    }

    private func set(_ node: YAMLNode, _ index: Int) {
        let resource = reflectors[index].resource
        let apiVersion = resource.apiVersion(reflectors[index].versionName)
        let update = reduction.update(node, resource.kind, apiVersion: apiVersion)
        if keepsFacts, let key = ObjectReduction.key(node, resource.kind),
            let facts = ObjectFacts(node, resource.kind, version: reflectors[index].versionName)
        {
            updates.post(.facts(key, facts))
        }
        updates.post(update)
        guard keepsText, case .set(let object, _) = update else { return }
        updates.post(.text(object.key, ObjectText.octets(node, resource.kind, apiVersion: apiVersion)))
    }

    private func takeEvent(_ piece: [UInt8], _ context: UInt64, _ index: Int) {
        let kind = reflectors[index].resource.kind
        do throws(KubernetesError) {
            switch try WatchEvent(piece, selections[index].event) {
            case .set(let node, let version):
                set(node, index)
                noted(version, index)
            case .deleted(let node, let version):
                if let key = ObjectReduction.key(node, kind) { updates.post(.removed(key)) }
                noted(version, index)
            case .bookmark(let version, isEndOfList: false): noted(version, index)
            case .bookmark(let version, isEndOfList: true):
                perform(reflectors[index].noted(endOfListAt: version, now: now), index)
                link?.start { calls, _ in calls.setSilence(Self.watchSilence, context: context, now: now) }
            case .error(let status):
                cancel(context)
                refused(status, nil, index)
            }
        } catch {
            updates.post(.lost(kind, [Self.lostFinding(kind)]))
            reflectors[index].notedUnreadable(now: now, random: &random)
        }
    }

    private func cancel(_ context: UInt64) {
        calls[context] = nil
        link?.start { calls, http2 in calls.cancel(context: context, &http2) }
    }

    /// A watch has told how far it is, so nothing is wrong with it.
    private func noted(_ version: String, _ index: Int) {
        reflectors[index].noted(resourceVersion: version)
        if !reflectors[index].isListing { trouble(nil, index) }
    }

    private static func lostFinding(_ kind: ObjectKind) -> Finding {
        Finding(
            .error, object: kind.name, text: "an object from the API server cannot be read; its last version counts")
    }

    private func outcome(_ reply: APIReply, _ end: APIReply.End, _ call: Call) -> Reflector.Outcome {
        switch end {
        case .failed(let error):
            note(error, call.reflector)
            if case .timedOut = error { return .silent }
            return .broken
        case .complete(let body):
            guard (200..<300).contains(reply.status) else {
                let status = APIStatus(code: reply.status, body: body)
                note(status, call.reflector)
                return .refused(status: reply.status, retryAfter: reply.retryAfter)
            }
            guard !call.isWatch else { return .watchEnded }
            do throws(KubernetesError) {
                let metadata = try YAMLNode(json: body)["metadata"]
                return .page(
                    resourceVersion: metadata?["resourceVersion"]?.string ?? "",
                    next: metadata?["continue"]?.string ?? "")
            } catch {
                note(error, call.reflector)
                return .broken
            }
        }
    }

    private func refused(_ status: APIStatus, _ retryAfter: Nanoseconds?, _ index: Int) {
        note(status, index)
        finish(index, .refused(status: status.code, retryAfter: retryAfter))
    }

    private func finish(_ index: Int, _ outcome: Reflector.Outcome) {
        perform(reflectors[index].finished(outcome, now: now, random: &random), index)
    }

    private func perform(_ effect: Reflector.Effect, _ index: Int) {
        let kind = reflectors[index].resource.kind
        switch effect {
        case .none: break
        case .listComplete:
            trouble(nil, index)
            updates.post(.listComplete(kind))
        case .absent:
            trouble(nil, index)
            updates.post(.absent(kind))
        }
    }

    // MARK: - The connection

    private func say(_ text: String?) {
        guard connectionTrouble != text else { return }
        connectionTrouble = text
        updates.post(.connection(text))
    }

    private func connect() {
        do throws(KubernetesError) {
            if addresses.isEmpty { addresses = try resolve() }
            let context = try credentials.makeContext()
            let made: ServiceLink<APICalls>
            do throws(HBONEError) {
                made = try ServiceLink(
                    to: addresses.removeFirst(), context: context,
                    calls: APICalls(authority: credentials.authority, pathPrefix: credentials.pathPrefix),
                    configuration: APICalls.configuration, connectTimeout: .seconds(10), now: now)
            } catch {
                throw .connection(error)
            }
            linkNumber &+= 1
            do throws(SystemError) {
                try poller.value.addEdgeTriggered(
                    made.descriptor, token: EventToken(kind: Self.linkKind, index: linkNumber, generation: 0))
            } catch {
                throw .connection(.socket(errno: error.number))
            }
            link = made
        } catch {
            connectionFailed(error)
        }
    }

    private func resolve() throws(KubernetesError) -> [SocketAddress] {
        do throws(SystemError) {
            let found = try HostResolver.resolve(credentials.host, port: credentials.port)
            now = MonotonicClock.now()
            return found
        } catch {
            throw .unresolved
        }
    }

    private func connectionFailed(_ error: KubernetesError) {
        say("\(error) (\(credentials.authority))")
        // The next address of the same host at once; a pause when none is left.
        guard addresses.isEmpty else { return }
        let longest = min(Int64(30_000), 500 << Int64(min(connectFailures, 8)))
        connectFailures += 1
        connectNotBefore = now + .milliseconds(Int64.random(in: longest / 2...longest, using: &random))
    }

    private func onLink(_ body: (ServiceLink<APICalls>) throws(HBONEError) -> [APIReply]) {
        guard let link else { return }
        do throws(HBONEError) {
            take(try body(link))
        } catch {
            if !link.isEstablished {
                closeLink("\(error)")
                connectionFailed(.connection(error))
            } else {
                closeLink("\(error)")
            }
        }
    }

    func closeLink(_ reason: String) {
        guard let link else { return }
        self.link = nil
        poller.value.remove(link.descriptor)
        if link.isEstablished {
            addresses = []
            // Nodes that lose the same server do not come back in the same instant.
            connectNotBefore = now + .milliseconds(Int64.random(in: 50...500, using: &random))
        }
        take(link.close(because: reason, &scratch))
    }
}
