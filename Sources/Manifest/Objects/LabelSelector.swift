// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A Kubernetes label selector (`metav1.LabelSelector`): all its requirements must hold.
package struct LabelSelector: Equatable, Sendable {
    /// A requirement of `matchExpressions`.
    package enum Requirement: Equatable, Sendable {
        case `in`(key: String, values: [String])
        case notIn(key: String, values: [String])
        case exists(key: String)
        case doesNotExist(key: String)
    }

    /// Labels that must have these values.
    package var matchLabels: [String: String] = [:]
    /// Further requirements.
    package var matchExpressions: [Requirement] = []

    /// Whether an object with these labels is selected; an empty selector selects everything.
    package func matches(_ labels: [String: String]) -> Bool {
        matchLabels.allSatisfy { labels[$0.key] == $0.value }
            && matchExpressions.allSatisfy { requirement in
                switch requirement {
                case .in(let key, let values): labels[key].map(values.contains) ?? false
                case .notIn(let key, let values): !(labels[key].map(values.contains) ?? false)
                case .exists(let key): labels[key] != nil
                case .doesNotExist(let key): labels[key] == nil
                }
            }
    }
}
