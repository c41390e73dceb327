// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Names one object.
package struct ObjectKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The namespace; empty for kinds that stand in none.
    package var namespace: String
    /// The name.
    package var name: String
    /// The kind.
    package var kind: ObjectKind

    /// Puts the parts together.
    package init(kind: ObjectKind, namespace: String, name: String) {
        self.kind = kind
        self.namespace = namespace
        self.name = name
    }

    /// `Pod default/reviews`, or `Node worker-1`.
    package var description: String {
        namespace.isEmpty ? "\(kind.name) \(name)" : "\(kind.name) \(namespace)/\(name)"
    }

    package static func < (left: ObjectKey, right: ObjectKey) -> Bool {
        if left.kind != right.kind { return left.kind < right.kind }
        return (left.namespace, left.name) < (right.namespace, right.name)
    }
}
