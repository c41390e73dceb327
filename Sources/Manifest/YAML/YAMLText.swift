// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Checks the characters of a file before it is parsed, so that the parser meets valid UTF-8 without control characters only.
///
/// In particular no NUL: the parser takes 0 for the end of the text.
enum YAMLText {
    /// The octets behind a UTF-8 byte order mark, if there is one (YAML 1.2 §5.2 allows it).
    ///
    /// - Throws: `.fileTooLarge`, `.utf16` (also UTF-32, by its mark or its zero octets), `.notUTF8`, `.controlCharacter`.
    static func validatedStart(_ octets: [UInt8], limits: YAMLLimits) throws(ManifestError) -> Int {
        let first = SourcePosition(line: 1, column: 1)
        guard octets.count <= limits.fileBytes else { throw .syntax(.fileTooLarge, at: first) }
        if octets.count >= 2 {
            let pair = (octets[0], octets[1])
            let isMarked = pair == (0xFE, 0xFF) || pair == (0xFF, 0xFE)
            // UTF-16 or UTF-32 without a mark: the first character is ASCII, so its other octets are zero.
            if isMarked || (pair.0 == 0) != (pair.1 == 0) || octets.count >= 4 && octets[0..<3] == [0, 0, 0] {
                throw .syntax(.utf16, at: first)
            }
        }
        let start = octets.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        var index = start
        var line: UInt32 = 1
        var lineStart = start
        while index < octets.count {
            let octet = octets[index]
            if octet < 0x80 {
                if octet < 0x20, octet != 0x09 {
                    guard octet == 0x0A || octet == 0x0D else {
                        throw .syntax(.controlCharacter, at: place(octets, index, line, lineStart))
                    }
                    if octet == 0x0A || index + 1 == octets.count || octets[index + 1] != 0x0A {
                        line += 1
                        lineStart = index + 1
                    }
                }
                index += 1
                continue
            }
            let length = sequenceLength(octets, index)
            guard length > 0 else { throw .syntax(.notUTF8, at: place(octets, index, line, lineStart)) }
            index += length
        }
        return start
    }

    /// Length of the well-formed sequence of a character above ASCII (Unicode table 3-7), or 0.
    static func sequenceLength(_ octets: [UInt8], _ index: Int) -> Int {
        func isContinuation(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            index + offset < octets.count && range.contains(octets[index + offset])
        }
        switch octets[index] {
        case 0xC2...0xDF: return isContinuation(1) ? 2 : 0
        case 0xE0: return isContinuation(1, 0xA0...0xBF) && isContinuation(2) ? 3 : 0
        case 0xED: return isContinuation(1, 0x80...0x9F) && isContinuation(2) ? 3 : 0
        case 0xE1...0xEF: return isContinuation(1) && isContinuation(2) ? 3 : 0
        case 0xF0: return isContinuation(1, 0x90...0xBF) && isContinuation(2) && isContinuation(3) ? 4 : 0
        case 0xF1...0xF3: return isContinuation(1) && isContinuation(2) && isContinuation(3) ? 4 : 0
        case 0xF4: return isContinuation(1, 0x80...0x8F) && isContinuation(2) && isContinuation(3) ? 4 : 0
        default: return 0
        }
    }

    private static func place(_ octets: [UInt8], _ index: Int, _ line: UInt32, _ lineStart: Int) -> SourcePosition {
        let characters = octets[lineStart..<index].count(where: { $0 & 0xC0 != 0x80 })
        return SourcePosition(line: line, column: UInt32(characters) + 1)
    }
}
