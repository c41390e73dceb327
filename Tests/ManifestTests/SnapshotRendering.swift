// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
internal import Mesh

extension MeshSnapshot {
    /// All that a snapshot decides by, without the positions of things: equal for snapshots that decide alike.
    var rendering: [String] {
        var lines = workloadIndexes.map { text($0) }
        lines += services.records.indices.filter { !services.records[$0].isVacant }.map {
            text(ServiceIndex(UInt32($0)))
        }
        lines += services.waypoints.indices.map { text(WaypointIndex(UInt32($0))) }
        var seen: Set<[NameIndex]> = []
        for workload in workloadIndexes where seen.insert([self[workload].namespace, self[workload].network]).inserted {
            lines += lookups(from: workload)
        }
        return lines.sorted()
    }

    private func text(_ workload: WorkloadIndex) -> String {
        let record = self[workload]
        var parts = ["workload"]
        for name in [
            record.uid, record.name, record.namespace, record.serviceAccount, record.node, record.region, record.zone,
            record.subzone, record.network, record.clusterID, record.canonicalName, record.canonicalRevision,
            record.workloadName,
        ] { parts.append(self[name]) }
        parts.append("\(record.workloadType) \(record.tunnelProtocol) \(record.isReady) \(record.isHostNetwork)")
        parts.append("\(record.isPod) \(record.waypointStatus) \(record.capacity)")
        parts.append(identity(of: workload)?.description ?? "nobody")
        parts += record.addresses.positions.map { "\(workloads.addresses[$0])" }
        parts.append(record.waypoint.map { description(of: $0) } ?? "no waypoint")
        parts.append("\(String(describing: record.applicationTunnel))")
        parts.append("mesh \(text(policies.meshRules)) namespace \(text(record.namespaceRules))")
        parts.append(
            "labels \(text(record.selectorRules)) \(modes(record.mutualTLSModes)) \(record.inboundFingerprint)")
        parts.append(
            "serves \(services.waypoints.indices.filter { isServer(workload, of: WaypointIndex(UInt32($0))) })")
        parts.append("\(String(describing: enrollment(of: workload)))")
        let isOnNode =
            self[record.node].isEmpty || workloads(onNode: self[record.node]).filter { $0 == workload }.count == 1
        parts.append("found \(self.workload(uid: self[record.uid]) == workload) \(isOnNode)")
        return parts.joined(separator: "|")
    }

    private func text(_ set: RuleSetIndex?) -> String {
        guard let set else { return "none" }
        let members = policies.ruleSetPolicies[set.position].positions.map { policies.ruleSetMembers[$0] }
        return "\(members.map { "\(description(of: $0)) \(policies.records[$0.position].outcome)" })"
    }

    private func modes(_ index: UInt32) -> String {
        let record = policies.mutualTLSModes[Int(index)]
        let ports = record.ports.positions.map { position in
            let mode = policies.portModes[position]
            return "\(mode.port) \(mode.strictBy.map { description(of: $0) } ?? "any")"
        }
        return "\(record.strictBy.map { description(of: $0) } ?? "any") \(ports)"
    }

    private func text(_ service: ServiceIndex) -> String {
        let record = self[service]
        var parts = ["service", self[record.name], self[record.namespace], self[record.hostname]]
        parts += record.addresses.positions.map { "\(services.addresses[$0])" }
        parts += record.ports.positions.map { position in
            let port = services.ports[position]
            return "\(self[port.name]) \(port.servicePort) \(port.targetPort ?? 0) \(port.applicationProtocol)"
        }
        parts.append("\(record.eligibleCount) \(record.isWeighted) \(record.mode) \(record.ipFamilies)")
        parts.append("\(record.visibility) \(record.isCanonical) \(record.waypointStatus)")
        parts.append(record.waypoint.map { description(of: $0) } ?? "no waypoint")
        parts += record.scopes.positions.map { "\(services.scopes[$0])" }
        parts += record.subjectAltNames.positions.map { "\(services.subjectAltNames[$0])" }
        // Runs of equal places come in an order of their own.
        let endpoints = record.endpoints.positions.map { position in
            let endpoint = services.endpoints[position]
            let ports = endpoint.ports.positions.map {
                "\(services.portMappings[$0].servicePort)>\(services.portMappings[$0].targetPort)"
            }
            return "\(self[self[endpoint.workload].uid]) \(ports) \(self[endpoint.workload].isVacant)"
        }
        if record.scopes.isEmpty {
            parts += endpoints
            parts += record.endpoints.positions.map { "\(services.endpoints[$0].cumulativeCapacity)" }
        } else {
            parts +=
                endpoints.prefix(Int(record.eligibleCount)).sorted() + endpoints.dropFirst(Int(record.eligibleCount))
            parts.append("in order \(isOrdered(record))")
        }
        return parts.joined(separator: "|")
    }

    /// Whether endpoints that take connections stand in the order of what they say of the preferred scopes, by position.
    private func isOrdered(_ record: ServiceRecord) -> Bool {
        let eligible = record.endpoints.positions.prefix(Int(record.eligibleCount))
        let keys = eligible.map { position in
            let workload = self[services.endpoints[position].workload]
            return [workload.zone.rawValue, workload.node.rawValue]
        }
        return zip(keys, keys.dropFirst()).allSatisfy { !$1.lexicographicallyPrecedes($0) }
    }

    private func text(_ waypoint: WaypointIndex) -> String {
        let destination =
            switch self[waypoint].destination {
            case .service(let service): "service \(self[self[service].namespace])/\(self[self[service].hostname])"
            case .workload(let workload): "workload \(self[self[workload].uid])"
            case .unresolved: "nowhere"
            }
        return "waypoint|\(description(of: waypoint))|\(destination)|\(self[waypoint].hbonePort)"
    }

    /// What a workload finds by each address and hostname.
    private func lookups(from source: WorkloadIndex) -> [String] {
        let namespace = self[source].namespace
        var lines = RandomCluster.addresses.map { address in
            let workload = workload(at: address, seenFrom: source).map { self[self[$0].uid] } ?? "nobody"
            return "\(address) is \(workload), \(name(service(at: address, seenFrom: namespace)))"
        }
        for host in RandomCluster.hosts + ["s2.b.svc.cluster.local"] {
            lines.append("\(host) is \(name(service(hostname: host, seenFrom: namespace)))")
        }
        return lines.map { "\(self[namespace]), \(self[self[source].network]): \($0)" }
    }

    private func name(_ service: ServiceIndex?) -> String {
        guard let service else { return "none" }
        return "\(self[self[service].namespace])/\(self[self[service].name])/\(self[self[service].hostname])"
    }
}
