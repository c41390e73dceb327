// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest

/// A value in an object, and how it got there: what a finding needs to name it.
struct Field {
    let entry: ObjectStore.Entry
    let node: YAMLNode
    /// As `spec.http[0].route[1].destination.host`.
    let path: String

    /// The whole object; nil when its text was not kept.
    init?(_ entry: ObjectStore.Entry) {
        guard let node = entry.object.source else { return nil }
        self.init(entry: entry, node: node, path: "")
    }

    private init(entry: ObjectStore.Entry, node: YAMLNode, path: String) {
        self.entry = entry
        self.node = node
        self.path = path
    }

    /// A member; nil when there is none, or it is null.
    subscript(key: String) -> Field? {
        guard let value = node[key], !value.isNull else { return nil }
        return Field(entry: entry, node: value, path: path.isEmpty ? key : "\(path).\(key)")
    }

    /// A member of a member.
    subscript(first: String, second: String) -> Field? { self[first]?[second] }

    /// The elements of a list; none for other values.
    var elements: [Field] {
        node.elements.enumerated().map { Field(entry: entry, node: $0.element, path: "\(path)[\($0.offset)]") }
    }

    /// The elements of a list that is a member.
    func elements(_ key: String) -> [Field] { self[key]?.elements ?? [] }

    /// The text of a string.
    var text: String? { node.string }

    /// The namespace of the object.
    var namespace: String { entry.object.key.namespace }

    /// A finding about this value.
    func finding(_ severity: Finding.Severity, _ text: String) -> Finding {
        Finding(
            severity, file: entry.file, line: node.position.line, object: entry.object.key.description, field: path,
            text: text)
    }

    /// The value at a path as `path` writes it; as much of it as there is.
    func descendant(_ path: String) -> Field {
        var field = self
        for part in path.split(separator: ".") {
            let pieces = part.split(separator: "[")
            guard let name = pieces.first, let member = field[String(name)] else { return field }
            field = member
            for piece in pieces.dropFirst() {
                guard let index = Int(piece.dropLast()), index >= 0, index < field.node.count else { return field }
                field = field.elements[index]
            }
        }
        return field
    }
}
