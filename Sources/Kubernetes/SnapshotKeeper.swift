// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO
package import Manifest
internal import Synchronization

/// A change of the objects that are known.
enum SnapshotChange: Sendable {
    /// An object is now as this text says.
    case set(ObjectKey, [UInt8])
    /// An object is gone.
    case removed(ObjectKey)
    /// Every kind has been listed.
    case complete
    /// Nobody will post again.
    case stop

    fileprivate var size: Int {
        if case .set(_, let octets) = self { octets.count } else { 0 }
    }
}

/// The file `objects` of a state directory: written while the API server is there, read when it is not.
///
/// Writing is on a thread of its own, because a disk may hang; nothing waits for it.
///
/// ## Concurrency model
/// `post`, `trouble` and `read` may be called by the owner's thread; the writer has the other end of the mailbox. `waiting` bounds
/// what the mailbox holds (atomic, relaxed: it bounds, it does not order); `state` is guarded by its lock.
package final class SnapshotKeeper: Sendable {
    /// Octets that may wait for the disk; a disk that is slower is left alone.
    private static let maximumWaiting = 64 << 20

    private let directory: String
    private let cluster: String
    private let kinds: Set<ObjectKind>
    fileprivate let giveBack: @Sendable () -> Void
    private let changes: Mailbox<SnapshotChange>
    private let waiting = Atomic<Int>(0)
    private let state = Lock<String?>(nil)

    /// Makes the directory if it is not there, and starts the writer.
    ///
    /// - Parameter giveBack: called after a large file was written: what waited for it was as large.
    /// - Throws: when the directory cannot be made, or others may write in it; when the thread cannot be had.
    package init(
        directory: String, credentials: ClusterCredentials, kinds: [ObjectKind],
        giveBack: @escaping @Sendable () -> Void = { ProcessMemory.giveBackUnused() }
    ) throws {
        self.giveBack = giveBack
        self.directory = directory
        cluster = try credentials.clusterName
        self.kinds = Set(kinds)
        try FileSystem.makeDirectory(directory)
        guard try FileSystem.status(of: directory).isOurs else { throw KubernetesError.snapshot(.notOurs) }
        let changes = try Mailbox<SnapshotChange>()
        self.changes = changes
        let poller = PollerBox(try Poller(capacity: 1))
        try poller.value.addReadable(
            changes.descriptor, token: EventToken(kind: 0, index: 0, generation: 0))
        let thread = try WorkerThread(name: "ambit-snapshot") { [self] in
            SnapshotWriter(self, poller).run()
        }
        thread.detach()
    }

    /// Passes a change on; once one could not be, nothing is written any more until the process is started anew.
    func post(_ change: SnapshotChange) {
        guard waiting.load(ordering: .relaxed) + change.size <= Self.maximumWaiting else {
            note("is not written any more: the disk does not keep up")
            return close()
        }
        waiting.add(change.size, ordering: .relaxed)
        if !changes.post(change) { waiting.subtract(change.size, ordering: .relaxed) }
    }

    /// What keeps the snapshot from being written; nil when nothing does.
    var trouble: String? { state.withLock { $0 } }

    fileprivate func note(_ problem: String?) {
        let text = problem.map { "the snapshot of what is known \($0)" }
        state.withLock { $0 = text }
    }

    fileprivate func note(_ error: KubernetesError) {
        state.withLock { $0 = "\(error)" }
    }

    /// Nothing is taken from now on, and what waits is dropped.
    fileprivate func close() {
        _ = changes.close()
    }

    fileprivate func takeAll() -> [SnapshotChange] {
        let taken = changes.takeAll()
        waiting.subtract(taken.reduce(0) { $0 + $1.size }, ordering: .relaxed)
        return taken
    }

    fileprivate var path: String { "\(directory)/objects" }
    fileprivate var lockedDirectory: String { directory }

    /// The beginning of the file as it is written now.
    fileprivate var newText: SnapshotText {
        SnapshotText(cluster: cluster, saved: WallClock.now() / 1_000_000_000, kinds: kinds)
    }

    /// What was last written, by this process or one before it.
    ///
    /// - Throws: `.snapshot`, which says why it cannot be used.
    func read() throws(KubernetesError) -> ObjectSnapshot {
        try ObjectSnapshot(reader())
    }

    /// Reads what was last written, object by object.
    ///
    /// - Throws: `.snapshot`, which says why it cannot be used.
    fileprivate func reader() throws(KubernetesError) -> SnapshotReader {
        let status: FileSystem.Status
        do throws(SystemError) { status = try FileSystem.statusOfLink(path) } catch {
            throw .snapshot(error.isNotFound ? .none : .unreadable(errno: error.number))
        }
        guard status.kind == .regular, status.isOurs else { throw .snapshot(.notOurs) }
        let file: FileInput
        do throws(SystemError) { file = try FileInput(path) } catch {
            throw .snapshot(.unreadable(errno: error.number))
        }
        var count = 0
        let reader = try SnapshotReader { (octets) throws(KubernetesError) in
            count -= octets.count
            do throws(SystemError) { try file.read(ObjectSnapshot.portion, into: &octets) } catch {
                throw .snapshot(.unreadable(errno: error.number))
            }
            count += octets.count
            guard count <= ObjectSnapshot.maximumOctets else { throw .snapshot(.tooLarge) }
        }
        guard reader.cluster == cluster else { throw .snapshot(.otherCluster) }
        guard reader.kinds.isSuperset(of: kinds) else { throw .snapshot(.otherKinds) }
        return reader
    }
}

