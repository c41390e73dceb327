// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

extension YAMLParser {
    /// What becomes of the line breaks at the end of a block scalar (YAML 1.2 §8.1.1.2).
    private enum Chomping {
        case strip
        case clip
        case keep
    }

    private struct BlockScalarHeader {
        var isFolded = false
        var chomping = Chomping.clip
        var indentation: Int?
    }

    /// Reads a literal or folded block scalar whose `|` or `>` is the next octet (YAML 1.2 §8.1).
    mutating func parseBlockScalar(
        parentIndent: Int, _ properties: YAMLProperties
    ) throws(ManifestError) -> UInt32 {
        let index = try builder.add(.quoted, at: place())
        try attach(properties, to: index)
        let header = try parseBlockScalarHeader()
        let indent: Int
        if let digit = header.indentation {
            indent = max(parentIndent, 0) + digit
        } else {
            indent = try detectIndentation(atLeast: parentIndent + 1)
        }
        try parseBlockLines(indent, header)
        try builder.endScalar(index)
        try complete(index, properties)
        return index
    }

    private mutating func parseBlockScalarHeader() throws(ManifestError) -> BlockScalarHeader {
        var header = BlockScalarHeader()
        header.isFolded = peek() == UInt8(ascii: ">")
        position += 1
        var hasChomping = false
        while !Self.isBlankOrBreakOrEnd(peek()) {
            switch peek() {
            case UInt8(ascii: "+") where !hasChomping:
                header.chomping = .keep
                hasChomping = true
            case UInt8(ascii: "-") where !hasChomping:
                header.chomping = .strip
                hasChomping = true
            case 0x31...0x39 where header.indentation == nil:
                header.indentation = Int(peek() - 0x30)
            default: throw .syntax(.badBlockScalarHeader, at: place())
            }
            position += 1
        }
        skipBlanks()
        if peek() == UInt8(ascii: "#"), Self.isBlank(octets[position - 1]) {
            while !Self.isBreakOrEnd(peek()) { position += 1 }
        }
        guard Self.isBreakOrEnd(peek()) else { throw .syntax(.badBlockScalarHeader, at: place()) }
        if !isAtEnd { consumeBreak() }
        return header
    }

    /// The indentation of the first line that is not blank (YAML 1.2 §8.1.1.1); the position stays.
    private mutating func detectIndentation(atLeast minimum: Int) throws(ManifestError) -> Int {
        var index = position
        var most = 0
        var mostLine: UInt32 = 0
        var lines: UInt32 = 0
        while true {
            let start = index
            while index < octets.count, octets[index] == 0x20 { index += 1 }
            let spaces = index - start
            let octet = index < octets.count ? octets[index] : 0
            guard index < octets.count, Self.isBreakOrEnd(octet) else {
                if octet == 0x09, spaces < minimum { return minimum }
                let isText = index < octets.count && spaces >= minimum
                if isText, most > spaces {
                    throw .syntax(.blockScalarIndentation, at: SourcePosition(line: line + mostLine, column: 1))
                }
                return isText ? spaces : max(minimum, most)
            }
            if spaces > most {
                most = spaces
                mostLine = lines
            }
            lines += 1
            index += octet == 0x0D && index + 1 < octets.count && octets[index + 1] == 0x0A ? 2 : 1
        }
    }

    /// Reads the lines of a block scalar; ends at the start of the first line that is none of them.
    private mutating func parseBlockLines(_ indent: Int, _ header: BlockScalarHeader) throws(ManifestError) {
        var breaks = try skipBlankLines(indent)
        builder.text.append(contentsOf: repeatElement(0x0A, count: breaks))
        var hasText = false
        var endsWithBreak = false
        // Lines that start with a blank are not folded, neither with the line before nor with the one behind.
        var wasBlankFirst = false
        while isAtBlockLine(indent) {
            position = lineStart + indent
            let start = position
            let isBlankFirst = Self.isBlank(peek())
            if hasText {
                appendBreaks(breaks, fold: header.isFolded && !isBlankFirst && !wasBlankFirst)
            }
            while !Self.isBreakOrEnd(peek()) { position += 1 }
            builder.text.append(contentsOf: octets[start..<position])
            hasText = true
            endsWithBreak = !isAtEnd
            wasBlankFirst = isBlankFirst
            if isAtEnd { break }
            consumeBreak()
            breaks = try skipBlankLines(indent)
        }
        guard hasText else {
            if header.chomping != .keep { builder.text.removeLast(breaks) }
            return
        }
        if header.chomping != .strip, endsWithBreak { builder.text.append(0x0A) }
        if header.chomping == .keep, endsWithBreak {
            builder.text.append(contentsOf: repeatElement(0x0A, count: breaks))
        }
    }

    /// The breaks between two lines of text: `blankLines` and the one that ends the first.
    private mutating func appendBreaks(_ blankLines: Int, fold: Bool) {
        if fold {
            appendFoldedBreaks(blankLines + 1)
        } else {
            builder.text.append(contentsOf: repeatElement(0x0A, count: blankLines + 1))
        }
    }

    /// Whether the line here belongs to the block scalar.
    private mutating func isAtBlockLine(_ indent: Int) -> Bool {
        guard !isAtEnd, leadingSpaces >= indent else { return false }
        return !(indent == 0 && isAtDocumentMarker)
    }

    /// Consumes lines without text.
    ///
    /// - Returns: their number.
    private mutating func skipBlankLines(_ indent: Int) throws(ManifestError) -> Int {
        var lines = 0
        while !isAtEnd {
            let spaces = min(leadingSpaces, indent)
            let next = lineStart + spaces
            let octet = next < octets.count ? octets[next] : 0
            if next >= octets.count {
                position = next
                return lines
            }
            guard Self.isBreakOrEnd(octet) else {
                if octet == 0x09, spaces < indent, hasTextBehindBlanks(next) {
                    position = next
                    throw .syntax(.tabIndentation, at: place())
                }
                return lines
            }
            position = next
            consumeBreak()
            lines += 1
        }
        return lines
    }

    private func hasTextBehindBlanks(_ offset: Int) -> Bool {
        var index = offset
        while index < octets.count, Self.isBlank(octets[index]) { index += 1 }
        return index < octets.count && !Self.isBreakOrEnd(octets[index]) && octets[index] != UInt8(ascii: "#")
    }
}
