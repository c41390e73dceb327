// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

extension YAMLParser {
    /// Reads the node behind an indicator, or the root of a document (YAML 1.2 §8.2.3).
    ///
    /// Whoever calls checks afterwards that the next token starts a line at a column of its own.
    ///
    /// - Parameters:
    ///   - parentIndent: column of the collection the node belongs to, -1 for the root; a node on a later line must stand right
    ///     of it.
    ///   - compact: whether a collection may start on the line of the indicator (behind `-`, `?`).
    ///   - sequenceAtParent: whether a list may stand in the column of the parent (the value of a mapping key).
    mutating func parseBlockNode(
        parentIndent: Int, compact: Bool = false, sequenceAtParent: Bool = false
    ) throws(ManifestError) -> UInt32 {
        let indicatorPlace = place()
        let indicatorLine = line
        skipToToken()
        guard try belongs(since: indicatorLine, parentIndent, sequenceAtParent) else {
            return try builder.add(.plain, at: indicatorPlace)
        }
        var outer = YAMLProperties()
        var start = position
        var startLine = line
        var inner = try parseProperties()
        if !inner.isEmpty {
            skipToToken()
            if line != startLine || isAtEnd {
                outer = inner
                guard try belongs(since: startLine, parentIndent, sequenceAtParent) else {
                    return try emptyNode(outer, at: indicatorPlace)
                }
                start = position
                startLine = line
                inner = try parseProperties()
                if !inner.isEmpty {
                    skipToToken()
                    if let place = inner.place, line != startLine || isAtEnd {
                        throw .syntax(.duplicateProperty, at: place)
                    }
                }
            }
        }
        let isFresh = start == contentStart || start == lineStart || (compact && line == indicatorLine)
        return try parseBlockContent(
            BlockStart(offset: start, isFresh: isFresh, parentIndent: parentIndent, outer: outer, inner: inner))
    }

    /// What is known where the text of a block node starts.
    struct BlockStart {
        /// Where the node starts, its properties on the same line included.
        var offset: Int
        /// Whether a block collection may start here.
        var isFresh: Bool
        var parentIndent: Int
        /// Properties on a line before: they belong to the whole node.
        var outer: YAMLProperties
        /// Properties on the same line: of a first key, if it is one.
        var inner: YAMLProperties
    }

    /// Whether the next token is part of the node whose indicator stood on line `since`.
    private mutating func belongs(
        since: UInt32, _ parentIndent: Int, _ sequenceAtParent: Bool
    ) throws(ManifestError) -> Bool {
        if isAtDocumentEnd { return false }
        if line == since { return true }
        if leadingSpaces > parentIndent { return true }
        if tabPrecedes(position) {
            throw .syntax(.tabIndentation, at: place(of: lineStart + leadingSpaces))
        }
        return sequenceAtParent && column == parentIndent && isAtIndicator(UInt8(ascii: "-"))
    }

    /// Whether `-`, `?` or `:` stands here as an indicator: with a blank behind it.
    func isAtIndicator(_ indicator: UInt8) -> Bool {
        peek() == indicator && Self.isBlankOrBreakOrEnd(peek(1))
    }

    /// A null that has an anchor or tag.
    private mutating func emptyNode(
        _ properties: YAMLProperties, at place: SourcePosition
    ) throws(ManifestError) -> UInt32 {
        let index = try builder.add(.plain, at: properties.place ?? place)
        try attach(properties, to: index)
        try complete(index, properties)
        return index
    }

    private mutating func parseBlockContent(_ start: BlockStart) throws(ManifestError) -> UInt32 {
        switch peek() {
        case UInt8(ascii: "-") where isAtIndicator(UInt8(ascii: "-")):
            try checkCollectionStart(start, .sequenceNotAllowedHere)
            return try parseBlockSequence(start.outer)
        case UInt8(ascii: "?") where isAtIndicator(UInt8(ascii: "?")):
            try checkCollectionStart(start, .mappingNotAllowedHere)
            return try parseBlockMapping(column: column, firstKey: nil, start.outer)
        case UInt8(ascii: ":") where isAtIndicator(UInt8(ascii: ":")):
            throw .syntax(.missingKey, at: place())
        case UInt8(ascii: "|"), UInt8(ascii: ">"):
            let properties = try joined(start.outer, start.inner)
            return try parseBlockScalar(parentIndent: start.parentIndent, properties)
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            let properties = try joined(start.outer, start.inner)
            let keyPlace = place()
            let index = try parseFlowCollection(properties)
            if isAtKeyEnd() { throw .syntax(.collectionAsKey, at: keyPlace) }
            return index
        default:
            return try parseScalarOrMapping(start)
        }
    }

