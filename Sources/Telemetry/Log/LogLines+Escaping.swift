// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension LogLines {
    /// Appends `text` so that it cannot end the line, leave its quotes or speak to a terminal.
    ///
    /// Escaped are C0 and C1 controls, DEL, zero-width and bidirectional format characters, line and paragraph separators,
    /// the byte order mark, and between quotes also the quote and the backslash: `\n`, `\u{1b}` in text (as ztunnel writes
    /// them), `\u001b` in JSON (RFC 8259 §7). What is longer than `maximumValueBytes` ends in `…`.
    mutating func escape(_ text: String, isQuoted: Bool) {
        let bytes = text.utf8.span
        var limit = bytes.count
        if limit > Self.maximumValueBytes {
            limit = Self.maximumValueBytes
            while limit > 0, bytes[limit] & 0xC0 == 0x80 { limit -= 1 }  // back to the start of a character
        }
        var plain = 0
        var index = 0
        while index < limit {
            // Nearly all bytes: printable ASCII, by one comparison each.
            let byte = bytes[index]
            if byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                index += 1
                continue
            }
            guard let (scalar, length) = Self.special(bytes, index, isQuoted: isQuoted) else {
                index += 1
                continue
            }
            put(buffer.append(copying: bytes.extracting(plain..<index)))
            escape(scalar)
            index += length
            plain = index
        }
        if plain < limit { put(buffer.append(copying: bytes.extracting(plain..<limit))) }
        if limit < bytes.count { put(buffer.append("…")) }
    }

    /// The scalar at `index` and its length in bytes, when it must be escaped.
    private static func special(_ bytes: Span<UInt8>, _ index: Int, isQuoted: Bool) -> (scalar: UInt32, length: Int)? {
        let byte = bytes[index]
        switch byte {
        case 0..<0x20, 0x7F: return (UInt32(byte), 1)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return isQuoted ? (UInt32(byte), 1) : nil
        case 0xC2 where index + 1 < bytes.count && bytes[index + 1] < 0xA0:  // U+0080 ... U+009F
            return (UInt32(bytes[index + 1]), 2)
        case 0xE2, 0xEF:
            guard index + 2 < bytes.count else { return nil }
            let scalar =
                UInt32(byte & 0x0F) << 12 | UInt32(bytes[index + 1] & 0x3F) << 6 | UInt32(bytes[index + 2] & 0x3F)
            switch scalar {
            case 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: return (scalar, 3)
            default: return nil
            }
        default: return nil
        }
    }

    private mutating func escape(_ scalar: UInt32) {
        switch scalar {
        case 0x0A: put(buffer.append("\\n"))
        case 0x0D: put(buffer.append("\\r"))
        case 0x09: put(buffer.append("\\t"))
        case 0x22: put(buffer.append("\\\""))
        case 0x5C: put(buffer.append("\\\\"))
        default:
            switch format {
            case .text:
                put(buffer.append("\\u{"))
                put(buffer.append(hexadecimal: UInt64(scalar)))
                put(buffer.append("}"))
            case .json:
                put(buffer.append("\\u"))
                for digits in 1..<4 where scalar < 1 << (4 * UInt32(digits)) { put(buffer.append("0")) }
                put(buffer.append(hexadecimal: UInt64(scalar)))
            }
        }
    }
}
