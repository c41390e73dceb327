// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What an octet may be part of; a table in read-only memory.
enum OctetClass {
    /// Token characters without upper case: names of fields (RFC 9113 §8.2.1, RFC 9110 §5.6.2).
    static var name: UInt8 { 1 }
    /// Token characters: methods.
    static var token: UInt8 { 2 }
    /// Values of fields: no control characters but the tabulator (RFC 9110 §5.5).
    static var value: UInt8 { 4 }
    /// Visible ASCII and octets above it: parts of a target.
    static var target: UInt8 { 8 }

    /// Whether all octets of `text` belong to `kind`.
    static func all(_ text: Span<UInt8>, _ kind: UInt8) -> Bool {
        for index in text.indices where table[Int(text[index])] & kind == 0 { return false }
        return true
    }

    private static let table: InlineArray<256, UInt8> = [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        4, 15, 12, 15, 15, 15, 15, 15, 12, 12, 15, 15, 12, 15, 15, 12,
        15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 12, 12, 12, 12, 12, 12,
        12, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14,
        14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 12, 12, 12, 15, 15,
        15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
        15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 12, 15, 12, 15, 0,
        12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
        12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
        12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
        12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
        12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
        12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
        12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
        12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
    ]
}