    /// A block collection may not start behind other text of its line, nor behind properties or tabs.
    private mutating func checkCollectionStart(_ start: BlockStart, _ problem: YAMLProblem) throws(ManifestError) {
        if let place = start.inner.place { throw .syntax(.propertyWithoutNode, at: place) }
        guard start.isFresh else { throw .syntax(problem, at: place()) }
        guard !tabPrecedes(start.offset) else { throw .syntax(.tabIndentation, at: place()) }
    }

    /// The properties of a node that has some on a line before and some on its own.
    private func joined(
        _ outer: YAMLProperties, _ inner: YAMLProperties
    ) throws(ManifestError) -> YAMLProperties {
        guard let place = inner.place else { return outer }
        guard !outer.isEmpty else { return inner }
        guard outer.anchor == nil || inner.anchor == nil, outer.tag == .none || inner.tag == .none else {
            throw .syntax(.duplicateProperty, at: place)
        }
        var both = outer
        both.anchor = outer.anchor ?? inner.anchor
        if inner.tag != .none { both.tag = inner.tag }
        return both
    }

    /// Whether only blanks and a colon indicator follow on this line; moves to the colon then.
    private mutating func isAtKeyEnd() -> Bool {
        let end = position
        skipBlanks()
        if isAtIndicator(UInt8(ascii: ":")) { return true }
        position = end
        return false
    }

    /// Reads a scalar or an alias, and the whole mapping if that was its first key.
    private mutating func parseScalarOrMapping(_ start: BlockStart) throws(ManifestError) -> UInt32 {
        let startLine = line
        let startColumn = start.offset - lineStart
        let startsBehindTab = tabPrecedes(start.offset)
        let tokenPlace = place()
        let index = try parseSimpleNode(parentIndent: start.parentIndent, start.inner, isKey: false)
        guard isAtKeyEnd() else {
            if !start.outer.isEmpty {
                if let place = start.inner.place, !start.inner.isEmpty, start.outer.anchor != nil,
                    start.inner.anchor != nil
                {
                    throw .syntax(.duplicateProperty, at: place)
                }
                try attachLate(start.outer, to: index)
            }
            return index
        }
        guard line == startLine else { throw .syntax(.keySpansLines, at: place()) }
        guard start.isFresh else { throw .syntax(.mappingNotAllowedHere, at: tokenPlace) }
        guard !startsBehindTab else { throw .syntax(.tabIndentation, at: tokenPlace) }
        return try parseBlockMapping(column: startColumn, firstKey: index, start.outer)
    }

    /// Properties from a line before, given to a scalar after it has been read.
    private mutating func attachLate(_ properties: YAMLProperties, to index: UInt32) throws(ManifestError) {
        guard builder.resolve(index) == index else {
            throw .syntax(.propertyWithoutNode, at: properties.place ?? builder.position(of: index))
        }
        try attach(properties, to: index)
        try complete(index, properties)
    }

    /// Reads an alias, a quoted or a plain scalar.
    ///
    /// - Parameter isKey: whether it must end on this line.
    private mutating func parseSimpleNode(
        parentIndent: Int, _ properties: YAMLProperties, isKey: Bool
    ) throws(ManifestError) -> UInt32 {
        switch peek() {
        case UInt8(ascii: "*"):
            if let place = properties.place { throw .syntax(.propertyWithoutNode, at: place) }
            return try parseAlias()
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
            return try parseQuoted(properties)
        default:
            let scope: PlainScope = isKey ? .key : .block(parentIndent: parentIndent)
            return try parsePlain(scope, properties)
        }
    }

    mutating func parseAlias() throws(ManifestError) -> UInt32 {
        let place = place()
        let name = try parseAnchorName()
        return try builder.addAlias(name, at: place)
    }

