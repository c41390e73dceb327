// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Manifest

/// A value of a manifest that is written or compared: what a YAML text means, without how it is written.
package indirect enum ManifestValue: Sendable {
    /// A scalar: its text, and what that stands for.
    case scalar(String, YAMLScalar)
    case sequence([ManifestValue])
    /// Entries in the order in which they are written.
    case mapping([(key: String, value: ManifestValue)])

    /// A string.
    package static func text(_ text: String) -> ManifestValue { .scalar(text, .string) }

    /// A truth.
    package static func flag(_ isTrue: Bool) -> ManifestValue { .scalar(isTrue ? "true" : "false", .boolean(isTrue)) }

    /// A whole number.
    package static func number(_ number: Int) -> ManifestValue { .scalar("\(number)", .integer(Int64(number))) }

    /// What a node means, aliases and merges followed.
    package init(_ node: YAMLNode) {
        switch node.kind {
        case .scalar: self = node.isNull ? .scalar("", .null) : .scalar(node.text, node.scalar ?? .string)
        case .sequence: self = .sequence(node.elements.map { ManifestValue($0) })
        case .mapping: self = .mapping(node.entries.map { ($0.key.text, ManifestValue($0.value)) })
        }
    }

    /// The value of a key; nil when this is no mapping or has no such key.
    package subscript(key: String) -> ManifestValue? {
        guard case .mapping(let entries) = self else { return nil }
        return entries.first { $0.key == key }?.value
    }

    /// One step from a value to one in it.
    package enum Step: Equatable, Sendable {
        case key(String)
        case index(Int)
    }

    /// The same value with another one, or none, at the end of a path; mappings that are missing on the way are made.
    func replacing(_ path: ArraySlice<Step>, with value: ManifestValue?) -> ManifestValue {
        guard let step = path.first else { return value ?? .scalar("", .null) }
        let rest = path.dropFirst()
        switch (step, self) {
        case (.index(let index), .sequence(var elements)) where elements.indices.contains(index):
            elements[index] = elements[index].replacing(rest, with: value)
            return .sequence(elements)
        case (.key(let key), .mapping(var entries)):
            let index = entries.firstIndex { $0.key == key }
            if rest.isEmpty, value == nil {
                if let index { entries.remove(at: index) }
                return .mapping(entries)
            }
            let inner = (index.map { entries[$0].value } ?? .scalar("", .null)).replacing(rest, with: value)
            if let index { entries[index].value = inner } else { entries.append((key, inner)) }
            return .mapping(entries)
        case (.key(let key), .scalar(_, .null)):
            if rest.isEmpty, value == nil { return self }
            return .mapping([(key, ManifestValue.scalar("", .null).replacing(rest, with: value))])
        default: return self
        }
    }
}

extension ManifestValue: Equatable {
    /// Whether both mean the same; the order of a mapping's entries does not matter.
    package static func == (left: ManifestValue, right: ManifestValue) -> Bool {
        switch (left, right) {
        case (.scalar(let text, let type), .scalar(let otherText, let otherType)):
            return text == otherText && type == otherType
        case (.sequence(let elements), .sequence(let others)): return elements == others
        case (.mapping(let entries), .mapping(let others)):
            guard entries.count == others.count else { return false }
            let table = Dictionary(others.map { ($0.key, $0.value) }) { first, _ in first }
            return entries.allSatisfy { table[$0.key] == $0.value }
        default: return false
        }
    }
}

// MARK: - Writing

extension ManifestValue {
    /// The value as a document, or a part of one: block style, two blanks to a level, a line break at the end of each line.
    ///
    /// - Parameter indent: blanks before each line.
    package func lines(indent: Int = 0) -> [String] {
        let blanks = String(repeating: " ", count: indent)
        guard hasLines else { return [blanks + flow(json: false)] }
        switch self {
        case .scalar: return []
        case .sequence(let elements):
            return elements.flatMap { element in
                let inner = element.lines(indent: indent + 2)
                return [blanks + "- " + inner[0].dropFirst(indent + 2)] + inner.dropFirst()
            }
        case .mapping(let entries):
            return entries.flatMap { key, value in
                let name = blanks + Self.scalarText(key, .string, json: false) + ":"
                guard value.hasLines else { return ["\(name) \(value.flow(json: false))"] }
                switch value {
                case .scalar: return []
                // As kubectl writes it: the items of a list stand below its key.
                case .sequence: return [name] + value.lines(indent: indent)
                case .mapping: return [name] + value.lines(indent: indent + 2)
                }
            }
        }
    }

    /// Whether block style has lines of its own for the value.
    private var hasLines: Bool {
        switch self {
        case .scalar: false
        case .sequence(let elements): !elements.isEmpty
        case .mapping(let entries): !entries.isEmpty
        }
    }

    /// The value on one line, in brackets.
    ///
    /// - Parameter json: whether to write what JSON takes.
    package func flow(json: Bool) -> String {
        switch self {
        case .scalar(let text, let type): return Self.scalarText(text, type, json: json)
        case .sequence(let elements): return "[" + elements.map { $0.flow(json: json) }.joined(separator: ", ") + "]"
        case .mapping(let entries):
            let inner = entries.map { "\(Self.scalarText($0.key, .string, json: json)): \($0.value.flow(json: json))" }
            return "{" + inner.joined(separator: ", ") + "}"
        }
    }

    /// A scalar as it is written; a string in quotes only where it needs them.
    static func scalarText(_ text: String, _ type: YAMLScalar, json: Bool) -> String {
        guard type == .string else { return type == .null ? "null" : text }
        if !json, isPlain(text) { return text }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// Whether a string may stand without quotes, for every reader of YAML: letters first, no word that means something else.
    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.utf8.first, (0x41...0x5A).contains(first & 0xDF) else { return false }
        let words: Set<String> = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        return !words.contains(text.lowercased())
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF) || $0 == UInt8(ascii: ".")
                    || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
            }
    }
}
