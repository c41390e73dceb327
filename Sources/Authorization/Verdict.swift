// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Mesh

/// The answer to whether a connection may be made, and who decided.
package struct Verdict: Equatable, Sendable {
    /// What is to happen.
    package enum Decision: Equatable, Sendable {
        /// It may be made; by an ALLOW policy, or, when nil, because no ALLOW policy binds the workload.
        case allowed(by: PolicyIndex?)
        /// A DENY policy matches.
        case explicitlyDenied(by: PolicyIndex)
        /// ALLOW policies bind the workload, and none matches.
        case notAllowed
        /// The port insists on mutual TLS, and the peer has no identity.
        case mutualTLSRequired(by: PeerAuthenticationIndex)
    }

    /// What policies under trial say; nothing of it is enforced.
    package struct DryRun: Equatable, Sendable {
        /// A DENY that would refuse.
        package var deniedBy: PolicyIndex?
        /// An ALLOW that would permit.
        package var allowedBy: PolicyIndex?
        /// Whether, with only trial ALLOW policies about, none of them matches: enforced, they would refuse.
        package var isNotAllowed = false

        package init() {}

        /// Whether there is nothing to report.
        package var isEmpty: Bool { deniedBy == nil && allowedBy == nil && !isNotAllowed }
    }

    /// What is to happen.
    package var decision: Decision
    /// What policies under trial say.
    package var dryRun = DryRun()

    package init(decision: Decision, dryRun: DryRun = DryRun()) {
        self.decision = decision
        self.dryRun = dryRun
    }

    /// Whether the connection may be made.
    package var isAllowed: Bool {
        if case .allowed = decision { true } else { false }
    }
}

extension MeshSnapshot {
    /// Why a connection is refused, in the words of Istio; nil when it is not.
    ///
    /// - Parameter verdict: one that this snapshot gave.
    package func refusal(of verdict: Verdict) -> String? {
        switch verdict.decision {
        case .allowed: nil
        case .explicitlyDenied(let policy): "explicitly denied by: \(description(of: policy))"
        case .notAllowed: "allow policies exist, but none allowed"
        case .mutualTLSRequired(let policy): "PeerAuthentication \(description(of: policy)) requires mTLS"
        }
    }

    /// What policies under trial say, one sentence each; empty when there is nothing to report.
    package func dryRunReports(of verdict: Verdict) -> [String] {
        var reports: [String] = []
        if let policy = verdict.dryRun.deniedBy {
            reports.append("dry run: would be explicitly denied by: \(description(of: policy))")
        }
        if let policy = verdict.dryRun.allowedBy {
            reports.append("dry run: would be allowed by: \(description(of: policy))")
        }
        if verdict.dryRun.isNotAllowed {
            reports.append("dry run: allow policies exist, but none would allow")
        }
        return reports
    }
}
