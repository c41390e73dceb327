// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Reads one JSON value (RFC 8259) in one pass over its octets; written for hostile input.
///
/// For what programs write: the API server, container runtimes, ourselves. What people write is read by `YAMLParser`, which takes
/// JSON too. Both make the same tree of the same text, and refuse what is not UTF-8, a key twice in an object, half a
/// surrogate pair, and what breaks `YAMLLimits`. This one refuses in addition whatever RFC 8259 does not allow.
///
/// What a `JSONSelection` does not select must be JSON and no deeper than the limit; it takes no memory, so that neither keys
/// that stand twice in it nor its length matter.
struct JSONParser {
    private let octets: [UInt8]
    private let selection: JSONSelection
    private let limits: YAMLLimits
    /// The next octet to read.
    private var position = 0
    private var line: UInt32 = 1
    private var lineStart = 0
    private var depth = 0
    private var builder: YAMLTreeBuilder

    /// Reads a text that is one value.
    ///
    /// - Throws: `.syntax` with the place of the first problem, its column in octets.
    /// - Complexity: O(octets), but for keys in objects of which there are few.
    static func parse(
        _ octets: [UInt8], _ selection: JSONSelection, limits: YAMLLimits
    ) throws(ManifestError) -> YAMLDocument {
        var parser = JSONParser(octets: octets, selection, limits)
        guard octets.count <= limits.fileBytes else { throw parser.problem(.fileTooLarge) }
        parser.skipBlanks()
        let root = try parser.parseValue(selection.root)
        parser.skipBlanks()
        guard parser.position == octets.count else { throw parser.problem(.trailingText) }
        return parser.builder.finish(root: root)
    }

    private init(octets: [UInt8], _ selection: JSONSelection, _ limits: YAMLLimits) {
        self.octets = octets
        self.selection = selection
        self.limits = limits
        builder = YAMLTreeBuilder(limits: limits)
    }

    // MARK: - Characters

    /// The next octet; 0, which stands nowhere in JSON, at the end.
    private var next: UInt8 { position < octets.count ? octets[position] : 0 }

    private var place: SourcePosition { SourcePosition(line: line, column: UInt32(position - lineStart + 1)) }

    private func problem(_ problem: YAMLProblem) -> ManifestError { .syntax(problem, at: place) }

    private mutating func skipBlanks() {
        while position < octets.count {
            switch octets[position] {
            case 0x20, 0x09: position += 1
            case 0x0D:
                position += 1
                if next != 0x0A { startLine() }
            case 0x0A:
                position += 1
                startLine()
            default: return
            }
        }
    }

    private mutating func startLine() {
        line += 1
        lineStart = position
    }

    private mutating func enter() throws(ManifestError) {
        depth += 1
        guard depth <= limits.depth else { throw problem(.tooDeep) }
        position += 1
        skipBlanks()
    }

    private mutating func leave() {
        depth -= 1
        position += 1
    }

    /// Goes behind the comma to the next member or element, or to the closing bracket.
    private mutating func skipSeparator(_ close: UInt8) throws(ManifestError) {
        skipBlanks()
        if next == close { return }
        guard next == UInt8(ascii: ",") else {
            throw problem(position < octets.count ? .missingComma : .unclosedBracket)
        }
        position += 1
        skipBlanks()
        // There is something behind a comma.
        if next == close { throw problem(.missingKey) }
    }

    private mutating func skipColon() throws(ManifestError) {
        skipBlanks()
        guard next == UInt8(ascii: ":") else { throw problem(.missingColon) }
        position += 1
        skipBlanks()
    }

    // MARK: - What is read

    private mutating func parseValue(_ selected: Int) throws(ManifestError) -> UInt32 {
        switch next {
        case UInt8(ascii: "{"): return try parseObject(selected)
        case UInt8(ascii: "["): return try parseArray(selected)
        case UInt8(ascii: "\""):
            let (start, place) = (builder.text.count, place)
            try parseString(keeps: true)
            return try builder.addScalar(.quoted, from: start, at: place)
        default:
            let (start, place) = (position, place)
            try skipWord()
            let text = builder.text.count
            builder.text.append(contentsOf: octets[start..<position])
            return try builder.addScalar(.plain, from: text, at: place)
        }
    }

    private mutating func parseArray(_ selected: Int) throws(ManifestError) -> UInt32 {
        let index = try builder.add(.sequence, at: place)
        var children = YAMLTreeBuilder.Children()
        try enter()
        while next != UInt8(ascii: "]") {
            let element = try parseValue(selected)
            builder.append(element, to: index, &children)
            try skipSeparator(UInt8(ascii: "]"))
        }
        leave()
        return index
    }

    private mutating func parseObject(_ selected: Int) throws(ManifestError) -> UInt32 {
        let index = try builder.add(.mapping, at: place)
        var children = YAMLTreeBuilder.Children()
        var keys = YAMLKeySet()
        try enter()
        while next != UInt8(ascii: "}") {
            guard next == UInt8(ascii: "\"") else { throw problem(.missingKey) }
            let (start, place) = (builder.text.count, place)
            try parseString(keeps: true)
            try skipColon()
            let part = selection.member(builder.text[start...], of: selected)
            if part == JSONSelection.nothing {
                builder.text.removeLast(builder.text.count - start)
                try skipValue()
            } else {
                let key = try builder.addScalar(.quoted, from: start, at: place)
                if let first = keys.insert(builder, key) {
                    throw .syntax(.duplicateKey(firstLine: builder.position(of: first).line), at: place)
                }
                builder.append(key, to: index, &children)
                let value = try parseValue(part)
                builder.append(value, to: index, &children)
            }
            try skipSeparator(UInt8(ascii: "}"))
        }
        leave()
        return index
    }

