// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

extension YAMLParser {
    /// Where a plain scalar stands: that decides what ends it.
    enum PlainScope {
        /// Lines that are indented more than the parent continue it.
        case block(parentIndent: Int)
        /// A key: one line.
        case key
        /// Between brackets: a comma or bracket ends it.
        case flow

        var isFlow: Bool {
            if case .flow = self { true } else { false }
        }
    }

    /// Reads a scalar without quotes (YAML 1.2 §7.3.3); ends directly behind its last character.
    mutating func parsePlain(_ scope: PlainScope, _ properties: YAMLProperties) throws(ManifestError) -> UInt32 {
        guard canStartPlain(isFlow: scope.isFlow) else { throw .syntax(.reservedCharacter, at: place()) }
        let index = try builder.add(.plain, at: place())
        try attach(properties, to: index)
        appendPlainLine(isFlow: scope.isFlow)
        if case .key = scope {
        } else {
            while try continuePlain(scope) { appendPlainLine(isFlow: scope.isFlow) }
        }
        try builder.endScalar(index)
        try complete(index, properties)
        return index
    }

    /// YAML 1.2 §7.3.3 `ns-plain-first`.
    private func canStartPlain(isFlow: Bool) -> Bool {
        switch peek() {
        case UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"):
            !Self.isBlankOrBreakOrEnd(peek(1)) && !(isFlow && Self.isFlowIndicator(peek(1)))
        case UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"),
            UInt8(ascii: "#"), UInt8(ascii: "&"), UInt8(ascii: "*"), UInt8(ascii: "!"), UInt8(ascii: "|"),
            UInt8(ascii: ">"), UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "%"), UInt8(ascii: "@"),
            UInt8(ascii: "`"), 0:
            false
        default: true
        }
    }

    /// Takes the text of one line, up to an indicator, a comment or the line's end, without trailing blanks.
    private mutating func appendPlainLine(isFlow: Bool) {
        let start = position
        var end = position
        while true {
            let octet = peek()
            if Self.isBreakOrEnd(octet) { break }
            if octet == UInt8(ascii: ":") {
                let next = peek(1)
                if Self.isBlankOrBreakOrEnd(next) || isFlow && Self.isFlowIndicator(next) { break }
            } else if octet == UInt8(ascii: "#") {
                if position > start, Self.isBlank(octets[position - 1]) { break }
            } else if isFlow, Self.isFlowIndicator(octet) {
                break
            }
            position += 1
            if !Self.isBlank(octet) { end = position }
        }
        position = end
        builder.text.append(contentsOf: octets[start..<end])
    }

    /// Looks whether the next line that is not blank continues the scalar, and goes there with its breaks folded.
    private mutating func continuePlain(_ scope: PlainScope) throws(ManifestError) -> Bool {
        let saved = (position, line, lineStart, contentStart)
        func isContinuation(_ parser: inout YAMLParser) throws(ManifestError) -> Bool {
            guard !parser.isAtDocumentEnd, parser.peek() != UInt8(ascii: "#") else { return false }
            switch scope {
            case .key: return false
            case .block(let parentIndent):
                guard parser.leadingSpaces <= parentIndent else { return true }
                if parser.leadingSpaces < parser.column {
                    throw .syntax(.tabIndentation, at: parser.place(of: parser.lineStart + parser.leadingSpaces))
                }
                return false
            case .flow:
                if Self.isFlowIndicator(parser.peek()) { return false }
                let isColon = parser.peek() == UInt8(ascii: ":")
                return
                    !(isColon
                    && (Self.isBlankOrBreakOrEnd(parser.peek(1)) || Self.isFlowIndicator(parser.peek(1))))
            }
        }
        skipBlanks()
        var breaks = 0
        while !isAtEnd, Self.isBreakOrEnd(peek()) {
            consumeBreak()
            breaks += 1
            skipBlanks()
        }
        guard breaks > 0, try isContinuation(&self) else {
            (position, line, lineStart, contentStart) = saved
            return false
        }
        contentStart = position
        appendFoldedBreaks(breaks)
        return true
    }

    /// One line break folds into a space, more into one line feed less (YAML 1.2 §6.5).
    mutating func appendFoldedBreaks(_ count: Int) {
        if count == 1 {
            builder.text.append(0x20)
        } else {
            builder.text.append(contentsOf: repeatElement(0x0A, count: count - 1))
        }
    }
}
