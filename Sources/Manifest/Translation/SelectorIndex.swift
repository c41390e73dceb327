// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Finds the selectors that a set of labels satisfies, without trying every selector on every set.
///
/// Each selector is filed under one of its labels; a set of labels looks up each of its own.
struct SelectorIndex<ID: Comparable & Sendable>: Sendable {
    private struct Key: Hashable {
        let namespace: String
        let label: String
        let value: String
    }

    private var filed: [Key: [(id: ID, labels: [String: String])]] = [:]

    /// Whether there are none.
    var isEmpty: Bool { filed.isEmpty }

    /// Files a selector under a name of the caller's; one without labels selects nothing.
    mutating func add(_ id: ID, namespace: String, labels: [String: String]) {
        guard let key = Self.key(namespace, labels) else { return }
        filed[key, default: []].append((id, labels))
    }

    /// Takes a selector out that was added with the same arguments.
    mutating func remove(_ id: ID, namespace: String, labels: [String: String]) {
        guard let key = Self.key(namespace, labels) else { return }
        filed[key]?.removeAll { $0.id == id }
        if filed[key]?.isEmpty == true { filed[key] = nil }
    }

    private static func key(_ namespace: String, _ labels: [String: String]) -> Key? {
        labels.min { $0.key < $1.key }.map { Key(namespace: namespace, label: $0.key, value: $0.value) }
    }

    /// The selectors of a namespace that select an object with these labels, in ascending order.
    func matches(namespace: String, labels: [String: String]) -> [ID] {
        var result: [ID] = []
        for (label, value) in labels {
            guard let candidates = filed[Key(namespace: namespace, label: label, value: value)] else { continue }
            for (id, wanted) in candidates where wanted.allSatisfy({ labels[$0.key] == $0.value }) {
                result.append(id)
            }
        }
        return result.sorted()
    }
}