    // MARK: - What is passed over

    private mutating func skipValue() throws(ManifestError) {
        switch next {
        case UInt8(ascii: "{"):
            try enter()
            while next != UInt8(ascii: "}") {
                guard next == UInt8(ascii: "\"") else { throw problem(.missingKey) }
                try parseString(keeps: false)
                try skipColon()
                try skipValue()
                try skipSeparator(UInt8(ascii: "}"))
            }
            leave()
        case UInt8(ascii: "["):
            try enter()
            while next != UInt8(ascii: "]") {
                try skipValue()
                try skipSeparator(UInt8(ascii: "]"))
            }
            leave()
        case UInt8(ascii: "\""): try parseString(keeps: false)
        default: try skipWord()
        }
    }

    /// Goes behind a number, `true`, `false` or `null` (RFC 8259 §3, §6).
    private mutating func skipWord() throws(ManifestError) {
        switch next {
        case UInt8(ascii: "t"): try skip("true")
        case UInt8(ascii: "f"): try skip("false")
        case UInt8(ascii: "n"): try skip("null")
        default:
            if next == UInt8(ascii: "-") { position += 1 }
            // No zero before other digits: what follows is no comma then.
            if next == UInt8(ascii: "0") { position += 1 } else { try skipDigits() }
            if next == UInt8(ascii: ".") {
                position += 1
                try skipDigits()
            }
            guard next == UInt8(ascii: "e") || next == UInt8(ascii: "E") else { return }
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            try skipDigits()
        }
    }

    private mutating func skip(_ word: StaticString) throws(ManifestError) {
        let end = position + word.utf8CodeUnitCount
        guard end <= octets.count, octets.span.extracting(position..<end).equals(word) else {
            throw problem(.reservedCharacter)
        }
        position = end
    }

    private mutating func skipDigits() throws(ManifestError) {
        guard (0x30...0x39).contains(next) else { throw problem(.reservedCharacter) }
        while (0x30...0x39).contains(next) { position += 1 }
    }

    // MARK: - Strings

    /// Goes behind a string whose quote is next (RFC 8259 §7).
    ///
    /// - Parameter keeps: whether its text is appended to that of the tree.
    private mutating func parseString(keeps: Bool) throws(ManifestError) {
        let open = place
        position += 1
        while true {
            let end = octets.span.endOfPlainText(from: position)
            if keeps { builder.text.append(contentsOf: octets[position..<end]) }
            position = end
            guard position < octets.count else { throw .syntax(.unclosedQuote, at: open) }
            switch octets[position] {
            case UInt8(ascii: "\""):
                position += 1
                return
            case UInt8(ascii: "\\"): try parseEscape(keeps: keeps)
            case 0..<0x20: throw problem(.controlCharacter)
            default:
                let length = YAMLText.sequenceLength(octets, position)
                guard length > 0 else { throw problem(.notUTF8) }
                if keeps { builder.text.append(contentsOf: octets[position..<position + length]) }
                position += length
            }
        }
    }

    private mutating func parseEscape(keeps: Bool) throws(ManifestError) {
        position += 1
        let letter = next
        let value: UInt32
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): value = UInt32(letter)
        case UInt8(ascii: "b"): value = 0x08
        case UInt8(ascii: "f"): value = 0x0C
        case UInt8(ascii: "n"): value = 0x0A
        case UInt8(ascii: "r"): value = 0x0D
        case UInt8(ascii: "t"): value = 0x09
        case UInt8(ascii: "u"): value = try parseCodePoint()
        default: throw problem(.unknownEscape)
        }
        position += 1
        guard let scalar = UnicodeScalar(value) else { throw problem(.badCodePoint) }
        if keeps, let encoded = UTF8.encode(scalar) { builder.text.append(contentsOf: encoded) }
    }

    /// Reads what stands behind `\u`, the second half of a surrogate pair included, and stays before its last octet.
    private mutating func parseCodePoint() throws(ManifestError) -> UInt32 {
        let unit = try parseHexDigits()
        guard (0xD800..<0xDC00).contains(unit) else { return unit }
        guard position + 2 < octets.count, octets[position + 1] == UInt8(ascii: "\\"),
            octets[position + 2] == UInt8(ascii: "u")
        else { throw problem(.badCodePoint) }
        position += 2
        let low = try parseHexDigits()
        guard (0xDC00..<0xE000).contains(low) else { throw problem(.badCodePoint) }
        return 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
    }

    /// Reads the four digits behind the next octet, and stays before the last one.
    private mutating func parseHexDigits() throws(ManifestError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            position += 1
            let digit = next
            switch digit {
            case 0x30...0x39: value = value << 4 | UInt32(digit - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(digit - 0x41 + 10)
            case 0x61...0x66: value = value << 4 | UInt32(digit - 0x61 + 10)
            default: throw problem(.unknownEscape)
            }
        }
        return value
    }
}

extension YAMLDocument {
    /// Reads a text that is one JSON value.
    ///
    /// - Parameter selection: what is read of it.
    /// - Throws: `.syntax` with the place of the first problem.
    package static func parse(
        json octets: [UInt8], _ selection: JSONSelection = JSONSelection(), limits: YAMLLimits = YAMLLimits()
    ) throws(ManifestError) -> YAMLDocument {
        try JSONParser.parse(octets, selection, limits: limits)
    }
}
