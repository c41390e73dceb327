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
        workloadIndexes.map { index in
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

    /// The services, and after them what is wrong with those that are not among them.
    func serviceRows(findings: [Finding]) -> [ServiceRow] {
        let notes = Dictionary(grouping: findings, by: \.object).mapValues { $0.map(\.description) }
        var told: Set<String> = []
        var rows = services.records.filter { !$0.isVacant }.map { record in
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
            for object in Self.serviceKinds.map({ "\($0) \(row.namespace)/\(row.name)" }) {
                told.insert(object)
                row.notes += notes[object] ?? []
            }
            if row.readyEndpoints == 0 {
                let reason = row.endpoints == 0 ? "it has no endpoint" : "no endpoint is ready"
                row.notes.append("\(reason); connections to it are refused")
            }
            return row
        }
        let kinds = Set(Self.serviceKinds)
        for finding in findings {
            let parts = finding.object.split(whereSeparator: { $0 == " " || $0 == "/" })
            guard parts.count == 3, kinds.contains(String(parts[0])), !told.contains(finding.object) else { continue }
            var row = ServiceRow()
            row.namespace = String(parts[1])
            row.name = String(parts[2])
            row.notes = [finding.description]
            rows.append(row)
        }
        return rows
    }

    /// The kinds of objects that make services.
    private static let serviceKinds = ["Service", "ServiceEntry"]

    /// To how many of some workloads each policy applies, by position.
    private func workloadsByPolicy(_ chosen: some Sequence<WorkloadIndex>) -> [Int] {
        var counts = [Int](repeating: 0, count: policies.records.count)
        func count(_ set: RuleSetIndex?) {
            guard let set else { return }
            for position in policies.ruleSetPolicies[set.position].positions {
                counts[policies.ruleSetMembers[position].position] += 1
            }
        }
        for workload in chosen {
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
        let local = workloadsByPolicy(workloads(onNode: node))
        let everywhere = workloadsByPolicy(workloadIndexes)
        var rows = policies.records.indices.map { position in
            let record = policies.records[position]
            var row = PolicyRow()
            row.kind = "AuthorizationPolicy"
            row.namespace = self[record.namespace]
            row.name = self[record.name]
            row.action = record.outcome.action
            row.isDryRun = record.outcome.isDryRun
            row.workloads = local[position]
            row.scope =
                switch record.scope {
                case .mesh: "Global"
                case .namespace: "Namespace"
                case .selector: "WorkloadSelector"
                }
            row.notes = notes["AuthorizationPolicy \(row.namespace)/\(row.name)"] ?? []
            if everywhere[position] == 0 { row.notes.append("no effect: it selects no workload of the mesh") }
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
