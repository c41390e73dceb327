// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO
internal import Manifest

/// Reads an `ObjectSnapshot` record by record, so that a file of any length takes the memory of its largest object.
///
/// What it has given counts only when `next` has told the end: only the last line shows whether the file is whole.
struct SnapshotReader {
    /// Which cluster the objects are of.
    let cluster: String
    /// When the file was written, in seconds since 1970.
    let saved: Int64
    /// Which kinds are complete.
    let kinds: Set<ObjectKind>

    private var text: Text
    private var count = 0

    /// The longest line between objects: a kind, a namespace, a name (253 each) and a number; the kinds take less.
    private static let longestLine = 1_024
    private static let kindsByName = Dictionary(uniqueKeysWithValues: ObjectKind.allCases.map { ($0.name[...], $0) })

    /// Begins with the lines before the first object.
    ///
    /// - Parameter more: appends what comes next of the file, nothing at its end.
    /// - Throws: `.snapshot` with `.damaged` or `.otherVersion`.
    init(_ more: @escaping (inout [UInt8]) throws(KubernetesError) -> Void) throws(KubernetesError) {
        text = Text(more)
        guard try text.line() == ObjectSnapshot.firstLine else { throw .snapshot(.otherVersion) }
        cluster = try text.value("cluster")
        guard let time = Int64(try text.value("saved")) else { throw .snapshot(.damaged) }
        saved = time
        // A later version may know more kinds; what they are is no matter to us.
        kinds = Set(try text.value("kinds").split(separator: " ").compactMap { Self.kindsByName[$0] })
    }

    /// The next object; nil behind the last one, when the file is whole.
    ///
    /// - Throws: `.snapshot` with `.damaged`.
    mutating func next() throws(KubernetesError) -> ObjectSnapshot.Record? {
        let digest = text.digest
        let words = try text.line().split(separator: " ", omittingEmptySubsequences: false)
        if words.count == 3, words[0] == "end" {
            guard Int(words[1]) == count, UInt64(words[2], radix: 16) == digest.value, try text.isAtEnd() else {
                throw .snapshot(.damaged)
            }
            return nil
        }
        guard words.count == 4, let kind = Self.kindsByName[words[0]], let length = Int(words[3]), length >= 0,
            length <= JSONSplitter.maximumPiece
        else { throw .snapshot(.damaged) }
        let namespace = words[1] == "-" ? "" : String(words[1])
        count += 1
        return ObjectSnapshot.Record(
            key: ObjectKey(kind: kind, namespace: namespace, name: String(words[2])), octets: try text.block(length))
    }

    /// The file's text, as far as it has been read.
    private struct Text {
        private let more: (inout [UInt8]) throws(KubernetesError) -> Void
        private var octets: [UInt8] = []
        private var position = 0
        /// The digest of all that was taken.
        private(set) var digest = ContentDigest([])

        init(_ more: @escaping (inout [UInt8]) throws(KubernetesError) -> Void) {
            self.more = more
        }

        /// Reads on.
        ///
        /// - Returns: false at the end of the file.
        private mutating func fill() throws(KubernetesError) -> Bool {
            octets.removeSubrange(..<position)
            position = 0
            let before = octets.count
            try more(&octets)
            return octets.count > before
        }

        mutating func isAtEnd() throws(KubernetesError) -> Bool {
            guard position == octets.count else { return false }
            return try !fill()
        }

        /// Takes a line, without its end.
        mutating func line() throws(KubernetesError) -> String {
            while true {
                if let end = octets[position...].prefix(SnapshotReader.longestLine).firstIndex(of: 0x0A) {
                    let line = String(decoding: octets[position..<end], as: UTF8.self)
                    take(upTo: end + 1)
                    return line
                }
                guard octets.count - position < SnapshotReader.longestLine, try fill() else {
                    throw .snapshot(.damaged)
                }
            }
        }

        /// Takes a line `name value`.
        mutating func value(_ name: String) throws(KubernetesError) -> String {
            let text = try line()
            guard text.hasPrefix(name) else { throw .snapshot(.damaged) }
            return String(text.dropFirst(name.count + 1))
        }

        /// Takes a number of octets, and the line break behind them.
        mutating func block(_ length: Int) throws(KubernetesError) -> [UInt8] {
            while octets.count - position <= length {
                guard try fill() else { throw .snapshot(.damaged) }
            }
            let end = position + length
            guard octets[end] == 0x0A else { throw .snapshot(.damaged) }
            let block = Array(octets[position..<end])
            take(upTo: end + 1)
            return block
        }

        private mutating func take(upTo end: Int) {
            digest.add(octets[position..<end])
            position = end
        }
    }
}
