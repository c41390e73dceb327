// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

extension Span where Element == UInt8 {
    /// Where the first octet from `start` on is that may not stand for itself in a string of JSON (RFC 8259 §7), or of which that
    /// is not known without its neighbours: a quotation mark, a backslash, a control character, one above ASCII.
    ///
    /// - Returns: its offset; `count` when there is none.
    package func endOfPlainText(from start: Int) -> Int {
        var offset = start
        // Eight octets at a time; the bits that are set last in memory order are exact, so the first of them is.
        while count - offset >= 8 {
            let word = readUInt64BigEndian(at: offset).byteSwapped
            let ones: UInt64 = 0x0101_0101_0101_0101
            let highs: UInt64 = 0x8080_8080_8080_8080
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            let found = word | (word &- ones &* 0x20) | (quote &- ones) & ~quote | (backslash &- ones) & ~backslash
            let hits = found & highs
            if hits != 0 { return offset + hits.trailingZeroBitCount / 8 }
            offset += 8
        }
        while offset < count {
            let octet = self[offset]
            if octet == 0x22 || octet == 0x5C || octet < 0x20 || octet >= 0x80 { return offset }
            offset += 1
        }
        return offset
    }
}
