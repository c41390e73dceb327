// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The encodings of a range of scalars as sequences of ranges of octets (RFC 3629 §3).
enum UTF8Ranges {
    /// Sequences that together stand for exactly the scalars of `range`, surrogates left out.
    ///
    /// - Parameter range: from U+0080 on.
    static func sequences(_ range: ClosedRange<UInt32>) -> [[ClosedRange<UInt8>]] {
        var result: [[ClosedRange<UInt8>]] = []
        for part in [0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF, 0x10000...0x10FFFF] as [ClosedRange<UInt32>]
        where range.overlaps(part) {
            split(range.clamped(to: part), into: &result)
        }
        return result
    }

    /// Splits a range of scalars of one length until every octet but the last ones is the same, or runs through all its values.
    private static func split(_ range: ClosedRange<UInt32>, into result: inout [[ClosedRange<UInt8>]]) {
        let (low, high) = (range.lowerBound, range.upperBound)
        for count in 1...3 {
            let mask: UInt32 = (1 << (6 * UInt32(count))) - 1
            guard low & ~mask != high & ~mask else { continue }
            if low & mask != 0 {
                split(low...(low | mask), into: &result)
                split(((low | mask) + 1)...high, into: &result)
                return
            }
            if high & mask != mask {
                split(low...((high & ~mask) - 1), into: &result)
                split((high & ~mask)...high, into: &result)
                return
            }
        }
        result.append(zip(octets(low), octets(high)).map { $0...$1 })
    }

    private static func octets(_ scalar: UInt32) -> [UInt8] {
        func trail(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(scalar >> shift & 0x3F) }
        if scalar < 0x800 { return [0xC0 | UInt8(scalar >> 6), trail(0)] }
        if scalar < 0x10000 { return [0xE0 | UInt8(scalar >> 12), trail(6), trail(0)] }
        return [0xF0 | UInt8(scalar >> 18), trail(12), trail(6), trail(0)]
    }
}
