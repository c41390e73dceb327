// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest

extension ManifestValue {
    /// The value as JSON (RFC 8259).
    package var json: String {
        switch self {
        case .scalar(let text, .string): Self.quoted(text)
        case .scalar(_, .null): "null"
        case .scalar(_, .boolean(let value)): value ? "true" : "false"
        case .scalar(_, .integer(let value)): "\(value)"
        case .scalar(let text, .float(let value)): value.isFinite ? "\(value)" : Self.quoted(text)
        case .sequence(let elements): "[" + elements.map(\.json).joined(separator: ",") + "]"
        case .mapping(let entries):
            "{" + entries.map { Self.quoted($0.key) + ":" + $0.value.json }.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        let digits = Array("0123456789abcdef")
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            default:
                if scalar.value < 0x20 {
                    result += "\\u00" + String([digits[Int(scalar.value >> 4)], digits[Int(scalar.value & 15)]])
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }
}
