// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Parses a file of YAML 1.2 documents, JSON being a part of YAML; written for hostile input.
///
/// A recursive descent over the characters: it reads a node, and a scalar that turns out to be followed by a colon becomes
/// the first key of a block mapping that starts at its column. Every octet is looked at a bounded number of times, the
/// recursion is bounded by `YAMLLimits.depth`, and nothing is read twice by following aliases.
///
/// What it takes beyond YAML 1.2: merge keys (`<<`), as kubectl does; several JSON objects behind each other without `---`.
/// What it refuses: keys that are no scalars, a key twice in a mapping, tags that are not of the core schema, cyclic aliases,
/// block collections indented by tabs.
struct YAMLParser {
    let octets: [UInt8]
    let limits: YAMLLimits
    /// The next octet to read.
    var position: Int
    var line: UInt32 = 1
    /// Where the current line starts.
    var lineStart: Int
    /// Where the text of the current line starts, behind its blanks; known once `skipToToken` has passed them.
    var contentStart = -1
    var depth = 0
    var builder: YAMLTreeBuilder
    /// Shorthands declared by `%TAG`, such as `!e!`, and what they stand for.
    var tagHandles: [[UInt8]: [UInt8]] = [:]
    // Columns count characters, but are asked for by octet and in order: the last answer saves counting from the line start.
    private var columnOctet = 0
    private var columnCount: UInt32 = 1

    /// Parses all documents of a file.
    ///
    /// - Parameter octets: the file, UTF-8.
    /// - Returns: the documents; none for a file of comments only.
    /// - Throws: `.syntax` with the place of the first problem.
    /// - Complexity: O(octets).
    static func parse(_ octets: [UInt8], limits: YAMLLimits = YAMLLimits()) throws(ManifestError) -> [YAMLDocument] {
        var documents: [YAMLDocument] = []
        try parse(octets, limits: limits) { documents.append($0) }
        return documents
    }

    /// Parses the documents of a file one by one, so that only one tree is in memory at a time.
    ///
    /// - Parameter body: gets each document; what it was told before counts for nothing when the call throws afterwards.
    /// - Throws: `.syntax` with the place of the first problem.
    static func parse(
        _ octets: [UInt8], limits: YAMLLimits, _ body: (YAMLDocument) -> Void
    ) throws(ManifestError) {
        let start = try YAMLText.validatedStart(octets, limits: limits)
        var parser = YAMLParser(octets: octets, limits: limits, start: start)
        try parser.parseStream(body)
    }

    private init(octets: [UInt8], limits: YAMLLimits, start: Int) {
        self.octets = octets
        self.limits = limits
        position = start
        lineStart = start
        columnOctet = start
        builder = YAMLTreeBuilder(limits: limits)
    }

    // MARK: - Characters

    /// The octet `offset` behind the next one; 0 at the end of the file.
    func peek(_ offset: Int = 0) -> UInt8 {
        position + offset < octets.count ? octets[position + offset] : 0
    }

    var isAtEnd: Bool { position >= octets.count }

    /// A space or tab.
    static func isBlank(_ octet: UInt8) -> Bool { octet == 0x20 || octet == 0x09 }

    /// A line feed, a carriage return, or the end of the file.
    static func isBreakOrEnd(_ octet: UInt8) -> Bool { octet == 0x0A || octet == 0x0D || octet == 0 }

    static func isBlankOrBreakOrEnd(_ octet: UInt8) -> Bool { isBlank(octet) || isBreakOrEnd(octet) }

    static func isFlowIndicator(_ octet: UInt8) -> Bool {
        switch octet {
        case UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"): true
        default: false
        }
    }

    /// The place of the next octet.
    mutating func place() -> SourcePosition { place(of: position) }

    /// The place of an octet of the current line.
    mutating func place(of offset: Int) -> SourcePosition {
        if columnOctet < lineStart || columnOctet > offset {
            columnOctet = lineStart
            columnCount = 1
        }
        while columnOctet < offset {
            if octets[columnOctet] & 0xC0 != 0x80 { columnCount += 1 }
            columnOctet += 1
        }
        return SourcePosition(line: line, column: columnCount)
    }

    /// Consumes a line break: LF, CR LF or CR.
    mutating func consumeBreak() {
        if peek() == 0x0D, peek(1) == 0x0A { position += 1 }
        position += 1
        line += 1
        lineStart = position
        contentStart = -1
    }

    mutating func skipBlanks() {
        while Self.isBlank(peek()) { position += 1 }
    }

    /// Goes to the next token: over blanks, line breaks and comments.
    mutating func skipToToken() {
        while true {
            let start = position
            skipBlanks()
            if start == lineStart { contentStart = position }
            if peek() == UInt8(ascii: "#") {
                guard position == lineStart || Self.isBlank(octets[position - 1]) else { return }
                while !Self.isBreakOrEnd(peek()) { position += 1 }
            }
            guard !isAtEnd, Self.isBreakOrEnd(peek()) else { return }
            consumeBreak()
        }
    }

    /// Whether the next token is the first on its line.
    var isFirstOnLine: Bool { position == contentStart || position == lineStart }

    /// Octets between the start of the line and the next token.
    var column: Int { position - lineStart }

    /// Whether a tab is among the blanks directly before an octet of this line.
    func tabPrecedes(_ offset: Int) -> Bool {
        var index = offset - 1
        while index >= lineStart, Self.isBlank(octets[index]) {
            if octets[index] == 0x09 { return true }
            index -= 1
        }
        return false
    }

    /// Spaces at the start of the current line; a tab ends them.
    var leadingSpaces: Int {
        var index = lineStart
        while index < octets.count, octets[index] == 0x20 { index += 1 }
        return index - lineStart
    }

    /// Whether a `---` or `...` stands here, at the start of a line (YAML 1.2 §9.1.2).
    var isAtDocumentMarker: Bool {
        guard position == lineStart, Self.isBlankOrBreakOrEnd(peek(3)) else { return false }
        let first = peek()
        return (first == UInt8(ascii: "-") || first == UInt8(ascii: ".")) && peek(1) == first && peek(2) == first
    }

    /// Whether a value ends here for want of more document.
    var isAtDocumentEnd: Bool { isAtEnd || isAtDocumentMarker }

    mutating func enterCollection() throws(ManifestError) {
        depth += 1
        guard depth <= limits.depth else { throw .syntax(.tooDeep, at: place()) }
    }
}
