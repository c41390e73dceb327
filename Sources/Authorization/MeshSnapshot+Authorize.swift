// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Mesh

extension MeshSnapshot {
    /// Decides whether a peer may connect to a workload.
    ///
    /// Order: mutual TLS mode of the port; DENY (trial, then enforced); ALLOW (trial, then enforced); with no enforced
    /// ALLOW about, yes. Of several policies that decide alike the first by namespace and name is named.
    ///
    /// - Parameters:
    ///   - workload: where the connection goes.
    ///   - destination: the workload's address and the port *on the workload*.
    ///   - peer: who it comes from.
    /// - Complexity: does not allocate. Grows with the rules whose anchor the connection has (see `RuleIndexRecord`),
    ///   and with those that have none; not with other policies.
    package func authorize(
        connectionTo workload: WorkloadIndex, at destination: SocketAddress, from peer: PeerInfo
    ) -> Verdict {
        let record = self[workload]
        if peer.identity == nil, let policy = mutualTLSRequired(by: record.mutualTLSModes, port: destination.port) {
            return Verdict(decision: .mutualTLSRequired(by: policy))
        }
        if policies.meshRules == nil, record.namespaceRules == nil, record.selectorRules == nil {
            return Verdict(decision: .allowed(by: nil))
        }
        let facts = ConnectionFacts(peer: peer, destination: destination)
        let keys = ConnectionKeys(facts, kinds: policies.keyKinds(record))
        var dryRun = Verdict.DryRun()
        dryRun.deniedBy = policies.firstMatch(record, .dryRunDeny, facts, keys).policy
        if let policy = policies.firstMatch(record, .deny, facts, keys).policy {
            return Verdict(decision: .explicitlyDenied(by: policy), dryRun: dryRun)
        }
        let trial = policies.firstMatch(record, .dryRunAllow, facts, keys)
        let enforced = policies.firstMatch(record, .allow, facts, keys)
        dryRun.allowedBy = trial.policy
        dryRun.isNotAllowed = trial.policy == nil && trial.policyCount > 0 && enforced.policyCount == 0
        if enforced.policyCount == 0 { return Verdict(decision: .allowed(by: nil), dryRun: dryRun) }
        guard let policy = enforced.policy else { return Verdict(decision: .notAllowed, dryRun: dryRun) }
        return Verdict(decision: .allowed(by: policy), dryRun: dryRun)
    }

    /// Whether the answer for any connection to a workload may differ between two snapshots.
    ///
    /// Compares digests of all that binds the workload: policies of the mesh, its namespace and its labels, and mutual
    /// TLS modes. Connections to a workload for which this is false need not be looked at again.
    ///
    /// - Parameters:
    ///   - workload: in this snapshot.
    ///   - other: an earlier or later snapshot.
    ///   - counterpart: the same workload in `other`.
    package func hasSameInboundRules(
        for workload: WorkloadIndex, as other: MeshSnapshot, at counterpart: WorkloadIndex
    ) -> Bool {
        self[workload].inboundFingerprint == other[counterpart].inboundFingerprint
    }

    /// The peer authentication that makes mutual TLS a must on a port of a workload; nil when plaintext is accepted.
    ///
    /// - Complexity: O(ports with a mode of their own); does not allocate.
    package func mutualTLSRequired(for workload: WorkloadIndex, port: UInt16) -> PeerAuthenticationIndex? {
        mutualTLSRequired(by: self[workload].mutualTLSModes, port: port)
    }

    private func mutualTLSRequired(by modes: UInt32, port: UInt16) -> PeerAuthenticationIndex? {
        let record = policies.mutualTLSModes[Int(modes)]
        for position in record.ports.positions where policies.portModes[position].port == port {
            return policies.portModes[position].strictBy
        }
        return record.strictBy
    }
}
