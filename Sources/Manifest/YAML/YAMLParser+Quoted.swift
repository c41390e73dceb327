// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

extension YAMLParser {
    /// Reads a scalar in single or double quotes (YAML 1.2 §7.3.1, §7.3.2).
    mutating func parseQuoted(_ properties: YAMLProperties) throws(ManifestError) -> UInt32 {
        let open = place()
        let quote = peek()
        let index = try builder.add(.quoted, at: open)
        try attach(properties, to: index)
        position += 1
        /// Text up to here stays when the line ends: blanks before a line break are dropped, escaped ones are not.
        var keep = builder.text.count
        while true {
            let octet = peek()
            if octet == quote {
                position += 1
                guard quote == UInt8(ascii: "'"), peek() == quote else { break }
                position += 1
                builder.text.append(quote)
                keep = builder.text.count
            } else if octet == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                try parseEscape(open)
                keep = builder.text.count
            } else if Self.isBreakOrEnd(octet) {
                guard !isAtEnd else { throw .syntax(.unclosedQuote, at: open) }
                builder.text.removeLast(builder.text.count - keep)
                appendFoldedBreaks(try skipBreaks(open))
                keep = builder.text.count
            } else {
                appendQuotedRun(quote, &keep)
            }
        }
        try builder.endScalar(index)
        try complete(index, properties)
        return index
    }

    /// Takes characters that stand for themselves.
    private mutating func appendQuotedRun(_ quote: UInt8, _ keep: inout Int) {
        let start = position
        var end = start
        while true {
            let octet = peek()
            if octet == quote || octet == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") { break }
            if Self.isBreakOrEnd(octet) { break }
            position += 1
            if !Self.isBlank(octet) { end = position }
        }
        if end > start { keep = builder.text.count + end - start }
        builder.text.append(contentsOf: octets[start..<position])
    }

    /// Consumes line breaks, blank lines and the blanks before the next text.
    ///
    /// - Returns: the number of line breaks.
    private mutating func skipBreaks(_ open: SourcePosition) throws(ManifestError) -> Int {
        var breaks = 0
        while !isAtEnd, Self.isBreakOrEnd(peek()) {
            consumeBreak()
            breaks += 1
            if isAtDocumentMarker { throw .syntax(.markerInsideScalar, at: place()) }
            skipBlanks()
            contentStart = position
        }
        guard !isAtEnd else { throw .syntax(.unclosedQuote, at: open) }
        return breaks
    }

    /// Reads one escape sequence (YAML 1.2 §5.7), surrogate pairs as JSON writes them included (RFC 8259 §7).
    private mutating func parseEscape(_ open: SourcePosition) throws(ManifestError) {
        let place = place()
        let letter = peek(1)
        if Self.isBreakOrEnd(letter) {
            position += 1
            guard !isAtEnd else { throw .syntax(.unclosedQuote, at: open) }
            // An escaped line break is nothing; blank lines behind it count.
            let breaks = try skipBreaks(open)
            builder.text.append(contentsOf: repeatElement(0x0A, count: breaks - 1))
            return
        }
        position += 2
        switch letter {
        case UInt8(ascii: "x"): try appendScalar(hexDigits(2, place), place)
        case UInt8(ascii: "U"): try appendScalar(hexDigits(8, place), place)
        case UInt8(ascii: "u"):
            let unit = try hexDigits(4, place)
            guard (0xD800..<0xDC00).contains(unit) else {
                try appendScalar(unit, place)
                return
            }
            guard peek() == UInt8(ascii: "\\"), peek(1) == UInt8(ascii: "u") else {
                throw .syntax(.badCodePoint, at: place)
            }
            position += 2
            let low = try hexDigits(4, place)
            guard (0xDC00..<0xE000).contains(low) else { throw .syntax(.badCodePoint, at: place) }
            try appendScalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00), place)
        default:
            guard let scalar = Self.escaped(letter) else { throw .syntax(.unknownEscape, at: place) }
            try appendScalar(scalar, place)
        }
    }

    private static func escaped(_ letter: UInt8) -> UInt32? {
        switch letter {
        case UInt8(ascii: "0"): 0x00
        case UInt8(ascii: "a"): 0x07
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "t"), 0x09: 0x09
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "v"): 0x0B
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "e"): 0x1B
        case UInt8(ascii: " "), UInt8(ascii: "\""), UInt8(ascii: "/"), UInt8(ascii: "\\"): UInt32(letter)
        case UInt8(ascii: "N"): 0x85
        case UInt8(ascii: "_"): 0xA0
        case UInt8(ascii: "L"): 0x2028
        case UInt8(ascii: "P"): 0x2029
        default: nil
        }
    }

    private mutating func hexDigits(_ count: Int, _ place: SourcePosition) throws(ManifestError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<count {
            let digit = peek()
            switch digit {
            case 0x30...0x39: value = value << 4 | UInt32(digit - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(digit - 0x41 + 10)
            case 0x61...0x66: value = value << 4 | UInt32(digit - 0x61 + 10)
            default: throw .syntax(.badCodePoint, at: place)
            }
            position += 1
        }
        return value
    }

    private mutating func appendScalar(_ value: UInt32, _ place: SourcePosition) throws(ManifestError) {
        guard let scalar = Unicode.Scalar(value) else { throw .syntax(.badCodePoint, at: place) }
        builder.text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }
}
