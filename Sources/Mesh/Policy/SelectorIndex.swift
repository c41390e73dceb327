// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Finds the label selectors that a set of labels meets without trying each.
///
/// Every selector is listed under its least label; labels are looked up one by one. Workloads of one namespace with
/// equal values of the labels that selectors ask for share one answer.
struct SelectorIndex {
    /// Answers remembered; then anew (our choice: some 10 MiB).
    private static let maximumAnswers = 100_000

    private struct Entry {
        var labels: [String: String]
        var value: UInt32
    }

    private struct Label: Hashable {
        var key: String
        var value: String
    }

    private struct Scope {
        /// The labels that selectors ask for.
        var keys = Set<String>()
        /// The same in ascending order, while they are few.
        var fewKeys: [String]? = []
        var entries: [Label: [Entry]] = [:]

        mutating func add(keys new: some Collection<String>) {
            keys.formUnion(new)
            fewKeys = keys.count <= 8 ? keys.sorted() : nil  // our choice: pods seldom have more labels
        }
    }

    private struct Question: Hashable {
        var namespace: String?
        var labels: [Label]
    }

    private var scopes: [String?: Scope] = [:]
    private var answers: [Question: [UInt32]] = [:]

    /// Lists a selector.
    ///
    /// - Parameters:
    ///   - labels: must not be empty.
    ///   - namespace: nil when it selects in every namespace.
    ///   - value: what `matches` answers with.
    mutating func add(_ labels: [String: String], namespace: String?, value: UInt32) {
        guard let least = labels.min(by: { $0.key < $1.key }) else { return }
        scopes[namespace, default: Scope()].add(keys: labels.keys)
        let label = Label(key: least.key, value: least.value)
        scopes[namespace, default: Scope()].entries[label, default: []].append(Entry(labels: labels, value: value))
    }

    /// The values of all selectors that the labels of an object in `namespace` meet, ascending.
    mutating func matches(labels: [String: String], namespace: String) -> [UInt32] {
        guard !scopes.isEmpty else { return [] }
        let own = matches(labels: labels, in: namespace)
        let mesh = matches(labels: labels, in: nil)
        if mesh.isEmpty { return own }
        return own.isEmpty ? mesh : (own + mesh).sorted()
    }

    private mutating func matches(labels: [String: String], in namespace: String?) -> [UInt32] {
        guard let scope = scopes[namespace] else { return [] }
        var relevant: [Label] = []
        if let keys = scope.fewKeys {
            for key in keys { if let value = labels[key] { relevant.append(Label(key: key, value: value)) } }
        } else {
            relevant = labels.filter { scope.keys.contains($0.key) }.map { Label(key: $0.key, value: $0.value) }
                .sorted { $0.key < $1.key }
        }
        if relevant.isEmpty { return [] }
        let question = Question(namespace: namespace, labels: relevant)
        if let known = answers[question] { return known }
        var values: [UInt32] = []
        for label in relevant {
            for entry in scope.entries[label] ?? [] where entry.labels.allSatisfy({ labels[$0.key] == $0.value }) {
                values.append(entry.value)
            }
        }
        values.sort()
        if answers.count >= Self.maximumAnswers { answers = [:] }
        answers[question] = values
        return values
    }
}
