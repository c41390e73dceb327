// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Writes one JSON text (RFC 8259), members in the order in which they are given.
///
/// Commas are put where they belong; that objects and arrays are closed, and members named, is up to the caller.
package struct JSONWriter {
    /// What has been written.
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// Starts an empty text.
    package init() {}

    /// Writes an object, whose members `body` writes.
    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        open(UInt8(ascii: "{"))
        body(&self)
        close(UInt8(ascii: "}"))
    }

    /// Writes an array, whose elements `body` writes.
    package mutating func array(_ body: (inout JSONWriter) -> Void) {
        open(UInt8(ascii: "["))
        body(&self)
        close(UInt8(ascii: "]"))
    }

    /// Writes the name of the next member.
    package mutating func name(_ name: String) {
        separate()
        quote(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a member with a text.
    package mutating func member(_ name: String, _ value: String) {
        self.name(name)
        element(value)
    }

    /// Writes a member with a number.
    package mutating func member(_ name: String, _ value: some BinaryInteger) {
        self.name(name)
        element(value)
    }

    /// Writes a member with a truth value.
    package mutating func member(_ name: String, _ value: Bool) {
        self.name(name)
        element(value)
    }

    /// Writes a member with an array of texts.
    package mutating func member(_ name: String, _ values: [String]) {
        self.name(name)
        array { json in for value in values { json.element(value) } }
    }

    /// Writes a text.
    package mutating func element(_ value: String) {
        separate()
        quote(value)
    }

    /// Writes a number.
    package mutating func element(_ value: some BinaryInteger) {
        separate()
        bytes.append(contentsOf: String(value).utf8)
    }

    /// Writes a truth value.
    package mutating func element(_ value: Bool) {
        separate()
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
    }

    /// Writes a number, which must be finite.
    package mutating func element(_ value: Double) {
        separate()
        bytes.append(contentsOf: "\(value)".utf8)
    }

    /// Writes null.
    package mutating func null() {
        separate()
        bytes.append(contentsOf: "null".utf8)
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\t"): bytes.append(contentsOf: "\\t".utf8)
            case 0..<0x20, 0x7F:
                let digits = String(byte, radix: 16)
                bytes.append(contentsOf: (digits.utf8.count == 1 ? "\\u000" : "\\u00").utf8)
                bytes.append(contentsOf: digits.utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
