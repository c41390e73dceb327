// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The anchor and tag before a node (YAML 1.2 §6.9).
struct YAMLProperties {
    var anchor: [UInt8]?
    var tag = YAMLTag.none
    /// `YAMLTreeBuilder.expandedCount` before the node was added.
    var expandedBefore = 0
    var place: SourcePosition?

    var isEmpty: Bool { place == nil }
}

extension YAMLParser {
    /// Reads anchors and tags that stand here on one line, and the blanks behind them.
    mutating func parseProperties() throws(ManifestError) -> YAMLProperties {
        var properties = YAMLProperties()
        properties.expandedBefore = builder.expandedCount
        while peek() == UInt8(ascii: "&") || peek() == UInt8(ascii: "!") {
            let place = place()
            if properties.place == nil { properties.place = place }
            if peek() == UInt8(ascii: "&") {
                guard properties.anchor == nil else { throw .syntax(.duplicateProperty, at: place) }
                properties.anchor = try parseAnchorName()
            } else {
                guard properties.tag == .none else { throw .syntax(.duplicateProperty, at: place) }
                properties.tag = try parseTag()
            }
            guard Self.isBlankOrBreakOrEnd(peek()) || Self.isFlowIndicator(peek()) else {
                throw .syntax(.propertyWithoutNode, at: self.place())
            }
            skipBlanks()
        }
        return properties
    }

    /// Reads the name behind `&` or `*`.
    mutating func parseAnchorName() throws(ManifestError) -> [UInt8] {
        let place = place()
        position += 1
        let start = position
        while !Self.isBlankOrBreakOrEnd(peek()), !Self.isFlowIndicator(peek()) {
            // `*name: value` is an alias as key, as kubectl reads it; YAML 1.2 would have the colon in the name.
            if peek() == UInt8(ascii: ":"), Self.isBlankOrBreakOrEnd(peek(1)) { break }
            position += 1
        }
        guard position > start, position - start <= 256 else { throw .syntax(.badAnchorName, at: place) }
        return Array(octets[start..<position])
    }

    /// Reads `!`, `!!str`, `!handle!str` or `!<tag:yaml.org,2002:str>`.
    private mutating func parseTag() throws(ManifestError) -> YAMLTag {
        let place = place()
        let start = position
        position += 1
        if peek() == UInt8(ascii: "<") {
            while peek() != UInt8(ascii: ">") {
                guard !Self.isBlankOrBreakOrEnd(peek()) else { throw .syntax(.unknownTag, at: place) }
                position += 1
            }
            position += 1
            guard let tag = YAMLTag(uri: Array(octets[start + 2..<position - 1])) else {
                throw .syntax(.unknownTag, at: place)
            }
            return tag
        }
        while !Self.isBlankOrBreakOrEnd(peek()), !Self.isFlowIndicator(peek()) { position += 1 }
        let shorthand = octets[start..<position]
        if shorthand.count == 1 { return .nonSpecific }
        let handleEnd = (shorthand.dropFirst().firstIndex(of: UInt8(ascii: "!")) ?? start) + 1
        let handle = Array(shorthand[..<handleEnd])
        var uri = tagHandles[handle] ?? []
        if uri.isEmpty, handle == Array("!!".utf8) { uri = Array("tag:yaml.org,2002:".utf8) }
        uri += shorthand[handleEnd...]
        guard let tag = YAMLTag(uri: uri) else { throw .syntax(.unknownTag, at: place) }
        return tag
    }

    /// Gives a node its anchor and tag; the node may still grow.
    mutating func attach(_ properties: YAMLProperties, to index: UInt32) throws(ManifestError) {
        guard let place = properties.place else { return }
        if properties.tag != .none {
            guard builder.record(index).tag == .none else { throw .syntax(.duplicateProperty, at: place) }
            builder.setTag(properties.tag, of: index)
        }
        if let anchor = properties.anchor { try builder.openAnchor(anchor, index: index) }
    }

    /// Ends a node: checks its tag against what it turned out to be, and lets aliases name it from here on.
    mutating func complete(_ index: UInt32, _ properties: YAMLProperties) throws(ManifestError) {
        guard let place = properties.place else { return }
        if let anchor = properties.anchor {
            builder.closeAnchor(anchor, index: index, before: properties.expandedBefore)
        }
        let record = builder.record(index)
        let fits: Bool
        switch properties.tag {
        case .none, .nonSpecific: fits = true
        case .mapping: fits = record.form == .mapping
        case .sequence: fits = record.form == .sequence
        case .string, .binary, .timestamp, .merge: fits = record.form == .plain || record.form == .quoted
        case .integer, .float, .boolean, .null: fits = fitsScalarTag(properties.tag, index, record.form)
        }
        guard fits else { throw .syntax(.tagMismatch, at: place) }
    }

    private func fitsScalarTag(_ tag: YAMLTag, _ index: UInt32, _ form: YAMLDocument.Form) -> Bool {
        guard form == .plain || form == .quoted else { return false }
        switch (YAMLScalar(plain: builder.scalarText(index)), tag) {
        case (.integer, .integer), (.integer, .float), (.float, .float), (.boolean, .boolean), (.null, .null):
            return true
        default: return false
        }
    }
}
