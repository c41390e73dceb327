// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO

/// The manifest files of a folder: which there are, and watches for changes of that.
///
/// Files are those named `*.yaml`, `*.yml` and `*.json` in the folder and in the folders directly in it; names that begin with
/// a dot are passed over, which hides editors' temporary files and the `..data` folders of ConfigMap mounts (their files
/// are links in the folder itself). Links are followed.
struct FolderListing: ~Copyable {
    /// A file as it is now.
    struct File {
        let path: String
        let status: FileSystem.Status
    }

    /// Files looked at, in all.
    static let fileLimit = 10_000
    /// Names looked at in one directory.
    private static let nameLimit = 50_000
    private static let changes: DirectoryWatch.Change = [
        .written, .modified, .created, .movedIn, .movedOut, .removed, .attributes, .selfGone,
    ]

    let root: String
    private let watch: DirectoryWatch
    private let parent: String
    private let baseName: String
    private var parentWatch: CInt = -1
    /// Directory of each watch, relative to the folder: `""` or `name/`.
    private var watches: [CInt: String] = [:]
    /// Whether the kernel tells us of every change; else the folder has to be looked at often.
    private(set) var isWatching = false
    /// Whether there were more files than `fileLimit`.
    private(set) var isTruncated = false

    init(root: String, watch: consuming DirectoryWatch) {
        var path = root
        while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.root = path
        self.watch = watch
        let slash = path.lastIndex(of: "/")
        baseName = String(path[(slash.map { path.index(after: $0) } ?? path.startIndex)...])
        parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    }

    var descriptor: CInt { watch.rawValue }

    func wait(milliseconds: CInt) -> Bool { watch.wait(milliseconds: milliseconds) }

    /// Lists the files, sorted by path, and watches the directories they are in.
    ///
    /// The watches come first: what changes while the files are listed is told of afterwards.
    mutating func list() throws(SystemError) -> [File] {
        isWatching = true
        isTruncated = false
        watchParent()
        var current: [CInt: String] = [:]
        add("", to: &current)
        var files: [File] = []
        defer {
            for old in watches.keys where current[old] == nil { watch.unwatch(old) }
            watches = current
        }
        for name in try FileSystem.names(in: root, limit: Self.nameLimit) where !name.hasPrefix(".") {
            guard let status = status(name) else { continue }
            switch status.kind {
            case .regular: append(name, status, to: &files)
            case .directory:
                add(name + "/", to: &current)
                for inner in names(name) where !inner.hasPrefix(".") {
                    let path = name + "/" + inner
                    if let status = self.status(path), status.kind == .regular { append(path, status, to: &files) }
                }
            case .other: break
            }
        }
        return files
    }

    private mutating func append(_ path: String, _ status: FileSystem.Status, to files: inout [File]) {
        guard Self.isManifest(path) else { return }
        guard files.count < Self.fileLimit else {
            isTruncated = true
            return
        }
        files.append(File(path: path, status: status))
    }

    private static func isManifest(_ name: String) -> Bool {
        name.hasSuffix(".yaml") || name.hasSuffix(".yml") || name.hasSuffix(".json")
    }

    /// A name that leads nowhere (any more) is no file.
    private func status(_ path: String) -> FileSystem.Status? {
        do { return try FileSystem.status(of: root + "/" + path) } catch { return nil }
    }

    /// A directory that is gone meanwhile, or closed to us, holds no files.
    private func names(_ directory: String) -> [String] {
        do { return try FileSystem.names(in: root + "/" + directory, limit: Self.nameLimit) } catch { return [] }
    }

    private mutating func add(_ directory: String, to current: inout [CInt: String]) {
        do {
            current[try watch.watch(root + "/" + directory, for: Self.changes)] = directory
        } catch {
            isWatching = false
        }
    }

    /// The folder may be removed and made again, or be a link that is pointed elsewhere: its parent tells.
    private mutating func watchParent() {
        guard !baseName.isEmpty, baseName != ".", baseName != ".." else { return }
        do {
            parentWatch = try watch.watch(parent, for: [.created, .movedIn, .movedOut, .removed])
        } catch {
            isWatching = false
        }
    }

    /// Takes the changes the kernel tells of and notes those that matter.
    func receive(into debouncer: inout ChangeDebouncer, now: MonotonicTime) {
        var noted = debouncer
        watch.receive { event in
            if event.watch == parentWatch, watches[event.watch] == nil {
                if event.name == baseName || event.name.isEmpty { noted.note(now: now) }
                return
            }
            let isHidden = event.name.hasPrefix(".") && event.name != "..data"
            guard let directory = watches[event.watch] else {
                // Lost events, or the end of a watch that we ended ourselves.
                if event.watch == -1 { noted.note(now: now) }
                return
            }
            guard !isHidden, !event.name.hasSuffix("~") else { return }
            let path = directory + event.name
            let isWrite = !event.change.isDisjoint(with: [.written, .modified])
            if isWrite, !Self.isManifest(event.name) { return }
            // A name that another file was moved to is complete, whatever was being written there.
            if event.change.contains(.written) || event.change.contains(.movedIn) {
                noted.endWrite(path, now: now)
            } else if event.change.contains(.modified) || event.change.contains(.created) && isOpenForWriting(path) {
                noted.beginWrite(path, now: now)
            } else {
                noted.note(now: now)
            }
        }
        debouncer = noted
    }

    /// Whether a name that has just appeared is a file whose writer will close it: no link, directory or second name.
    private func isOpenForWriting(_ path: String) -> Bool {
        do {
            let status = try FileSystem.statusOfLink(root + "/" + path)
            return status.kind == .regular && status.links == 1
        } catch {
            return false
        }
    }
}
