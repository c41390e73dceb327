// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The labels of one series, rendered once: `name="value",…` without the braces.
package struct LabelText: Hashable, Sendable {
    /// The rendered text in UTF-8.
    private(set) var bytes: [UInt8]

    /// No labels.
    package static let none = LabelText([])

    /// Renders `pairs` in order; values may be hostile, names are ours.
    package init(_ pairs: [(name: StaticString, value: String)]) {
        bytes = []
        for (name, value) in pairs { append(name, value) }
    }

    /// Adds one label behind the others.
    ///
    /// Escapes as the text formats ask: backslash, double quote and line feed (OpenMetrics 1.0 "Escaping").
    package mutating func append(_ name: StaticString, _ value: String) {
        if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
        bytes.append(contentsOf: String(describing: name).utf8)
        bytes.append(UInt8(ascii: "="))
        bytes.append(UInt8(ascii: "\""))
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
            case UInt8(ascii: "\""): bytes.append(contentsOf: "\\\"".utf8)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
