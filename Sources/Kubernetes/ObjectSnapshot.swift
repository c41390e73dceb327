// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Manifest

/// The file in which the objects that are known outlive the process.
///
/// ```
/// ambit-objects 1
/// cluster 10.96.0.1:443 2f0c9d7be1a4c3d5
/// saved 1767225600
/// kinds Namespace Node Pod Service
/// Pod default web-1 412
/// {"apiVersion":"v1","kind":"Pod", ... }
/// end 1 93ab54cd21ef0011
/// ```
/// The number behind a name is that of the octets that follow; the last line has the number of objects and the digest of all before
/// it. A file that is not complete to the last octet counts as damaged: half of it might lack the policy that matters.
struct ObjectSnapshot: Sendable {
    /// One object.
    struct Record: Sendable {
        let key: ObjectKey
        /// JSON, as `ObjectText` writes it.
        let octets: ArraySlice<UInt8>
    }

    /// Which cluster the objects are of.
    var cluster: String
    /// When the file was written, in seconds since 1970.
    var saved: Int64
    /// Which kinds are complete.
    var kinds: Set<ObjectKind>
    /// The objects.
    var records: [Record]

    /// The largest file: some 200,000 pods with their services and slices.
    static let maximumOctets = 256 << 20
    /// The longest line between objects: a kind, a namespace, a name (253 each) and a number; the kinds take less.
    private static let longestLine = 1_024
    private static let firstLine = "ambit-objects 1"

    /// The file's content.
    var text: [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(records.reduce(1_024) { $0 + $1.octets.count + 64 })
        text += "\(Self.firstLine)\ncluster \(cluster)\nsaved \(saved)\nkinds".utf8
        for kind in kinds.sorted() { text += " \(kind.name)".utf8 }
        text.append(0x0A)
        for record in records {
            let key = record.key
            text += "\(key.kind.name) \(key.namespace.isEmpty ? "-" : key.namespace) \(key.name)".utf8
            text += " \(record.octets.count)\n".utf8
            text += record.octets
            text.append(0x0A)
        }
        let digest = ContentDigest(text)
        text += "end \(records.count) \(String(digest.value, radix: 16))\n".utf8
        return text
    }

    init(cluster: String, saved: Int64, kinds: Set<ObjectKind>, records: [Record]) {
        self.cluster = cluster
        self.saved = saved
        self.kinds = kinds
        self.records = records
    }

    /// Reads a file's content.
    ///
    /// - Throws: `.snapshot` with `.damaged` or `.otherVersion`.
    init(_ text: [UInt8]) throws(KubernetesError) {
        var rest = text[...]
        guard try Self.line(&rest) == Self.firstLine else { throw .snapshot(.otherVersion) }
        cluster = try Self.value("cluster", &rest)
        guard let time = Int64(try Self.value("saved", &rest)) else { throw .snapshot(.damaged) }
        saved = time
        let names = Dictionary(uniqueKeysWithValues: ObjectKind.allCases.map { ($0.name[...], $0) })
        kinds = []
        for name in try Self.value("kinds", &rest).split(separator: " ") {
            // A later version may know more kinds; what they are is no matter to us.
            if let kind = names[name] { kinds.insert(kind) }
        }
        records = []
        while true {
            let start = rest.startIndex
            let words = try Self.line(&rest).split(separator: " ", omittingEmptySubsequences: false)
            if words.count == 3, words[0] == "end" {
                guard Int(words[1]) == records.count, rest.isEmpty,
                    UInt64(words[2], radix: 16) == ContentDigest(Array(text[..<start])).value
                else { throw .snapshot(.damaged) }
                return
            }
            guard words.count == 4, let kind = names[words[0]], let count = Int(words[3]), count >= 0,
                count <= JSONSplitter.maximumPiece, rest.count > count
            else { throw .snapshot(.damaged) }
            let namespace = words[1] == "-" ? "" : String(words[1])
            let end = rest.startIndex + count
            guard rest[end] == 0x0A else { throw .snapshot(.damaged) }
            records.append(
                Record(
                    key: ObjectKey(kind: kind, namespace: namespace, name: String(words[2])),
                    octets: rest[rest.startIndex..<end]))
            rest = rest[(end + 1)...]
        }
    }

    /// Takes a line off, without its end.
    private static func line(_ rest: inout ArraySlice<UInt8>) throws(KubernetesError) -> String {
        guard let end = rest.prefix(longestLine).firstIndex(of: 0x0A) else { throw .snapshot(.damaged) }
        defer { rest = rest[(end + 1)...] }
        return String(decoding: rest[..<end], as: UTF8.self)
    }

    /// Takes a line `name value` off.
    private static func value(_ name: String, _ rest: inout ArraySlice<UInt8>) throws(KubernetesError) -> String {
        let text = try line(&rest)
        guard text.hasPrefix(name) else { throw .snapshot(.damaged) }
        return String(text.dropFirst(name.count + 1))
    }
}
