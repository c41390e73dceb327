// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

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

    private var files: [String: [ObjectKey: ManifestObject]] = [:]

    /// An empty store.
    package init() {}

    /// Number of objects; one that stands in several files counts as often.
    package var count: Int { files.values.reduce(0) { $0 + $1.count } }

    /// Puts what a file says now in the place of what it said before.
    ///
    /// While the file holds a document that cannot be told which object it is, none of those it held before is taken for
    /// removed: it may be the one.
    ///
    /// - Returns: a warning for each object that stands in the file twice; the last one counts.
    package mutating func replace(file: String, with contents: ManifestReader.Contents) -> [Finding] {
        let previous = files[file] ?? [:]
        var findings: [Finding] = []
        var objects: [ObjectKey: ManifestObject] = [:]
        for object in contents.objects {
            if let earlier = objects.updateValue(object, forKey: object.key) {
                findings.append(
                    Entry(file: file, object: object).finding(
                        .warning, "also stands in line \(earlier.line); this one counts"))
            }
        }
        for key in contents.refused where objects[key] == nil { objects[key] = previous[key] }
        if !contents.lost.isEmpty { objects.merge(previous) { now, _ in now } }
        files[file] = objects
        return findings
    }

    /// Forgets a file and its objects.
    package mutating func remove(file: String) {
        files[file] = nil
    }

    /// Adds or replaces one object of a source without files.
    package mutating func set(_ object: ManifestObject) {
        files["", default: [:]][object.key] = object
    }

    /// Removes one object of a source without files.
    package mutating func remove(_ key: ObjectKey) {
        files[""]?[key] = nil
    }

    /// An object of a source without files.
    package func object(_ key: ObjectKey) -> ManifestObject? { files[""]?[key] }

    /// The objects of a kind of a source without files.
    package func keys(_ kind: ObjectKind) -> [ObjectKey] {
        (files[""] ?? [:]).keys.filter { $0.kind == kind }
    }

    /// The objects that count, in the order of their keys, and a warning for each that another file has too.
    package func merged() -> (entries: [Entry], findings: [Finding]) {
        var byKey: [ObjectKey: Entry] = [:]
        var findings: [Finding] = []
        byKey.reserveCapacity(count)
        for file in files.keys.sorted() {
            for object in (files[file] ?? [:]).values {
                let entry = Entry(file: file, object: object)
                if let earlier = byKey.updateValue(entry, forKey: object.key) {
                    findings.append(
                        entry.finding(
                            .warning, "also stands in \(earlier.file):\(earlier.object.line); this one counts"))
                }
            }
        }
        findings.sort { ($0.file, $0.line) < ($1.file, $1.line) }
        return (byKey.values.sorted { $0.object.key < $1.object.key }, findings)
    }
}
