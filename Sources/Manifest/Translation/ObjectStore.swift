// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

/// All objects of a source, each with the file it comes from.
///
/// An object that stands in several files counts as the last one, in the order of file names, says; an object that cannot be used
/// as it stands in a file counts as that file said before. A source without files (an API server) keeps its objects under `""`.
package struct ObjectStore: Sendable {
    /// An object and where it comes from.
    package struct Entry: Sendable {
        /// The file, relative to its folder; empty for an object from the API server.
        package var file: String
        /// The object.
        package var object: ManifestObject

        /// A finding about the object as a whole, or one of its fields.
        package func finding(_ severity: Finding.Severity, field: String = "", _ text: String) -> Finding {
            Finding(
                severity, file: file, line: object.line, object: object.key.description, field: field, text: text)
        }
    }

    /// The objects that count.
    private var counted: [ObjectKind: ObjectTable] = [:]
    /// The objects of which a file that is later by name has another version, by file.
    private var shadowed: [ObjectKey: [String: ManifestObject]] = [:]
    /// The objects of each file.
    private var files: [String: Set<ObjectKey>] = [:]
    /// What counted before of each object that may be another by now; nil while nobody asks.
    private var changes: [ObjectKey: Entry?]?

    /// An empty store.
    package init() {}

    /// Number of objects; one that stands in several files counts as often.
    package var count: Int {
        counted.values.reduce(0) { $0 + $1.entries.count } + shadowed.values.reduce(0) { $0 + $1.count }
    }

    /// Puts what a file says now in the place of what it said before.
    ///
    /// While the file holds a document that cannot be told which object it is, none of those it held before is taken for
    /// removed: it may be the one.
    ///
    /// - Returns: a warning for each object that stands in the file twice; the last one counts.
    package mutating func replace(file: String, with contents: ManifestReader.Contents) -> [Finding] {
        var findings: [Finding] = []
        var objects: [ObjectKey: ManifestObject] = [:]
        for object in contents.objects {
            if let earlier = objects.updateValue(object, forKey: object.key) {
                findings.append(
                    Entry(file: file, object: object).finding(
                        .warning, "also stands in line \(earlier.line); this one counts"))
            }
        }
        let previous = files[file] ?? []
        let kept = contents.lost.isEmpty ? previous.intersection(contents.refused) : previous
        for key in previous where objects[key] == nil && !kept.contains(key) { drop(key, file: file) }
        for object in objects.values { put(object, file: file) }
        files[file] = kept.union(objects.keys)
        return findings
    }

    /// Forgets a file and its objects.
    package mutating func remove(file: String) {
        for key in files.removeValue(forKey: file) ?? [] { drop(key, file: file) }
    }

    /// Adds or replaces one object of a source without files.
    package mutating func set(_ object: ManifestObject) {
        put(object, file: "")
    }

    /// Removes one object of a source without files.
    package mutating func remove(_ key: ObjectKey) {
        drop(key, file: "")
    }

    private mutating func put(_ object: ManifestObject, file: String) {
        let key = object.key
        if let entry = entry(key), entry.file != file {
            guard entry.file < file else {
                shadowed[key, default: [:]][file] = object
                return
            }
            shadowed[key, default: [:]][entry.file] = entry.object
        }
        note(key)
        counted[key.kind, default: ObjectTable()][key] = Entry(file: file, object: object)
    }

    private mutating func drop(_ key: ObjectKey, file: String) {
        guard let entry = entry(key) else { return }
        guard entry.file == file else {
            shadowed[key]?[file] = nil
            if shadowed[key]?.isEmpty == true { shadowed[key] = nil }
            return
        }
        note(key)
        if let next = shadowed[key]?.max(by: { $0.key < $1.key }) {
            counted[key.kind]?[key] = Entry(file: next.key, object: next.value)
            drop(key, shadowOf: next.key)
        } else {
            counted[key.kind]?[key] = nil
        }
    }

    private mutating func drop(_ key: ObjectKey, shadowOf file: String) {
        shadowed[key]?[file] = nil
        if shadowed[key]?.isEmpty == true { shadowed[key] = nil }
    }

    // MARK: What counts

    /// What counts of an object; nil when nothing is known of it.
    package func entry(_ key: ObjectKey) -> Entry? { counted[key.kind]?[key] }

    /// An object.
    package func object(_ key: ObjectKey) -> ManifestObject? { entry(key)?.object }

    /// The objects of a kind.
    package func keys(_ kind: ObjectKind) -> [ObjectKey] { unordered(kind).map(\.object.key) }

    /// The objects of a kind that count, in no order.
    func unordered(_ kind: ObjectKind) -> some Sequence<Entry> { counted[kind]?.entries ?? .init() }

    /// The objects of a kind that count, in the order of their names.
    func entries(_ kind: ObjectKind) -> [Entry] {
        unordered(kind).sorted {
            ($0.object.key.namespace, $0.object.key.name) < ($1.object.key.namespace, $1.object.key.name)
        }
    }

    /// A warning for each object that a later file has too.
    var shadowFindings: [Finding] {
        var findings: [Finding] = []
        for (key, versions) in shadowed {
            guard let last = entry(key) else { continue }
            let earlier = versions.map { Entry(file: $0.key, object: $0.value) }.sorted { $0.file < $1.file }
            for (before, after) in zip(earlier, earlier.dropFirst() + [last]) {
                findings.append(
                    after.finding(
                        .warning, "also stands in \(before.file):\(before.object.line); this one counts"))
            }
        }
        return findings.sorted { ($0.file, $0.line) < ($1.file, $1.line) }
    }

    /// The objects that count, in the order of their keys, and a warning for each that another file has too.
    package func merged() -> (entries: [Entry], findings: [Finding]) {
        (counted.keys.sorted().flatMap { entries($0) }, shadowFindings)
    }

    /// Lets the endpoints of a slice name pods that are known in the memory of the pods' own names.
    mutating func shareNames(ofSlice key: ObjectKey) {
        guard case .endpointSlice(var slice)? = object(key)?.body else { return }
        for index in slice.endpoints.indices where slice.endpoints[index].podName.utf8.count > 15 {
            let pod = ObjectKey(kind: .pod, namespace: key.namespace, name: slice.endpoints[index].podName)
            if let name = object(pod)?.key.name { slice.endpoints[index].podName = name }
        }
        counted[key.kind]?[key]?.object.body = .endpointSlice(slice)
    }

    // MARK: Changes

    private mutating func note(_ key: ObjectKey) {
        guard changes != nil, changes?[key] == nil else { return }
        let old = entry(key)
        changes?.updateValue(old, forKey: key)
    }

    /// What counted before of every object that was touched since the last call; nil at the first, from which on changes are
    /// kept.
    mutating func takeChanges() -> [ObjectKey: Entry?]? {
        defer { changes = [:] }
        return changes
    }
}
