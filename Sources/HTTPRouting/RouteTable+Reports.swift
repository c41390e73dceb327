// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

extension RouteTable {
    /// All backends that a decision might have drawn, for reports.
    ///
    /// - Returns: the clusters (nil: an invalid backend) with their weights; nothing when the rule answers by itself.
    package func alternatives(of decision: RouteDecision) -> [(cluster: ClusterIndex?, weight: UInt64)] {
        if decision.outcome == .noRoute { return [] }
        switch rules[decision.rule.position].action {
        case .scope: return [(scopes[decision.scope.position].cluster, 1)]
        case .forward(let range, _):
            var before: UInt64 = 0
            return range.positions.map { position in
                let backend = backends[position]
                defer { before = backend.cumulativeWeight }
                return (backend.cluster, backend.cumulativeWeight - before)
            }
        case .fail, .redirect, .respond: return []
        }
    }
}
