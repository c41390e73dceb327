// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Manifest

extension ManifestText {
    /// A piece of the text and what takes its place.
    struct Change {
        var range: Range<Int>
        var text: String
    }

    /// The same text with a field of an object set to a value; mappings that are missing on the way are made.
    ///
    /// - Parameter path: the keys that lead to the field, at least one.
    /// - Throws: when the object is not there, or its way of writing does not allow a safe change; the line says what to do.
    package func setting(
        _ path: [String], of key: ObjectKey, to value: ManifestValue
    ) throws(OperatorError) -> ManifestText {
        let place = try existing(key)
        let steps = place.path + path.map { .key($0) }
        let expected = replacing(place.document, steps, with: value)
        if expected == ManifestValue(documents[place.document].root) { return self }
        var node = place.node
        var depth = 0
        while depth < path.count - 1, let inner = node[path[depth]], inner.kind == .mapping {
            node = inner
            depth += 1
        }
        var result = self
        if let old = node[path[depth]] {
            let nested = Self.nested(value, path[(depth + 1)...])
            if old.kind == .scalar, !old.isNull, case .scalar(let text, let type) = nested {
                result = try changed(by: replacement(of: old, in: node, with: text, type), key)
                return try result.checked(against: self, place.document, expected, key, path)
            }
            // What is there is null, or a collection that another one takes the place of. Its mapping may not be left empty.
            while depth > 0, node.count == 1 {
                depth -= 1
                node = place.node.descendant(path[..<depth]) ?? place.node
            }
            result = try changed(by: removal(of: path[depth], from: node), key)
            guard let again = result.place(of: key)?.node.descendant(path[..<depth]) else {
                throw Self.refusal(key, path)
            }
            node = again
        }
        let nested = Self.nested(value, path[(depth + 1)...])
        result = try result.changed(by: result.insertion(of: path[depth], nested, into: node), key)
        return try result.checked(against: self, place.document, expected, key, path)
    }

    /// The same text without a field of an object; the same text when the object has no such field.
    ///
    /// A mapping that would be left empty goes too, down to but not including the object's own.
    package func removing(_ path: [String], of key: ObjectKey) throws(OperatorError) -> ManifestText {
        let place = try existing(key)
        guard place.node.descendant(path[...]) != nil else { return self }
        var path = path[...]
        while path.count > 1, let parent = place.node.descendant(path.dropLast()), parent.count == 1 {
            path = path.dropLast()
        }
        guard let name = path.last, let node = place.node.descendant(path.dropLast()) else { return self }
        let expected = replacing(place.document, place.path + path.map { .key($0) }, with: nil)
        let result = try changed(by: removal(of: name, from: node), key)
        return try result.checked(against: self, place.document, expected, key, Array(path))
    }

    /// A value inside mappings of one key each.
    private static func nested(_ value: ManifestValue, _ keys: ArraySlice<String>) -> ManifestValue {
        keys.reversed().reduce(value) { inner, key in .mapping([(key, inner)]) }
    }

    private func existing(_ key: ObjectKey) throws(OperatorError) -> Place {
        guard let place = place(of: key) else { throw OperatorError("\(key) is not in the file any more; try again") }
        return place
    }

    private func replacing(
        _ document: Int, _ steps: [ManifestValue.Step], with value: ManifestValue?
    ) -> ManifestValue {
        ManifestValue(documents[document].root).replacing(steps[...], with: value)
    }

    /// The text with a change made, parsed again.
    func changed(by change: Change, _ key: ObjectKey) throws(OperatorError) -> ManifestText {
        let text = octets[..<change.range.lowerBound] + change.text.utf8 + octets[change.range.upperBound...]
        do { return try ManifestText(Array(text)) } catch { throw Self.refusal(key, []) }
    }

    // MARK: - Values

    /// Puts a scalar in the place of another one, in the quotes that it has.
    private func replacement(
        of old: YAMLNode, in parent: YAMLNode, with text: String, _ type: YAMLScalar
    ) -> Change {
        let start = offset(of: old.position)
        let quote = octet(start)
        let end = scalarEnd(start, isInFlow: isFlow(parent))
        let isQuoted = quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'")
        let new: String
        if type == .string, quote == UInt8(ascii: "'"), !text.contains("'"), !text.contains("\\") {
            new = "'\(text)'"
        } else {
            new = ManifestValue.scalarText(text, type, json: isQuoted)
        }
        return Change(range: start..<end, text: new)
    }

