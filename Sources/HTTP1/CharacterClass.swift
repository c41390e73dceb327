// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The sets of octets that the grammar of HTTP/1.1 is made of, one bit each in a table of 256 octets.
///
/// The table is a constant of the binary (an `InlineArray` literal), so that a look-up is one load.
struct CharacterClass: OptionSet, Sendable {
    let rawValue: UInt8

    /// `tchar` (RFC 9110 §5.6.2): method and field names.
    static let token = CharacterClass(rawValue: 1)
    /// HTAB, SP, VCHAR and obs-text (RFC 9110 §5.5): what may stand inside a line.
    static let content = CharacterClass(rawValue: 2)
    /// `pchar` and "/" (RFC 3986 §3.3), and `[ ] |`, which browsers leave
    /// unescaped (WHATWG URL, path percent-encode set).
    static let path = CharacterClass(rawValue: 4)
    /// The path set, "?" and what browsers leave unescaped in a query (WHATWG URL, query percent-encode set).
    static let query = CharacterClass(rawValue: 8)
    /// `reg-name` (RFC 3986 §3.2.2) without escapes and comma, on which servers disagree.
    static let host = CharacterClass(rawValue: 16)

    private static let table: InlineArray<256, UInt8> = [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0,  // 0x00
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // 0x10
        2, 31, 2, 3, 31, 15, 31, 31, 30, 30, 31, 31, 14, 31, 31, 14,  // 0x20
        31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 14, 30, 2, 30, 2, 10,  // 0x30
        14, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,  // 0x40
        31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 14, 10, 14, 11, 31,  // 0x50
        11, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,  // 0x60
        31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 10, 15, 10, 31, 0,  // 0x70
        2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,  // 0x80
        2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,  // 0x90
        2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,  // 0xa0
        2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,  // 0xb0
        2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,  // 0xc0
        2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,  // 0xd0
        2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,  // 0xe0
        2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,  // 0xf0
    ]

    /// Whether `byte` belongs to this class.
    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        Self.table[Int(byte)] & rawValue != 0
    }

    /// The first offset in `range` whose octet is not of this class, or the end of `range`.
    @inline(__always)
    func end(in bytes: Span<UInt8>, _ range: Range<Int>) -> Int {
        var index = range.lowerBound
        while index < range.upperBound, contains(bytes[index]) { index += 1 }
        return index
    }

    /// Whether every octet of `range` belongs to this class; true for an empty one.
    @inline(__always)
    func containsAll(of bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        end(in: bytes, range) == range.upperBound
    }
}