extension ClusterCredentials {
    /// Tells clusters apart: the address of the API server and the digest of the authorities that vouch for it.
    fileprivate var clusterName: String {
        get throws(KubernetesError) {
            do throws(SystemError) {
                let digest = ContentDigest(try authorities.read(limit: 1 << 20))
                return "\(authority) \(String(digest.value, radix: 16))"
            } catch {
                throw .credentials(.authority)
            }
        }
    }
}

/// The thread that writes the snapshot.
private final class SnapshotWriter {
    private let keeper: SnapshotKeeper
    private let poller: PollerBox
    private var pending = PendingTexts()
    /// What the file says of each object, so that what says nothing new is not written again.
    private var written: [ObjectKey: ContentDigest] = [:]
    /// The file as we have written it; nil before the first time, which begins from nothing.
    private var base: FileSystem.Status?
    private var isComplete = false
    private var isHeard = false
    private var isStopped = false
    private var lastWrite = MonotonicTime(nanoseconds: 0)
    private var nextWrite = MonotonicTime(nanoseconds: 0)

    /// The shortest time between two writings; a large file is written more rarely, at a MiB a second on average.
    private static let interval = Nanoseconds.seconds(5)
    private static let nanosecondsPerOctet: Int64 = 1_000
    /// A file of which so much memory was used that it is worth giving it back.
    static let largeOctets = 5 << 20
    /// How often the time of the file is refreshed while the API server tells nothing new.
    private static let refreshInterval = Nanoseconds.seconds(600)
    private static let retryInterval = Nanoseconds.seconds(30)
    private static let maximumPending = 256 << 20

    init(_ keeper: SnapshotKeeper, _ poller: PollerBox) {
        self.keeper = keeper
        self.poller = poller
    }

    func run() {
        let lock: OwnedDescriptor
        do throws(SystemError) {
            // Until the process ends: the one before, which still drains, has the file until then.
            lock = try FileReplacement.lock(directory: keeper.lockedDirectory)
        } catch {
            return keeper.note("cannot be written: \(error)")
        }
        while !isStopped {
            for change in keeper.takeAll() { take(change) }
            let now = MonotonicClock.now()
            if isDue, nextWrite <= now {
                write(now: now)
            }
            _ = poller.value.wait(timeout: isDue ? max(Nanoseconds(0), nextWrite - MonotonicClock.now()) : nil)
        }
        keeper.close()
        withExtendedLifetime(lock) {}
    }

    private var isDue: Bool {
        guard isComplete, !isStopped else { return false }
        return !pending.isEmpty || base == nil || (isHeard && MonotonicClock.now() - lastWrite > Self.refreshInterval)
    }

    private func take(_ change: SnapshotChange) {
        switch change {
        case .set(let key, let octets):
            isHeard = true
            pending.set(key, written[key] == ContentDigest(octets) ? nil : .set(octets))
            if pending.octets > Self.maximumPending { stop("is larger than we take") }
        case .removed(let key): pending.set(key, written[key] == nil ? nil : .removed)
        case .complete: isComplete = true
        case .stop: isStopped = true
        }
    }

    private func stop(_ reason: String) {
        keeper.note(reason)
        isStopped = true
        pending.removeAll()
        written = [:]
    }

    private func write(now: MonotonicTime) {
        do throws(KubernetesError) {
            if let base, try status() != base { return stop("was changed by somebody else, and is left alone") }
            guard let count = try put() else { return stop("is larger than we take") }
            for key in pending.keys {
                if case .set(let octets) = pending[key] {
                    written[key] = ContentDigest(octets)
                } else {
                    written[key] = nil
                }
            }
            pending.removeAll()
            isHeard = false
            lastWrite = now
            nextWrite = now + max(Self.interval, Nanoseconds(Int64(count) * Self.nanosecondsPerOctet))
            keeper.note(nil)
            if count >= Self.largeOctets { keeper.giveBack() }
        } catch {
            keeper.note(error)
            nextWrite = now + Self.retryInterval
        }
    }

    /// Puts the file as it was last written, with what has changed since, in its place.
    ///
    /// - Returns: its length; nil, and it stays as it is, when it would be too large.
    private func put() throws(KubernetesError) -> Int? {
        var output = try SnapshotOutput(keeper.path, keeper.newText)
        var reader = base == nil ? nil : try keeper.reader()
        var old = try reader?.next()
        for key in pending.keys.sorted() {
            while let record = old, record.key < key {
                if !pending.contains(record.key) { try output.append(record) }
                old = try reader?.next()
            }
            if case .set(let octets) = pending[key] {
                try output.append(ObjectSnapshot.Record(key: key, octets: octets))
            }
        }
        while let record = old {
            if !pending.contains(record.key) { try output.append(record) }
            old = try reader?.next()
        }
        let count = output.count
        guard count <= ObjectSnapshot.maximumOctets else { return nil }
        base = try output.put()
        return count
    }

    private func status() throws(KubernetesError) -> FileSystem.Status? {
        do throws(SystemError) {
            return try FileSystem.statusOfLink(keeper.path)
        } catch {
            return nil
        }
    }
}
