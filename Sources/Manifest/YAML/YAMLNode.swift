// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A value in a YAML document: a scalar, a sequence or a mapping, with its place in the file.
///
/// Aliases are followed before anybody sees them, and the keys of a mapping include those merged by `<<`.
package struct YAMLNode: Sendable {
    /// What a node is.
    package enum Kind: Sendable {
        case scalar
        case sequence
        case mapping
    }

    private let document: YAMLDocument
    private let index: UInt32

    init(document: YAMLDocument, index: UInt32) {
        self.document = document
        let record = document.records[Int(index)]
        // An alias names a node that is no alias itself (YAMLTreeBuilder).
        self.index = record.form == .alias ? record.first : index
    }

    private var record: YAMLDocument.Record { document.records[Int(index)] }

    /// What this node is.
    package var kind: Kind {
        switch record.form {
        case .sequence: .sequence
        case .mapping: .mapping
        case .plain, .quoted, .alias: .scalar
        }
    }

    /// Where the value starts; for an alias, where the value it names starts.
    package var position: SourcePosition { SourcePosition(line: record.line, column: record.column) }

    /// Entries of a mapping, elements of a sequence, 0 for a scalar.
    package var count: Int {
        switch record.form {
        case .sequence: Int(record.count)
        case .mapping: Int(record.count) / 2
        case .plain, .quoted, .alias: 0
        }
    }

    /// The text of a scalar with escapes and folding undone; empty for a collection.
    package var text: String {
        guard kind == .scalar else { return "" }
        return String(decoding: textOctets, as: UTF8.self)
    }

    /// The octets of a scalar's text.
    var textOctets: ArraySlice<UInt8> {
        document.text[Int(record.first)..<Int(record.first) + Int(record.count)]
    }

    /// Whether the text decides the type: a scalar without quotes.
    var isPlain: Bool { record.form == .plain }

    var tag: YAMLTag { record.tag }

    /// The elements of a sequence, in order; nothing for other nodes.
    package var elements: Children {
        Children(document: document, upcoming: kind == .sequence ? record.first : YAMLDocument.noIndex)
    }

    /// The entries of a mapping, in order; nothing for other nodes.
    package var entries: Entries {
        Entries(keys: Children(document: document, upcoming: kind == .mapping ? record.first : YAMLDocument.noIndex))
    }

    /// The value of a mapping's key; nil without the key or when this is no mapping.
    ///
    /// - Complexity: O(entries).
    package subscript(key: String) -> YAMLNode? {
        for (name, value) in entries where name.textOctets.elementsEqual(key.utf8) { return value }
        return nil
    }

    /// Goes through the children of one node.
    package struct Children: Sequence, IteratorProtocol {
        let document: YAMLDocument
        var upcoming: UInt32

        package mutating func next() -> YAMLNode? {
            guard upcoming != YAMLDocument.noIndex else { return nil }
            let node = YAMLNode(document: document, index: upcoming)
            upcoming = document.records[Int(upcoming)].next
            return node
        }
    }

    /// Goes through the keys and values of a mapping.
    package struct Entries: Sequence, IteratorProtocol {
        var keys: Children

        package mutating func next() -> (key: YAMLNode, value: YAMLNode)? {
            guard let key = keys.next(), let value = keys.next() else { return nil }
            return (key, value)
        }
    }
}
