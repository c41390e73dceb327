// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Finds the selectors that a set of labels satisfies, without trying every selector on every set.
///
/// Each selector is filed under one of its labels; a set of labels looks up each of its own.
struct SelectorIndex {
    private struct Key: Hashable {
        let namespace: String
        let label: String
        let value: String
    }

    private var filed: [Key: [(number: Int, labels: [String: String])]] = [:]

    /// Files a selector under a number of the caller's; one without labels selects nothing.
    mutating func add(_ number: Int, namespace: String, labels: [String: String]) {
        guard let first = labels.min(by: { $0.key < $1.key }) else { return }
        let key = Key(namespace: namespace, label: first.key, value: first.value)
        filed[key, default: []].append((number, labels))
    }

    /// The numbers of the selectors of a namespace that select an object with these labels, in ascending order.
    func matches(namespace: String, labels: [String: String]) -> [Int] {
        var result: [Int] = []
        for (label, value) in labels {
            guard let candidates = filed[Key(namespace: namespace, label: label, value: value)] else { continue }
            for (number, wanted) in candidates where wanted.allSatisfy({ labels[$0.key] == $0.value }) {
                result.append(number)
            }
        }
        return result.sorted()
    }
}
