// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// One parsed YAML document, held as one array of nodes and one of text; immutable and shared by its `YAMLNode`s.
///
/// A node takes 24 octets and its text; children are a linked list of indices, an alias is a node that names another. A
/// document made by `YAMLParser` holds no cycle, and has at most `YAMLLimits.expandedNodes` nodes with aliases followed.
package final class YAMLDocument: Sendable {
    /// How a node was written.
    enum Form: UInt8 {
        /// A scalar without quotes: its text decides its type.
        case plain
        /// A scalar in quotes or a block scalar: a string.
        case quoted
        case sequence
        /// Children are keys and values in turn.
        case mapping
        /// `first` is the node it stands for.
        case alias
    }

    /// One node of the tree.
    struct Record {
        var form: Form
        var tag = YAMLTag.none
        var line: UInt32
        var column: UInt32
        /// Offset in `text` of a scalar, first child of a collection, the node that an alias names.
        var first: UInt32
        /// Octets of text of a scalar, number of children of a collection.
        var count: UInt32
        /// The next child of the same parent, `YAMLDocument.noIndex` at the end.
        var next: UInt32
    }

    /// The end of a list of children.
    static let noIndex = UInt32.max

    let records: [Record]
    let text: [UInt8]
    private let rootIndex: UInt32

    init(records: [Record], text: [UInt8], root: UInt32) {
        self.records = records
        self.text = text
        rootIndex = root
    }

    /// The value of the document; a null scalar when it is empty.
    package var root: YAMLNode { YAMLNode(document: self, index: rootIndex) }

    /// Memory this document holds, in octets.
    package var byteCount: Int { records.count * MemoryLayout<Record>.stride + text.count }
}
