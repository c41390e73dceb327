// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

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
        let octets: [UInt8]
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
    /// What is read and written of a file at a time.
    static let portion = 256 << 10
    static let firstLine = "ambit-objects 1"

    /// The file's content.
    var text: [UInt8] {
        var text = SnapshotText(cluster: cluster, saved: saved, kinds: kinds)
        for record in records { text.append(record) }
        text.end()
        return text.octets
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
        var rest: [UInt8]? = text
        try self.init(
            SnapshotReader { octets in
                octets += rest ?? []
                rest = nil
            })
    }

    /// Reads what is left of a file.
    ///
    /// - Throws: `.snapshot` with `.damaged`.
    init(_ reader: consuming SnapshotReader) throws(KubernetesError) {
        (cluster, saved, kinds, records) = (reader.cluster, reader.saved, reader.kinds, [])
        while let record = try reader.next() { records.append(record) }
    }
}
