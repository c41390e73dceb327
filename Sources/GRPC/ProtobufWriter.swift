// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Writes the fields of a Protocol Buffers message (protobuf.dev, "Encoding"); fields are written in the order of calls.
package struct ProtobufWriter: Sendable {
    /// The message so far.
    package private(set) var bytes: [UInt8] = []

    /// An empty message.
    package init() {}

    /// Writes an integer field, also when it is 0.
    package mutating func field(_ number: UInt32, integer value: UInt64) {
        varint(UInt64(number) << 3)
        varint(value)
    }

    /// Writes a text field, also when it is empty.
    package mutating func field(_ number: UInt32, text: String) {
        field(number, bytes: Array(text.utf8))
    }

    /// Writes a field of octets or a nested message, also when it is empty.
    package mutating func field(_ number: UInt32, bytes value: [UInt8]) {
        varint(UInt64(number) << 3 | 2)
        varint(UInt64(value.count))
        bytes += value
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
