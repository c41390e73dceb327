// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The entries of a mapping that is being read: links them, refuses keys that are there already, merges `<<`.
struct MappingEntries {
    let mapping: UInt32
    private var children = YAMLTreeBuilder.Children()
    private var keys = YAMLKeySet()
    /// The mappings that `<<` names, in order.
    private var merged: [UInt32] = []
    private var isMergeKey = false

    init(mapping: UInt32) {
        self.mapping = mapping
    }

    /// Takes a key; `add(value:)` follows.
    ///
    /// - Throws: `.collectionAsKey`, `.duplicateKey`.
    mutating func add(key: UInt32, _ parser: inout YAMLParser) throws(ManifestError) {
        let record = parser.builder.record(key)
        guard record.form == .plain || record.form == .quoted else {
            throw .syntax(.collectionAsKey, at: parser.builder.position(of: key))
        }
        if let first = keys.insert(parser.builder, key) {
            let line = parser.builder.position(of: first).line
            throw .syntax(.duplicateKey(firstLine: line), at: parser.builder.position(of: key))
        }
        isMergeKey =
            record.form == .plain && (record.tag == .none || record.tag == .merge)
            && parser.builder.scalarText(key).elementsEqual("<<".utf8)
        if !isMergeKey { parser.builder.append(key, to: mapping, &children) }
    }

    /// Takes the value of the key that was added last.
    ///
    /// - Throws: `.badMerge`.
    mutating func add(value: UInt32, _ parser: inout YAMLParser) throws(ManifestError) {
        guard isMergeKey else {
            parser.builder.append(value, to: mapping, &children)
            return
        }
        let record = parser.builder.record(value)
        switch record.form {
        case .mapping: merged.append(parser.builder.resolve(value))
        case .sequence:
            var child = record.first
            while child != YAMLDocument.noIndex {
                guard parser.builder.record(child).form == .mapping else {
                    throw .syntax(.badMerge, at: parser.builder.position(of: child))
                }
                merged.append(parser.builder.resolve(child))
                child = parser.builder.records[Int(child)].next
            }
        case .plain, .quoted, .alias: throw .syntax(.badMerge, at: parser.builder.position(of: value))
        }
    }

    /// Ends the mapping.
    mutating func finish(_ parser: inout YAMLParser) throws(ManifestError) {
        guard !merged.isEmpty else { return }
        try parser.builder.merge(merged, into: mapping, children: &children)
    }
}
