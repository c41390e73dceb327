// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Manifest

/// Writes an `ObjectSnapshot` record by record.
struct SnapshotText {
    /// What has been written and not been taken.
    private(set) var octets: [UInt8] = []
    /// Octets that were written in all.
    private(set) var count = 0
    private var records = 0
    private var digest = ContentDigest([])

    /// Writes the lines before the first object.
    init(cluster: String, saved: Int64, kinds: Set<ObjectKind>) {
        var head = Array("\(ObjectSnapshot.firstLine)\ncluster \(cluster)\nsaved \(saved)\nkinds".utf8)
        for kind in kinds.sorted() { head += " \(kind.name)".utf8 }
        head.append(0x0A)
        append(head)
    }

    /// Writes an object.
    mutating func append(_ record: ObjectSnapshot.Record) {
        let key = record.key
        let namespace = key.namespace.isEmpty ? "-" : key.namespace
        append(Array("\(key.kind.name) \(namespace) \(key.name) \(record.octets.count)\n".utf8))
        append(record.octets)
        append([0x0A])
        records += 1
    }

    /// Writes the last line.
    mutating func end() {
        append(Array("end \(records) \(String(digest.value, radix: 16))\n".utf8))
    }

    /// Forgets what has been written, because it was taken.
    mutating func taken() {
        octets.removeAll(keepingCapacity: true)
    }

    private mutating func append(_ more: [UInt8]) {
        octets += more
        count += more.count
        digest.add(more[...])
    }
}