    // MARK: - Collections

    /// Reads a list whose first `-` is the next octet.
    private mutating func parseBlockSequence(_ properties: YAMLProperties) throws(ManifestError) -> UInt32 {
        try enterCollection()
        let column = column
        let index = try builder.add(.sequence, at: place())
        try attach(properties, to: index)
        var children = YAMLTreeBuilder.Children()
        repeat {
            position += 1
            let item = try parseBlockNode(parentIndent: column, compact: true)
            builder.append(item, to: index, &children)
        } while try isAtSibling(column) && isAtIndicator(UInt8(ascii: "-"))
        try complete(index, properties)
        depth -= 1
        return index
    }

    /// Reads a mapping that starts at `column`: behind its first key, or at the `?` of it.
    private mutating func parseBlockMapping(
        column: Int, firstKey: UInt32?, _ properties: YAMLProperties
    ) throws(ManifestError) -> UInt32 {
        try enterCollection()
        let index = try builder.add(.mapping, at: firstKey.map { builder.position(of: $0) } ?? place())
        try attach(properties, to: index)
        var entries = MappingEntries(mapping: index)
        if let firstKey {
            try entries.add(key: firstKey, &self)
            position += 1
            let value = try parseBlockNode(parentIndent: column, sequenceAtParent: true)
            try entries.add(value: value, &self)
        } else {
            try parseExplicitEntry(column, &entries)
        }
        while try isAtSibling(column) {
            if isAtIndicator(UInt8(ascii: "-")) {
                // A list in the column of its key ends with the next key; anything else is a mistake, found by the parent
                // or, when the parent's column is left of it, here.
                throw .syntax(.itemAmongKeys, at: place())
            }
            if isAtIndicator(UInt8(ascii: "?")) {
                try parseExplicitEntry(column, &entries)
                continue
            }
            if isAtIndicator(UInt8(ascii: ":")) { throw .syntax(.missingKey, at: place()) }
            let keyProperties = try parseProperties()
            let keyPlace = place()
            let keyLine = line
            if peek() == UInt8(ascii: "[") || peek() == UInt8(ascii: "{") {
                throw .syntax(.collectionAsKey, at: keyPlace)
            }
            let key = try parseSimpleNode(parentIndent: column, keyProperties, isKey: true)
            guard isAtKeyEnd() else { throw .syntax(.missingColon, at: keyPlace) }
            guard line == keyLine else { throw .syntax(.keySpansLines, at: place()) }
            try entries.add(key: key, &self)
            position += 1
            let value = try parseBlockNode(parentIndent: column, sequenceAtParent: true)
            try entries.add(value: value, &self)
        }
        try entries.finish(&self)
        try complete(index, properties)
        depth -= 1
        return index
    }

    /// Reads `? key` and, if it is there, `: value` (YAML 1.2 §8.2.2).
    private mutating func parseExplicitEntry(
        _ column: Int, _ entries: inout MappingEntries
    ) throws(ManifestError) {
        position += 1
        let key = try parseBlockNode(parentIndent: column, compact: true, sequenceAtParent: true)
        try entries.add(key: key, &self)
        let place = place()
        guard try isAtSibling(column), isAtIndicator(UInt8(ascii: ":")) else {
            try entries.add(value: builder.add(.plain, at: place), &self)
            return
        }
        position += 1
        let value = try parseBlockNode(parentIndent: column, compact: true, sequenceAtParent: true)
        try entries.add(value: value, &self)
    }

    /// Goes to the next token and tells whether it belongs to the block collection at `column`.
    ///
    /// - Throws: `.trailingText` when it does not start a line, `.wrongIndentation` when it stands right of `column`.
    private mutating func isAtSibling(_ column: Int) throws(ManifestError) -> Bool {
        skipToToken()
        if isAtDocumentEnd { return false }
        guard isFirstOnLine else { throw .syntax(.trailingText, at: place()) }
        guard leadingSpaces == self.column else {
            throw .syntax(.tabIndentation, at: place(of: lineStart + leadingSpaces))
        }
        guard self.column <= column else { throw .syntax(.wrongIndentation, at: place()) }
        return self.column == column
    }
}
