// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Collects the nodes of one document while `YAMLParser` reads it, and holds them to the limits.
///
/// Expansion is bounded without following aliases: `expandedNodes` counts every node once plus, for each alias, the count that
/// its anchor's node had. An alias to a node that is still open would be a cycle and is refused.
struct YAMLTreeBuilder {
    /// An anchor's node and how many nodes it stands for; nil while the node is open.
    private struct Anchor {
        var index: UInt32
        var expandedNodes: Int?
    }

    /// A collection under construction: the list of its children has its end here.
    struct Children {
        var last = YAMLDocument.noIndex
    }

    private(set) var records: [YAMLDocument.Record] = []
    var text: [UInt8] = []
    private let limits: YAMLLimits
    private var expandedNodes = 0
    private var anchors: [[UInt8]: Anchor] = [:]

    init(limits: YAMLLimits) {
        self.limits = limits
    }

    /// Adds a node without children or text yet.
    mutating func add(_ form: YAMLDocument.Form, at position: SourcePosition) throws(ManifestError) -> UInt32 {
        guard records.count < limits.nodes else { throw .syntax(.tooManyNodes, at: position) }
        expandedNodes += 1
        guard expandedNodes <= limits.expandedNodes else { throw .syntax(.tooManyExpandedNodes, at: position) }
        let isScalar = form == .plain || form == .quoted
        records.append(
            YAMLDocument.Record(
                form: form, line: position.line, column: position.column,
                first: isScalar ? UInt32(text.count) : YAMLDocument.noIndex, count: 0, next: YAMLDocument.noIndex))
        return UInt32(records.count - 1)
    }

    /// Adds a scalar whose text is what `text` holds from `start` on.
    mutating func addScalar(
        _ form: YAMLDocument.Form, from start: Int, at position: SourcePosition
    ) throws(ManifestError) -> UInt32 {
        let index = try add(form, at: position)
        records[Int(index)].first = UInt32(start)
        try endScalar(index)
        return index
    }

    /// Closes a scalar: its text is what was appended to `text` since it was added.
    mutating func endScalar(_ index: UInt32) throws(ManifestError) {
        let length = text.count - Int(records[Int(index)].first)
        guard length <= limits.scalarBytes else { throw .syntax(.scalarTooLong, at: position(of: index)) }
        records[Int(index)].count = UInt32(length)
    }

    mutating func append(_ child: UInt32, to parent: UInt32, _ children: inout Children) {
        if children.last == YAMLDocument.noIndex {
            records[Int(parent)].first = child
        } else {
            records[Int(children.last)].next = child
        }
        records[Int(parent)].count += 1
        children.last = child
    }

    /// Names the node an anchor stands before; `closeAnchor` follows when the node is complete.
    mutating func openAnchor(_ name: [UInt8], index: UInt32) throws(ManifestError) {
        guard anchors.count < limits.anchors || anchors[name] != nil else {
            throw .syntax(.tooManyAnchors, at: position(of: index))
        }
        anchors[name] = Anchor(index: index, expandedNodes: nil)
    }

    /// Ends the node of an anchor; `before` is `expandedCount` from before the node was added.
    mutating func closeAnchor(_ name: [UInt8], index: UInt32, before: Int) {
        // An inner node may have taken the name over meanwhile (YAML 1.2 §7.1: the latest one counts).
        if anchors[name]?.index == index { anchors[name]?.expandedNodes = expandedNodes - before }
    }

    /// Nodes so far with aliases followed.
    var expandedCount: Int { expandedNodes }

    /// Adds an alias to the node that has the anchor `name`.
    mutating func addAlias(_ name: [UInt8], at position: SourcePosition) throws(ManifestError) -> UInt32 {
        guard let anchor = anchors[name] else { throw .syntax(.unknownAlias, at: position) }
        guard let size = anchor.expandedNodes else { throw .syntax(.cyclicAlias, at: position) }
        expandedNodes += size
        return try addReference(to: anchor.index, at: position)
    }

    /// Puts the entries of the mappings named by `<<` into a mapping, behind its own, which win (YAML 1.1 merge key).
    mutating func merge(_ sources: [UInt32], into mapping: UInt32, children: inout Children) throws(ManifestError) {
        var keys = YAMLKeySet()
        var child = records[Int(mapping)].first
        while child != YAMLDocument.noIndex {
            _ = keys.insert(self, child)
            child = records[Int(records[Int(child)].next)].next
        }
        let place = position(of: mapping)
        for source in sources {
            var key = records[Int(source)].first
            while key != YAMLDocument.noIndex {
                let value = records[Int(key)].next
                if keys.insert(self, key) == nil {
                    let keyCopy = try addReference(to: resolve(key), at: place)
                    append(keyCopy, to: mapping, &children)
                    let valueCopy = try addReference(to: resolve(value), at: place)
                    append(valueCopy, to: mapping, &children)
                }
                key = records[Int(value)].next
            }
        }
    }

    private mutating func addReference(to index: UInt32, at position: SourcePosition) throws(ManifestError) -> UInt32 {
        let alias = try add(.alias, at: position)
        records[Int(alias)].first = index
        return alias
    }

    /// The node itself, or the one an alias names.
    func resolve(_ index: UInt32) -> UInt32 {
        let record = records[Int(index)]
        return record.form == .alias ? record.first : index
    }

    func record(_ index: UInt32) -> YAMLDocument.Record { records[Int(resolve(index))] }

    /// Text of a scalar, aliases followed.
    func scalarText(_ index: UInt32) -> ArraySlice<UInt8> {
        let record = record(index)
        return text[Int(record.first)..<Int(record.first) + Int(record.count)]
    }

    func position(of index: UInt32) -> SourcePosition {
        SourcePosition(line: records[Int(index)].line, column: records[Int(index)].column)
    }

    mutating func setTag(_ tag: YAMLTag, of index: UInt32) {
        records[Int(index)].tag = tag
    }

    /// Ends the document and makes ready for the next one of the same file.
    mutating func finish(root: UInt32) -> YAMLDocument {
        let document = YAMLDocument(records: records, text: text, root: root)
        records = []
        text = []
        anchors = [:]
        expandedNodes = 0
        return document
    }
}