    /// Where a scalar on one line ends.
    private func scalarEnd(_ start: Int, isInFlow: Bool) -> Int {
        let quote = octet(start)
        var index = start
        if quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
            index += 1
            while index < octets.count {
                if octets[index] == quote {
                    if quote == UInt8(ascii: "'"), octet(index + 1) == quote { index += 1 } else { return index + 1 }
                } else if octets[index] == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                    index += 1
                }
                index += 1
            }
            return octets.count
        }
        var end = start
        while index < octets.count, octets[index] != 0x0A, octets[index] != 0x0D {
            let octet = octets[index]
            let isBlank = octet == 0x20 || octet == 0x09
            if octet == UInt8(ascii: "#"), index > end { break }
            if isInFlow, [UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]")].contains(octet) { break }
            index += 1
            if !isBlank { end = index }
        }
        return end
    }

    /// Whether a mapping is written in braces.
    private func isFlow(_ node: YAMLNode) -> Bool { octet(offset(of: node.position)) == UInt8(ascii: "{") }

    // MARK: - Entries

    /// Adds an entry to a mapping: behind its last line, or behind its brace.
    private func insertion(of name: String, _ value: ManifestValue, into node: YAMLNode) -> Change {
        isFlow(node) ? flowInsertion(name, value, node) : blockInsertion(name, value, node)
    }

    private func flowInsertion(_ name: String, _ value: ManifestValue, _ node: YAMLNode) -> Change {
        let open = offset(of: node.position) + 1
        var first = open
        while [0x20, 0x09, 0x0A, 0x0D].contains(octet(first)) { first += 1 }
        let isJSON = node.count > 0 ? octet(first) == UInt8(ascii: "\"") : isJSON
        let key = ManifestValue.scalarText(name, .string, json: isJSON)
        let entry = "\(key): \(value.flow(json: isJSON))"
        if node.count == 0 { return Change(range: open..<open, text: entry) }
        let blanks = String(decoding: octets[open..<first], as: UTF8.self)
        // Entries stand on lines of their own: the new one too.
        let separator = blanks.contains { $0.isNewline } ? blanks : " "
        return Change(range: first..<first, text: "\(entry),\(separator)")
    }

    private var isJSON: Bool {
        let first = octets.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
        return first == UInt8(ascii: "{")
    }

    private func blockInsertion(_ name: String, _ value: ManifestValue, _ node: YAMLNode) -> Change {
        let line = Int(node.position.line) - 1
        let column = Int(node.position.column) - 1
        let last = lastLine(from: line) { shape in shape.indent >= column }
        let ending = lineBreak(near: line)
        let lines = ManifestValue.mapping([(name, value)]).lines(indent: column)
        let text = lines.joined(separator: ending)
        let end = nextLine(last)
        let hasBreak = lineEnd(last) < end
        return Change(range: end..<end, text: hasBreak ? text + ending : ending + text)
    }

    /// Takes an entry out of a mapping.
    private func removal(of name: String, from node: YAMLNode) throws(OperatorError) -> Change {
        guard let key = node.entries.first(where: { $0.key.text == name })?.key else {
            throw OperatorError("\(name) is not in the file any more; try again")
        }
        let start = offset(of: key.position)
        if isFlow(node) { return flowRemoval(start) }
        let line = Int(key.position.line) - 1
        let column = Int(key.position.column) - 1
        let last = lastLine(from: line) { shape in
            shape.indent > column || shape.indent == column && shape.isItem
        }
        return Change(range: lineStart(line)..<nextLine(last), text: "")
    }

    /// The last line of what starts on a line, as far as the lines behind belong to it; blank lines and comments left of it do
    /// only in front of one that does.
    private func lastLine(from line: Int, belongs: (LineShape) -> Bool) -> Int {
        var last = line
        var next = line + 1
        while next < lineCount, !isMarker(next) {
            let shape = shape(next)
            if !shape.isBlank {
                if belongs(shape), !(shape.isComment && shape.indent == 0) {
                    last = next
                } else if !shape.isComment {
                    break
                }
            }
            next += 1
        }
        return last
    }

    private func flowRemoval(_ start: Int) -> Change {
        var depth = 0
        var index = start
        while index < octets.count {
            switch octets[index] {
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                index = scalarEnd(index, isInFlow: true)
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: ",") where depth == 0:
                index += 1
                while [0x20, 0x09, 0x0A, 0x0D].contains(octet(index)) { index += 1 }
                return Change(range: start..<index, text: "")
            case UInt8(ascii: "}") where depth == 0, UInt8(ascii: "]") where depth == 0:
                return Change(range: behindComma(before: start)..<index, text: "")
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            index += 1
        }
        return Change(range: start..<start, text: "")
    }

    /// The comma in front of an entry, or the entry's own start.
    private func behindComma(before start: Int) -> Int {
        var index = start - 1
        while index > 0, [0x20, 0x09, 0x0A, 0x0D].contains(octets[index]) { index -= 1 }
        return index > 0 && octets[index] == UInt8(ascii: ",") ? index : start
    }
}

extension YAMLNode {
    /// The node at the end of a path of keys; nil when there is none.
    func descendant(_ path: ArraySlice<String>) -> YAMLNode? {
        path.reduce(self as YAMLNode?) { node, key in node?[key] }
    }
}
