// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

extension YAMLParser {
    /// Reads a flow sequence or mapping whose bracket is the next octet (YAML 1.2 §7.4).
    mutating func parseFlowCollection(_ properties: YAMLProperties) throws(ManifestError) -> UInt32 {
        try enterCollection()
        let isMapping = peek() == UInt8(ascii: "{")
        let open = place()
        let index = try builder.add(isMapping ? .mapping : .sequence, at: open)
        try attach(properties, to: index)
        position += 1
        if isMapping {
            try parseFlowMapping(index, open)
        } else {
            try parseFlowSequence(index, open)
        }
        try complete(index, properties)
        depth -= 1
        return index
    }

    private mutating func skipToFlowToken(_ open: SourcePosition) throws(ManifestError) {
        skipToToken()
        guard !isAtDocumentEnd else { throw .syntax(.unclosedBracket, at: open) }
    }

    private mutating func parseFlowSequence(_ index: UInt32, _ open: SourcePosition) throws(ManifestError) {
        var children = YAMLTreeBuilder.Children()
        let close = UInt8(ascii: "]")
        try skipToFlowToken(open)
        while peek() != close {
            let item: UInt32
            if isAtIndicator(UInt8(ascii: "?")) {
                item = try parseFlowPair(key: nil, open)
            } else {
                let startLine = line
                let key = try parseFlowNode(open)
                let keyEnd = position
                try skipToFlowToken(open)
                if isAtFlowColon(key, keyEnd) {
                    guard line == startLine else { throw .syntax(.keySpansLines, at: place()) }
                    item = try parseFlowPair(key: key, open)
                } else {
                    item = key
                }
            }
            builder.append(item, to: index, &children)
            try parseFlowSeparator(close, open)
        }
        position += 1
    }

    private mutating func parseFlowMapping(_ index: UInt32, _ open: SourcePosition) throws(ManifestError) {
        var entries = MappingEntries(mapping: index)
        let close = UInt8(ascii: "}")
        try skipToFlowToken(open)
        while peek() != close {
            try parseFlowEntry(key: nil, &entries, open)
            try parseFlowSeparator(close, open)
        }
        position += 1
        try entries.finish(&self)
    }

    /// A comma, or the closing bracket that the caller takes.
    private mutating func parseFlowSeparator(_ close: UInt8, _ open: SourcePosition) throws(ManifestError) {
        try skipToFlowToken(open)
        if peek() == UInt8(ascii: ",") {
            position += 1
            try skipToFlowToken(open)
        } else if peek() != close {
            throw .syntax(.missingComma, at: place())
        }
    }

    /// A mapping of one entry inside a flow sequence: `[a: b]`.
    private mutating func parseFlowPair(key: UInt32?, _ open: SourcePosition) throws(ManifestError) -> UInt32 {
        try enterCollection()
        let index = try builder.add(.mapping, at: key.map { builder.position(of: $0) } ?? place())
        var entries = MappingEntries(mapping: index)
        try parseFlowEntry(key: key, &entries, open)
        try entries.finish(&self)
        depth -= 1
        return index
    }

    /// Reads `key: value`, `? key : value` or `key` alone; the key may have been read already.
    private mutating func parseFlowEntry(
        key: UInt32?, _ entries: inout MappingEntries, _ open: SourcePosition
    ) throws(ManifestError) {
        if isAtIndicator(UInt8(ascii: "?")), key == nil {
            position += 1
            try skipToFlowToken(open)
        }
        let keyIndex: UInt32
        if let key { keyIndex = key } else { keyIndex = try parseFlowNode(open) }
        let keyEnd = position
        try entries.add(key: keyIndex, &self)
        try skipToFlowToken(open)
        let colon = place()
        guard key != nil || isAtFlowColon(keyIndex, keyEnd) else {
            try entries.add(value: builder.add(.plain, at: colon), &self)
            return
        }
        position += 1
        try skipToFlowToken(open)
        switch peek() {
        case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"):
            try entries.add(value: builder.add(.plain, at: colon), &self)
        default:
            let value = try parseFlowNode(open)
            try entries.add(value: value, &self)
        }
    }

    /// Whether a colon here separates key and value: behind JSON-like keys any colon does (YAML 1.2 §7.4.2).
    private func isAtFlowColon(_ key: UInt32, _ keyEnd: Int) -> Bool {
        guard peek() == UInt8(ascii: ":") else { return false }
        if Self.isBlankOrBreakOrEnd(peek(1)) || Self.isFlowIndicator(peek(1)) { return true }
        return builder.records[Int(key)].form == .quoted
    }

    /// Reads a node inside brackets; there must be one.
    private mutating func parseFlowNode(_ open: SourcePosition) throws(ManifestError) -> UInt32 {
        let properties = try parseProperties()
        try skipToFlowToken(open)
        switch peek() {
        case UInt8(ascii: "["), UInt8(ascii: "{"): return try parseFlowCollection(properties)
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return try parseQuoted(properties)
        case UInt8(ascii: "*"):
            if let place = properties.place { throw .syntax(.propertyWithoutNode, at: place) }
            return try parseAlias()
        case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"):
            guard properties.isEmpty else { return try parsePlainEmpty(properties) }
            throw .syntax(.missingComma, at: place())
        case UInt8(ascii: ":") where Self.isBlankOrBreakOrEnd(peek(1)) || Self.isFlowIndicator(peek(1)):
            throw .syntax(.missingKey, at: place())
        default: return try parsePlain(.flow, properties)
        }
    }

    /// A null that has an anchor or tag.
    private mutating func parsePlainEmpty(_ properties: YAMLProperties) throws(ManifestError) -> UInt32 {
        let index = try builder.add(.plain, at: place())
        try attach(properties, to: index)
        try complete(index, properties)
        return index
    }
}
