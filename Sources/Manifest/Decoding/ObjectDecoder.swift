// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Reads typed values out of one object, and notes everything that is wrong with it under its field path.
///
/// It never stops at a mistake: it notes it, takes the value as absent and goes on, so that an operator sees all of them at
/// once. Whoever reads an object asks `errorCount` and `unknownCount` afterwards what that means for it.
/// Null is absent, as in the Kubernetes API.
struct ObjectDecoder {
    private enum PathElement {
        case key(String)
        case index(Int)
    }

    /// Findings of one object are cut off here; nobody reads more, and each costs memory.
    private static let findingLimit = 64

    private(set) var findings: [Finding] = []
    /// Wrong types and values met so far.
    private(set) var errorCount = 0
    /// Unknown fields met so far.
    private(set) var unknownCount = 0
    private var path: [PathElement] = []
    private let file: String
    /// How the object is called in findings.
    var objectName = ""

    init(file: String) {
        self.file = file
    }

    // MARK: - Findings

    /// The path to the value that is being read.
    var fieldPath: String {
        var text = ""
        for element in path {
            switch element {
            case .key(let key):
                let isPlain = key.utf8.allSatisfy {
                    (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                        || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
                }
                if isPlain, key.utf8.count <= 128 {
                    text += text.isEmpty ? key : "." + key
                } else {
                    text += "[\"\(printable(key))\"]"
                }
            case .index(let index): text += "[\(index)]"
            }
        }
        return text
    }

    /// Notes a finding about the value that is being read.
    ///
    /// - Parameter counts: false for an error that makes a part of the object void, and not the object.
    mutating func report(
        _ severity: Finding.Severity, at node: YAMLNode, _ text: String, counts: Bool = true,
        reason: Finding.Reason? = nil
    ) {
        if severity == .error, counts { errorCount += 1 }
        guard findings.count <= Self.findingLimit else { return }
        let isLast = findings.count == Self.findingLimit
        findings.append(
            Finding(
                severity, file: file, line: node.position.line, object: objectName, field: isLast ? "" : fieldPath,
                text: isLast ? "more of its fields are wrong; correct these first" : text, reason: reason))
    }

    /// Notes a value of the wrong type.
    mutating func reportType(_ node: YAMLNode, expected: String) {
        report(.error, at: node, "must be \(expected), not \(Self.typeName(of: node))")
    }

    private static func typeName(of node: YAMLNode) -> String {
        switch node.kind {
        case .sequence: return "a list"
        case .mapping: return "a mapping"
        case .scalar:
            switch node.scalar {
            case .null, nil: return "null"
            case .boolean: return "a boolean (put it into quotes)"
            case .integer: return "an integer (put it into quotes)"
            case .float: return "a number (put it into quotes)"
            case .string: return "a string"
            }
        }
    }

    // MARK: - Collections

    /// Goes through the fields of a mapping.
    ///
    /// - Parameter visit: reads one field; answers false for a field it does not know, which is then noted.
    mutating func fields(_ node: YAMLNode, _ visit: (inout ObjectDecoder, String, YAMLNode) -> Bool) {
        guard !node.isNull else { return }
        guard node.kind == .mapping else {
            reportType(node, expected: "a mapping")
            return
        }
        for (key, value) in node.entries {
            let name = key.text
            path.append(.key(name))
            if !visit(&self, name, value) {
                unknownCount += 1
                report(.warning, at: key, "unknown field; ignored")
            }
            path.removeLast()
        }
    }

    /// Goes through the elements of a list; a null element is an error.
    mutating func list(_ node: YAMLNode, _ visit: (inout ObjectDecoder, YAMLNode) -> Void) {
        guard !node.isNull else { return }
        guard node.kind == .sequence else {
            reportType(node, expected: "a list")
            return
        }
        for (index, element) in node.elements.enumerated() {
            path.append(.index(index))
            if element.isNull {
                report(.error, at: element, "the list has an empty item; remove it")
            } else {
                visit(&self, element)
            }
            path.removeLast()
        }
    }

    /// Reads a field of a mapping whose other fields do not matter here.
    mutating func field(_ name: String, of node: YAMLNode, _ visit: (inout ObjectDecoder, YAMLNode) -> Void) {
        guard let value = node[name], !value.isNull else { return }
        path.append(.key(name))
        visit(&self, value)
        path.removeLast()
    }

    /// Strings of a list.
    mutating func strings(_ node: YAMLNode) -> [String] {
        var result: [String] = []
        list(node) { decoder, element in
            if let text = decoder.string(element) { result.append(text) }
        }
        return result
    }

    /// A mapping of strings to strings, as labels are.
    mutating func stringMap(_ node: YAMLNode) -> [String: String] {
        var result: [String: String] = [:]
        fields(node) { decoder, key, value in
            result[key] = decoder.string(value) ?? (value.isNull ? "" : nil)
            return true
        }
        return result
    }

    // MARK: - Scalars

    /// A string; nil when absent or wrong.
    mutating func string(_ node: YAMLNode) -> String? {
        if node.isNull { return nil }
        guard let text = node.string else {
            reportType(node, expected: "a string")
            return nil
        }
        return text
    }

    /// A boolean; nil when absent or wrong.
    mutating func boolean(_ node: YAMLNode) -> Bool? {
        if node.isNull { return nil }
        guard let value = node.boolean else {
            report(.error, at: node, "must be true or false")
            return nil
        }
        return value
    }

    /// An integer within `range`; nil when absent or wrong.
    mutating func integer(_ node: YAMLNode, in range: ClosedRange<Int64>) -> Int64? {
        if node.isNull { return nil }
        guard let value = node.integer, range.contains(value) else {
            report(.error, at: node, "must be a number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return value
    }

    /// A port number; nil when absent or wrong.
    mutating func port(_ node: YAMLNode) -> UInt16? {
        integer(node, in: 1...65535).map { UInt16($0) }
    }

    /// A port number written as a string; nil when wrong.
    mutating func port(text: String, at node: YAMLNode) -> UInt16? {
        guard let port = Self.port(text) else {
            report(.error, at: node, "must be a port from 1 to 65535")
            return nil
        }
        return port
    }

    /// Decimal digits without sign and leading zeros, from 1 to 65535.
    static func port(_ text: String) -> UInt16? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            text.utf8.first != UInt8(ascii: "0")
        else { return nil }
        return UInt16(text)
    }

    /// One of the words that `values` maps; nil when absent or wrong.
    mutating func word<Value>(_ node: YAMLNode, _ values: KeyValuePairs<String, Value>) -> Value? {
        guard let text = string(node) else { return nil }
        if let value = values.first(where: { $0.key == text })?.value { return value }
        report(.error, at: node, "must be one of \(values.map(\.key).joined(separator: ", "))")
        return nil
    }

    /// An address; nil when absent, empty or wrong.
    mutating func address(_ node: YAMLNode) -> IPAddress? {
        guard let text = string(node), !text.isEmpty else { return nil }
        guard let address = IPAddress(text) else {
            report(.error, at: node, "must be an IP address")
            return nil
        }
        return address
    }
}

/// Cuts a text from a manifest to a length and characters that are safe in a log line.
func printable(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars.prefix(128) {
        let isSafe = scalar.value >= 0x20 && scalar.value != 0x7F && !(0x80..<0xA0).contains(scalar.value)
        result.unicodeScalars.append(isSafe && scalar != "\"" ? scalar : "?")
    }
    return result
}
