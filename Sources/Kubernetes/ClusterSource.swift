// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import Identity
internal import LinuxIO
package import Manifest
internal import Mesh

/// The objects of a Kubernetes cluster as a source of configuration: listed and watched by a thread of its own.
///
/// Used as `FolderSource` is: the owner polls `descriptor` for reading, calls `receiveEvents` then, and `load` when `deadline` has
/// passed. While the API server is away everything that was known serves on.
///
/// ## Concurrency model
/// All methods belong to one thread. The other one shares nothing but the mailboxes.
package final class ClusterSource {
    /// What to follow, and how to read it.
    package struct Options: Sendable {
        /// The kinds to follow.
        package var kinds: [ObjectKind]
        /// How objects are read.
        package var reader = ManifestReader()
        /// How objects are translated.
        package var translation = TranslationOptions()
        /// When changes count.
        package var debouncer = ChangeDebouncer()
        /// Where what is known outlives the process; empty for nowhere.
        package var stateDirectory = ""
        /// Whether what who writes objects' status needs is kept.
        package var keepsFacts = false
        /// The node whose tunnel says of its pods in the API what it can (`report`); empty where nobody does.
        package var reportingNode = ""

        /// The kinds that a tunnel reads, or those that a waypoint reads too.
        package init(forWaypoint: Bool) {
            kinds = ObjectKind.allCases.filter { kind in
                APIResource(kind) != nil && (forWaypoint || !kind.isForWaypoints)
            }
        }
    }

    /// How long a start waits for the first lists without another object: then it fails, says why, and whoever runs it tries
    /// again.
    package static var startTimeout: Nanoseconds { .seconds(60) }

    /// How long a start that has a snapshot waits for the API server before it begins with that.
    static var snapshotPatience: Nanoseconds { .seconds(3) }

    private let options: Options
    private let keeper: SnapshotKeeper?
    /// When the snapshot was written that serves for kinds which have not been listed; nil when there is no such kind.
    package private(set) var snapshotTime: Int64?
    let updates: Mailbox<ClusterUpdate>
    private let orders: Mailbox<ClusterOrder>
    private var translator: MeshTranslator
    private var debouncer: ChangeDebouncer
    /// Kinds that have not been listed yet.
    private var unsynced: Set<ObjectKind>
    /// What has come since a list began.
    private var listed: [ObjectKind: Set<ObjectKey>] = [:]
    /// Kinds of which an object could not be told which it is, since the list began.
    private var lost: [ObjectKind: [Finding]] = [:]
    /// What is wrong with single objects.
    package private(set) var objectFindings: [ObjectKey: [Finding]] = [:]
    /// Objects that cannot be used as they are now: their last good version counts, if there is one.
    package private(set) var refused: Set<ObjectKey> = []
    /// Of `Options.keepsFacts`: what is known of the objects whose status may be written, those that cannot be used included.
    package private(set) var facts: [ObjectKey: ObjectFacts] = [:]
    private var troubles: [ObjectKind: String] = [:]
    /// What is wrong with the connection; nil when nothing is.
    private var connectionTrouble: String?
    /// What keeps pods from being told of in the API.
    private var reportingTroubles: [String] = []
    private var reported: Set<Finding> = []
    private var lastModel: MeshModel?
    private var hasTold = false
    /// When a start that has not been told everything gives up.
    private(set) var patienceEnds: MonotonicTime
    /// Told of every object that is set, and of every one that is gone, for who keeps an index of objects instead of a mesh.
    package var onChange: ((ObjectKey, ManifestObject?) -> Void)?

    /// Starts to follow a cluster.
    ///
    /// - Throws: when the thread or what it waits with cannot be had.
    package init(
        _ credentials: ClusterCredentials, options: Options, keeper: SnapshotKeeper? = nil, seed: UInt64
    ) throws(ManifestError) {
        self.options = options
        self.keeper = keeper
        translator = MeshTranslator(options.translation)
        debouncer = options.debouncer
        unsynced = Set(options.kinds)
        patienceEnds = MonotonicClock.now() + Self.startTimeout
        do throws(SystemError) {
            let updates = try Mailbox<ClusterUpdate>()
            let orders = try Mailbox<ClusterOrder>()
            self.updates = updates
            self.orders = orders
            let poller = PollerBox(try Poller(capacity: 16))
            try poller.value.addReadable(orders.descriptor, token: ClusterLoop.orderToken)
            let (keepsText, keepsFacts, node) = (keeper != nil, options.keepsFacts, options.reportingNode)
            let thread = try WorkerThread(name: "ambit-api-client") {
                ClusterLoop(
                    credentials, kinds: options.kinds, reader: options.reader, updates: updates, orders: orders,
                    poller: poller, seed: seed, keepsText: keepsText, keepsFacts: keepsFacts, node: node
                ).run()
            }
            thread.detach()
        } catch {
            throw .watch(errno: error.number)
        }
    }

    deinit {
        orders.post(.stop)
        keeper?.post(.stop)
    }

    /// Readable when something may have changed.
    package var descriptor: CInt { updates.descriptor }

    /// When `load` should be called next; never before everything has been listed once.
    package var deadline: MonotonicTime { isSynced ? debouncer.deadline ?? .distantFuture : .distantFuture }

    /// Whether everything has been listed once, or is known from a snapshot.
    package var isSynced: Bool { unsynced.isEmpty || snapshotTime != nil }

    /// What is still waited for before the first load, for whoever waits.
    package var waitingFor: String {
        trouble ?? "no complete list yet of " + unsynced.sorted().map(\.name).joined(separator: ", ")
    }

    /// What keeps the lists from being complete; nil when nothing is known to.
    package var trouble: String? {
        if let connectionTrouble { return connectionTrouble }
        return troubles.min { $0.key < $1.key }.map { "\($0.key.name): \($0.value)" }
    }

    /// The objects that count now.
    package var objects: ObjectStore { translator.store }

    /// The namespaces whose label enrols their pods, sorted.
    package var enrolledNamespaces: [String] {
        translator.store.keys(.namespace).filter {
            translator.store.object($0)?.metadata.labels["istio.io/dataplane-mode"] == "ambient"
        }.map(\.name).sorted()
    }

    /// Has something said of a pod in the API, as soon as that can be; nobody waits for it.
    package func report(_ report: PodReport) {
        orders.post(.report(report))
    }

    /// Takes what has come; `deadline` may be another afterwards.
    package func receiveEvents(now: MonotonicTime) {
        for update in updates.takeAll() {
            take(update)
            if case .set = update { patienceEnds = now + Self.startTimeout }
            debouncer.note(now: now)
        }
    }

    /// Makes the mesh of what has come.
    ///
    /// - Returns: what the cluster says now; nil when nothing changed since the last call, or not everything has been listed.
    package func load(now: MonotonicTime) -> FolderSource.Load? {
        guard poll(now: now) else { return nil }
        let translation = translator.translate()
        let (findings, newFindings) = report(translation.findings)
        let isModelChanged = translation.model != lastModel
        if isModelChanged { lastModel = translation.model }
        return FolderSource.Load(
            model: translation.model, isModelChanged: isModelChanged, findings: findings, newFindings: newFindings,
            lost: unknown)
    }

    /// As `load`, for who follows the mesh change by change: a call costs what has changed.
    ///
    /// Whoever begins with one of the two goes on with it.
    package func follow(now: MonotonicTime) -> FolderSource.Change? {
        guard poll(now: now) else { return nil }
        let update = translator.follow()
        let (findings, newFindings) = report(translator.currentFindings)
        return FolderSource.Change(update: update, findings: findings, newFindings: newFindings, lost: unknown)
    }

    /// Takes what has come.
    ///
    /// - Returns: whether there is something to tell.
    private func poll(now: MonotonicTime) -> Bool {
        receiveEvents(now: now)
        guard isSynced, !hasTold || debouncer.deadline != nil else { return false }
        hasTold = true
        debouncer.reset(now: now)
        return true
    }

    /// All findings, and those that have not been reported yet.
    private func report(_ ofObjects: [Finding]) -> (all: [Finding], new: [Finding]) {
        let all = ownFindings + ofObjects
        let new = all.filter { !reported.contains($0) }
        reported = Set(all)
        return (all, new)
    }

    private var unknown: [Finding] {
        lost.filter(\.key.failsClosed).sorted { $0.key < $1.key }.flatMap(\.value)
    }

    /// Takes the objects of the snapshot that the process before has left, of all kinds that have not been listed yet.
    ///
    /// What lists and watches say from now on counts more, kind by kind.
    ///
    /// - Throws: `.snapshot` when there is none or it cannot be used; nothing has changed then.
    package func restore() throws(KubernetesError) {
        guard let keeper else { throw .snapshot(.none) }
        let snapshot = try keeper.read()
        var reduction = ObjectReduction(reader: options.reader, node: options.reportingNode)
        var restored: [ManifestObject] = []
        for record in snapshot.records where unsynced.contains(record.key.kind) {
            let node = try YAMLNode(json: record.octets)
            let version = node["apiVersion"]?.string ?? ""
            guard case .set(let object, _) = reduction.update(node, record.key.kind, apiVersion: version),
                object.key == record.key
            else { throw .snapshot(.damaged) }
            restored.append(object)
        }
        let present = Set(unsynced.flatMap { translator.store.keys($0) })
        for object in restored where !present.contains(object.key) { translator.store.set(object) }
        snapshotTime = snapshot.saved
    }

    private var ownFindings: [Finding] {
        var result: [Finding] = []
        if let snapshotTime {
            let time = UnixTime(seconds: snapshotTime)
            result.append(
                Finding(.error, text: "the API server has not told everything yet; what was known at \(time) serves"))
        }
        if let trouble = keeper?.trouble { result.append(Finding(.warning, text: trouble)) }
        if let connectionTrouble {
            result.append(Finding(.error, text: "\(connectionTrouble); what was last known serves"))
        }
        for (kind, text) in troubles.sorted(by: { $0.key < $1.key }) {
            result.append(Finding(.error, object: kind.name, text: "\(text); what was last known serves"))
        }
        result += reportingTroubles.map { Finding(.warning, text: $0) }
        result += lost.sorted { $0.key < $1.key }.flatMap(\.value)
        result += objectFindings.sorted { $0.key < $1.key }.flatMap(\.value)
        return result
    }

    private func take(_ update: ClusterUpdate) {
        switch update {
        case .set(let object, let findings):
            translator.store.set(object)
            refused.remove(object.key)
            onChange?(object.key, object)
            objectFindings[object.key] = findings.isEmpty ? nil : findings
            listed[object.key.kind]?.insert(object.key)
        case .text(let key, let octets): keeper?.post(.set(key, octets))
        case .facts(let key, let facts): self.facts[key] = facts
        case .refused(let key, let findings):
            objectFindings[key] = findings
            refused.insert(key)
            listed[key.kind]?.insert(key)
        case .removed(let key): remove(key)
        case .lost(let kind, let findings): lost[kind] = findings
        case .listBegan(let kind):
            listed[kind] = []
            lost[kind] = nil
        case .listComplete(let kind):
            let kept = listed.removeValue(forKey: kind) ?? []
            // One of those that did not come may be the one that could not be told.
            if lost[kind] == nil { for key in known(kind) where !kept.contains(key) { remove(key) } }
            synced(kind)
        case .absent(let kind):
            listed[kind] = nil
            for key in known(kind) { remove(key) }
            synced(kind)
        case .trouble(let kind, let text): troubles[kind] = text
        case .connection(let text): connectionTrouble = text
        case .reporting(let texts): reportingTroubles = texts
        }
    }

    /// The objects of a kind, those that could never be used included.
    private func known(_ kind: ObjectKind) -> Set<ObjectKey> {
        Set(translator.store.keys(kind)).union(facts.keys.filter { $0.kind == kind })
    }

    private func synced(_ kind: ObjectKind) {
        unsynced.remove(kind)
        guard unsynced.isEmpty else { return }
        snapshotTime = nil
        // A policy of which nothing is known is in no snapshot either, which so would let in too much.
        if !lost.keys.contains(where: \.failsClosed) { keeper?.post(.complete) }
    }

    private func remove(_ key: ObjectKey) {
        keeper?.post(.removed(key))
        translator.store.remove(key)
        facts[key] = nil
        refused.remove(key)
        onChange?(key, nil)
        objectFindings[key] = nil
        listed[key.kind]?.remove(key)
    }
}
