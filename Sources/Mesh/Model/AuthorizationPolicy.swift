// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Who may connect to the workloads it selects: the part of an Istio AuthorizationPolicy that can be decided without
/// reading HTTP.
///
/// Scope: in one of the model's root namespaces an empty `selector` means the whole mesh, and another one selects among
/// the workloads of every namespace; elsewhere both are confined to the policy's own namespace.
///
/// Fail closed: what cannot be expressed here is left out *and flagged* (`isUnreadable`, `Match.omits`). An ALLOW so
/// flagged permits less (the rule, or the policy, matches nothing), a DENY so flagged forbids more (it is enforced
/// without the omitted part).
package struct AuthorizationPolicy: Equatable, Sendable {
    /// What happens to a connection that a rule matches.
    package enum Action: Hashable, Sendable {
        /// It is permitted, unless a DENY matches too; while a workload has such policies, all others are refused.
        case allow
        /// It is refused.
        case deny
    }

    /// One rule: all its clauses must hold; a rule without clauses matches everything.
    package struct Rule: Hashable, Sendable {
        /// The clauses (one for `from`, one for `to`, one for each condition of `when`), all of which must hold.
        package var clauses: [Clause]

        /// Puts clauses together.
        package init(clauses: [Clause] = []) {
            self.clauses = clauses
        }
    }

    /// One clause: one of its matches must hold; a clause without matches holds.
    package struct Clause: Hashable, Sendable {
        /// The matches, one of which must hold.
        package var matches: [Match]

        /// Puts matches together.
        package init(matches: [Match] = []) {
            self.matches = matches
        }
    }

    /// The object's namespace.
    package var namespace: String
    /// The object's name.
    package var name: String
    /// Labels a workload must have (`selector.matchLabels`); empty selects all in scope.
    package var selector: [String: String]
    /// What happens to a connection that a rule matches.
    package var action: Action
    /// Whether its outcome is only reported (annotation `istio.io/dry-run`).
    package var isDryRun: Bool
    /// The rules, one of which must match; without rules the policy matches nothing.
    package var rules: [Rule]
    /// Whether the object as a whole could not be understood: an ALLOW then matches nothing, a DENY everything.
    package var isUnreadable: Bool

    /// A policy for the whole of its scope that matches nothing; the rest is set afterwards.
    package init(namespace: String, name: String, action: Action, rules: [Rule] = []) {
        self.namespace = namespace
        self.name = name
        self.action = action
        self.rules = rules
        selector = [:]
        isDryRun = false
        isUnreadable = false
    }
}
