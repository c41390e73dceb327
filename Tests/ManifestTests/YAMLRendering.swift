// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

@testable internal import Manifest

/// Renders a node as JSON with sorted nothing: order is kept, strings are quoted, so that types can be told apart.
func rendered(_ node: YAMLNode) -> String {
    switch node.kind {
    case .sequence: return "[" + node.elements.map(rendered).joined(separator: ",") + "]"
    case .mapping:
        return "{" + node.entries.map { quoted($0.key.text) + ":" + rendered($0.value) }.joined(separator: ",") + "}"
    case .scalar:
        switch node.scalar {
        case .null: return "null"
        case .boolean(let value): return String(value)
        case .integer(let value): return String(value)
        case .float(let value): return String(value)
        case .string, nil: return quoted(node.text)
        }
    }
}

/// Parses and renders all documents, ` | ` between them; an error as `problem@line:column`.
func parsed(_ text: String, limits: YAMLLimits = YAMLLimits()) -> String {
    parsed(Array(text.utf8), limits: limits)
}

func parsed(_ octets: [UInt8], limits: YAMLLimits = YAMLLimits()) -> String {
    do {
        return try YAMLParser.parse(octets, limits: limits).map { rendered($0.root) }.joined(separator: " | ")
    } catch {
        guard case .syntax(let problem, let place) = error else { return "\(error)" }
        return "\(problem)@\(place.line):\(place.column)"
    }
}

private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\t": result += "\\t"
        case "\r": result += "\\r"
        case _ where scalar.value < 0x20: result += "\\u{\(scalar.value)}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
