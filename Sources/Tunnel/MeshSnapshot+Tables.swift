// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
internal import Manifest
internal import Mesh
internal import Telemetry

// The mesh as the tables of a running tunnel show it.
extension MeshSnapshot {
    func workloadRows(node: String, pending: [String: String]) -> [WorkloadRow] {
        workloads.records.indices.map { position in
            let index = WorkloadIndex(UInt32(position))
            let record = self[index]
            var row = WorkloadRow()
            row.uid = self[record.uid]
            row.namespace = self[record.namespace]
            row.name = self[record.name]
            row.workloadName = self[record.workloadName]
            row.serviceAccount = self[record.serviceAccount]
            row.identity = identity(of: index)?.description ?? ""
            row.addresses = record.addresses.positions.map { workloads.addresses[$0].description }
            row.node = self[record.node]
            row.waypoint = record.waypoint.map { description(of: $0) } ?? ""
            row.tunnelProtocol = record.tunnelProtocol == .hbone ? "HBONE" : "TCP"
            row.status = record.isReady ? "Healthy" : "Unhealthy"
            row.isLocal = row.node == node
            if let reason = pending[row.uid] { row.notes = [reason] }
            return row
        }
    }

    func serviceRows() -> [ServiceRow] {
        services.records.map { record in
            var row = ServiceRow()
            row.namespace = self[record.namespace]
            row.name = self[record.name]
            row.hostname = self[record.hostname]
            row.addresses = record.addresses.positions.map { position in
                let block = services.addresses[position]
                return block.onlyAddress?.description ?? block.description
            }
            row.ports = record.ports.positions.map { position in
                let port = services.ports[position]
                return port.targetPort.map { "\(port.servicePort)->\($0)" } ?? "\(port.servicePort)"
            }
            row.waypoint = record.waypoint.map { description(of: $0) } ?? ""
            row.endpoints = Int(record.endpoints.count)
            row.readyEndpoints = Int(record.eligibleCount)
            return row
        }
    }

    /// To how many workloads of a node each policy applies, by position.
    private func workloadsByPolicy(node: String) -> [Int] {
        var counts = [Int](repeating: 0, count: policies.records.count)
        func count(_ set: RuleSetIndex?) {
            guard let set else { return }
            for position in policies.ruleSetPolicies[set.position].positions {
                counts[policies.ruleSetMembers[position].position] += 1
            }
        }
        for workload in workloads(onNode: node) {
            count(policies.meshRules)
            count(self[workload].namespaceRules)
            count(self[workload].selectorRules)
        }
        return counts
    }

    /// The policies, and after them what is wrong with objects of the configuration: a policy that has no effect must not be
    /// silent about it.
    func policyRows(node: String, findings: [Finding]) -> [PolicyRow] {
        let notes = Dictionary(grouping: findings, by: \.object).mapValues { $0.map(\.description) }
        let counts = workloadsByPolicy(node: node)
        var rows = zip(policies.records, counts).map { record, count in
            var row = PolicyRow()
            row.kind = "AuthorizationPolicy"
            row.namespace = self[record.namespace]
            row.name = self[record.name]
            row.action = record.outcome.action
            row.isDryRun = record.outcome.isDryRun
            row.workloads = count
            row.scope =
                switch record.scope {
                case .mesh: "Global"
                case .namespace: "Namespace"
                case .selector: "WorkloadSelector"
                }
            row.notes = notes["AuthorizationPolicy \(row.namespace)/\(row.name)"] ?? []
            return row
        }
        let named = Set(rows.map { "AuthorizationPolicy \($0.namespace)/\($0.name)" })
        for finding in findings where !named.contains(finding.object) {
            var row = PolicyRow()
            row.kind = "Finding"
            row.name = finding.object
            row.notes = [finding.description]
            rows.append(row)
        }
        return Array(rows)
    }
}

extension PolicyOutcome {
    fileprivate var action: String {
        switch self {
        case .deny, .dryRunDeny: "DENY"
        case .allow, .dryRunAllow: "ALLOW"
        }
    }

    fileprivate var isDryRun: Bool { self == .dryRunDeny || self == .dryRunAllow }
}
