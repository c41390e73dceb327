// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What a policy decided about a connection.
package enum PolicyDecision: UInt8, CaseIterable, Sendable {
    /// An ALLOW policy matched.
    case allow
    /// A DENY policy matched.
    case deny
    /// A dry-run ALLOW policy matched.
    case dryRunAllow
    /// A dry-run DENY policy matched.
    case dryRunDeny

    /// The value of the label `decision`.
    package var label: String {
        switch self {
        case .allow: "allow"
        case .deny: "deny"
        case .dryRunAllow: "dry_run_allow"
        case .dryRunDeny: "dry_run_deny"
        }
    }
}

/// The labels of `ambit_policy_decisions_total`.
package struct PolicyLabels: SeriesLabels {
    /// Namespace of the policy object.
    package var namespace: String
    /// Name of the policy object.
    package var name: String
    /// What it decided.
    package var decision: PolicyDecision

    /// Names a policy and its decision.
    package init(namespace: String, name: String, decision: PolicyDecision) {
        self.namespace = namespace
        self.name = name
        self.decision = decision
    }

    package var text: LabelText {
        LabelText([("policy_namespace", namespace), ("policy", name), ("decision", decision.label)])
    }
}
