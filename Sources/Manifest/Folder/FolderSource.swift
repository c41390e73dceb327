// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import LinuxIO
package import Mesh

/// A configuration folder (`--config DIR`): reads the manifests in it and follows their changes.
///
/// Files are those named `*.yaml`, `*.yml` and `*.json` in the folder and in the folders directly in it. A file is read again only
/// when its status says that it changed, and parsed again only when its content did. What cannot be read keeps its last
/// good version. The folder may disappear and come back: what it held serves meanwhile.
///
/// It has no thread and no timer of its own: the owner polls `descriptor` for reading, calls `receiveEvents` then, and `load` when
/// `deadline` has passed. Who has nothing else to wait for calls `waitForChange`. Owned by one thread.
package struct FolderSource: ~Copyable {
    /// How to read a folder.
    package struct Options: Sendable {
        /// How objects are read.
        package var reader = ManifestReader()
        /// How objects are translated.
        package var translation = TranslationOptions()
        /// When changes count.
        package var debouncer = ChangeDebouncer()
        /// How often to look without being told of a change: for files that are links to elsewhere, and lost events.
        package var rescanInterval = Nanoseconds.seconds(60)
        /// How often to look while the kernel cannot tell: the folder is gone, or there are too few watches.
        package var retryInterval = Nanoseconds.seconds(1)

        /// The usual intervals.
        package init() {}
    }

    /// What the folder says now.
    package struct Load: Sendable {
        /// The mesh.
        package var model: MeshModel
        /// Whether the mesh is another than that of the load before.
        package var isModelChanged: Bool
        /// Everything that is wrong now.
        package var findings: [Finding]
        /// What of it was not wrong at the load before: to be reported.
        package var newFindings: [Finding]
        /// What of it hides policies of which no earlier version is known: a start without them would let in too much.
        package var lost: [Finding]

        /// Puts the parts together.
        package init(
            model: MeshModel, isModelChanged: Bool, findings: [Finding], newFindings: [Finding], lost: [Finding]
        ) {
            self.model = model
            self.isModelChanged = isModelChanged
            self.findings = findings
            self.newFindings = newFindings
            self.lost = lost
        }
    }

    /// What the folder says now, as far as it is another than before.
    package struct Change: Sendable {
        /// How the mesh is another; nil when it is as it was.
        package var update: MeshUpdate?
        /// Everything that is wrong now.
        package var findings: [Finding]
        /// What of it was not wrong at the change before: to be reported.
        package var newFindings: [Finding]
        /// What of it hides policies of which no earlier version is known: a start without them would let in too much.
        package var lost: [Finding]

        /// Puts the parts together.
        package init(update: MeshUpdate?, findings: [Finding], newFindings: [Finding], lost: [Finding]) {
            self.update = update
            self.findings = findings
            self.newFindings = newFindings
            self.lost = lost
        }
    }

    private struct FileState {
        /// The status of the content that counts; nil when the file could not be read, so that it is tried at every look.
        var status: FileSystem.Status?
        /// The digest of that content.
        var digest: ContentDigest?
        /// Whether some version of it could be read.
        var isKnown = false
        var findings: [Finding] = []
        /// The findings that hide policies of which nothing is known.
        var lost: [Finding] = []
    }

    private let options: Options
    private var listing: FolderListing
    private var debouncer: ChangeDebouncer
    private var translator: MeshTranslator
    private var files: [String: FileState] = [:]
    /// Findings about the folder itself.
    private var folderFindings: [Finding] = []
    private var reported: Set<Finding> = []
    private var lastModel: MeshModel?
    private var lastScan: MonotonicTime?

    /// Opens a folder; nothing is read yet.
    ///
    /// - Throws: `.folder` when it is not there or closed to us (later on that is only a finding), `.watch` when the kernel
    ///   gives us no inotify instance.
    package init(directory: String, options: Options = Options()) throws(ManifestError) {
        do { _ = try FileSystem.names(in: directory, limit: 1) } catch { throw .folder(errno: error.number) }
        let watch: DirectoryWatch
        do { watch = try DirectoryWatch() } catch { throw .watch(errno: error.number) }
        self.options = options
        translator = MeshTranslator(options.translation)
        debouncer = options.debouncer
        listing = FolderListing(root: directory, watch: watch)
    }

    /// Readable when something may have changed; valid for as long as this value lives.
    package var descriptor: CInt { listing.descriptor }

    /// When `load` should be called next; at once before the first call.
    package var deadline: MonotonicTime {
        guard let lastScan else { return MonotonicTime(nanoseconds: 0) }
        let interval = listing.isWatching ? options.rescanInterval : options.retryInterval
        let rescan = lastScan + interval
        return min(debouncer.deadline ?? rescan, rescan)
    }

    /// The objects that count now, as `load` has found them.
    package var objects: ObjectStore { translator.store }

    /// Takes the changes that made `descriptor` readable; `deadline` may be another afterwards.
    package mutating func receiveEvents(now: MonotonicTime) {
        listing.receive(into: &debouncer, now: now)
    }

    /// Waits until `deadline` has passed.
    ///
    /// - Parameter timeout: how long to wait at most.
    /// - Returns: false when the time is over before.
    package mutating func waitForChange(timeout: Nanoseconds) -> Bool {
        let end = MonotonicClock.now() + timeout
        while true {
            let now = MonotonicClock.now()
            receiveEvents(now: now)
            if deadline <= now { return true }
            if end <= now { return false }
            let left = min(deadline, end) - now
            // Rounded up, so that the wait does not end just before its time.
            _ = listing.wait(milliseconds: CInt(clamping: left.milliseconds + 1))
        }
    }

    /// Looks at the folder and reads what changed.
    ///
    /// - Returns: what the folder says now; nil when nothing changed since the last call, findings included.
    package mutating func load(now: MonotonicTime = MonotonicClock.now()) -> Load? {
        guard poll(now: now) else { return nil }
        let translation = translator.translate()
        let (findings, newFindings) = report(translation.findings)
        let isModelChanged = translation.model != lastModel
        if isModelChanged { lastModel = translation.model }
        return Load(
            model: translation.model, isModelChanged: isModelChanged, findings: findings, newFindings: newFindings,
            lost: lost)
    }

    /// As `load`, for who follows the mesh change by change: a call costs what has changed.
    ///
    /// Whoever begins with one of the two goes on with it.
    package mutating func follow(now: MonotonicTime = MonotonicClock.now()) -> Change? {
        guard poll(now: now) else { return nil }
        let update = translator.follow()
        let (findings, newFindings) = report(translator.currentFindings)
        return Change(update: update, findings: findings, newFindings: newFindings, lost: lost)
    }

    /// Looks at the folder.
    ///
    /// - Returns: whether there is something to tell.
    private mutating func poll(now: MonotonicTime) -> Bool {
        receiveEvents(now: now)
        let isFirst = lastScan == nil
        let skipped = debouncer
        debouncer.reset(now: now)
        lastScan = now
        return rescan(skipped, now: now) || isFirst
    }

    /// All findings, and those that have not been reported yet.
    private mutating func report(_ ofObjects: [Finding]) -> (all: [Finding], new: [Finding]) {
        let all = folderFindings + files.sorted { $0.key < $1.key }.flatMap(\.value.findings) + ofObjects
        let new = all.filter { !reported.contains($0) }
        reported = Set(all)
        return (all, new)
    }

    private var lost: [Finding] {
        folderFindings + files.sorted { $0.key < $1.key }.flatMap(\.value.lost)
    }

    /// Reads the files that changed.
    ///
    /// - Returns: whether anything did.
    private mutating func rescan(_ writers: ChangeDebouncer, now: MonotonicTime) -> Bool {
        let found: [FolderListing.File]
        do {
            found = try listing.list()
        } catch {
            let text = "\(ManifestError.folder(errno: error.number)); its last content serves"
            return setFolderFindings([Finding(.error, text: text)])
        }
        var text: [Finding] = []
        if listing.isTruncated {
            text = [
                Finding(
                    .error, text: "the folder holds more than \(FolderListing.fileLimit) files; the rest is ignored")
            ]
        }
        var isChanged = setFolderFindings(text)
        var gone = Set(files.keys)
        for file in found {
            gone.remove(file.path)
            if files[file.path]?.status == file.status { continue }
            if writers.isBeingWritten(file.path, now: now) { continue }
            if read(file) { isChanged = true }
        }
        for path in gone where !writers.isBeingWritten(path, now: now) {
            files[path] = nil
            translator.store.remove(file: path)
            isChanged = true
        }
        return isChanged
    }

    private mutating func setFolderFindings(_ findings: [Finding]) -> Bool {
        defer { folderFindings = findings }
        return folderFindings != findings
    }

    /// Reads one file again.
    ///
    /// - Returns: whether it says something else than before.
    private mutating func read(_ file: FolderListing.File) -> Bool {
        var state = files[file.path] ?? FileState()
        let octets: [UInt8]
        do {
            octets = try FileSystem.contents(
                of: listing.root + "/" + file.path, limit: options.reader.limits.fileBytes + 1)
        } catch {
            let before = state.findings
            let version = state.isKnown ? "its last version serves" : "nothing of it counts"
            state.findings = [Finding(.error, file: file.path, text: "cannot be read (\(error)); \(version)")]
            state.lost = state.isKnown ? [] : state.findings
            state.status = nil
            state.digest = nil
            files[file.path] = state
            return before != state.findings
        }
        state.status = file.status
        let digest = ContentDigest(octets)
        guard digest != state.digest else {
            files[file.path] = state
            return false
        }
        state.digest = digest
        do {
            let contents = try options.reader.read(octets, file: file.path)
            state.lost = state.isKnown ? [] : contents.lost
            state.findings = contents.findings + translator.store.replace(file: file.path, with: contents)
            state.isKnown = true
        } catch {
            guard case .syntax(let problem, let place) = error else { return false }
            let version = state.isKnown ? "the last version of the file serves" : "nothing of the file counts"
            state.findings = [
                Finding(
                    .error, file: file.path, line: place.line,
                    text: "column \(place.column): \(problem.advice); \(version)")
            ]
            state.lost = state.isKnown ? [] : state.findings
        }
        files[file.path] = state
        return true
    }
}
