// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

extension RouteTableBuilder {
    /// Sorts members by how near they are, and says which share of the requests each group gets.
    ///
    /// Endpoints that are not ready count for the share of their group: it gets less than all once fewer than 72 in a hundred are
    /// ready (Envoy's over-provisioning factor 1.4), the rest goes to the next.
    func ranked(_ members: [Member], _ service: ServiceIndex, _ policy: LoadBalancerPolicy) -> [Tier] {
        guard let origin = options.origin, !members.isEmpty else { return [Tier(members: members, share: 100)] }
        switch policy.locality {
        case .distribute(let table):
            guard let shares = shares(from: origin, table) else { break }
            return distributed(members, shares)
        case .failover(let regions):
            if mesh[mesh[origin].region].isEmpty { break }
            return byRank(members) { rank($0, origin, regions) }
        case .failoverPriority(let keys):
            return byRank(members) { rank($0, origin, keys) }
        case .off: return [Tier(members: members, share: 100)]
        case nil: break
        }
        let record = mesh[service]
        let scopes = record.scopes.positions.map { mesh.services.scopes[$0] }
        switch record.mode {
        case .standard, .passthrough: return [Tier(members: members, share: 100)]
        case .strict:
            return [Tier(members: members.filter { rank($0, origin, scopes) == 0 }, share: 100)]
        case .failover: return byRank(members) { rank($0, origin, scopes) }
        }
    }

    // MARK: - Ranks

    /// How many of the scopes, from the narrowest, the two do not share.
    private func rank(_ member: Member, _ origin: WorkloadIndex, _ scopes: [LoadBalancing.Scope]) -> Int {
        for (number, scope) in scopes.enumerated()
        where mesh[origin].value(of: scope) != mesh[member.workload].value(of: scope) {
            return scopes.count - number
        }
        return 0
    }

    /// The same part of the zone, zone, region, the region to fall back to, anywhere (Istio's order).
    private func rank(_ member: Member, _ origin: WorkloadIndex, _ regions: [String: String]) -> Int {
        let own = mesh[origin]
        let other = mesh[member.workload]
        if own.region == other.region {
            if own.zone != other.zone { return 2 }
            return own.subzone == other.subzone ? 0 : 1
        }
        return regions[mesh[own.region]] == mesh[other.region] ? 3 : 4
    }

    /// How many labels, from the last, the two do not share; `key=value` wants that value of the endpoint.
    private func rank(_ member: Member, _ origin: WorkloadIndex, _ keys: [String]) -> Int {
        let own = labels[origin]
        let other = labels[member.workload]
        for (number, key) in keys.enumerated() {
            let parts = key.split(separator: "=", maxSplits: 1).map(String.init)
            guard let name = parts.first else { continue }
            let wanted = parts.count == 2 ? parts[1] : own[name]
            if other[name] != wanted { return keys.count - number }
        }
        return 0
    }

    private func byRank(_ members: [Member], _ rank: (Member) -> Int) -> [Tier] {
        var tiers: [Int: Tier] = [:]
        for member in members { tiers[rank(member), default: Tier()].members.append(member) }
        var result: [Tier] = []
        var left: UInt32 = 100
        for key in tiers.keys.sorted() {
            guard var tier = tiers[key] else { continue }
            let ready = tier.members.count { $0.isEligible }
            tier.share = min(left, UInt32(min(100, ready * 140 / tier.members.count)))
            left -= tier.share
            result.append(tier)
        }
        // Too few are ready anywhere: in proportion.
        if left == 100 { for index in result.indices { result[index].share = 1 } }
        return result
    }

    // MARK: - Shares

    /// The shares for requests from where we are: of the most precise entry that fits.
    private func shares(from origin: WorkloadIndex, _ table: [String: [String: UInt32]]) -> [String: UInt32]? {
        table.filter { fits(origin, $0.key) }.max { ($0.key.utf8.count, $1.key) < ($1.key.utf8.count, $0.key) }?.value
    }

    private func distributed(_ members: [Member], _ shares: [String: UInt32]) -> [Tier] {
        var tiers: [Tier] = []
        var rest = members
        // The most precise pattern takes a member.
        for pattern in shares.keys.sorted(by: { ($0.utf8.count, $1) > ($1.utf8.count, $0) }) {
            tiers.append(Tier(members: rest.filter { fits($0.workload, pattern) }, share: shares[pattern] ?? 0))
            rest.removeAll { fits($0.workload, pattern) }
        }
        return tiers
    }

    /// Whether a workload is in `region/zone/subzone`, of which the end may be `*` or missing.
    private func fits(_ workload: WorkloadIndex, _ pattern: String) -> Bool {
        let record = mesh[workload]
        let parts = [mesh[record.region], mesh[record.zone], mesh[record.subzone]]
        for (part, wanted) in zip(parts, pattern.split(separator: "/", omittingEmptySubsequences: false)) {
            if wanted == "*" { return true }
            if part != wanted { return false }
        }
        return true
    }
}

extension WorkloadRecord {
    /// What the workload says of a scope.
    fileprivate func value(of scope: LoadBalancing.Scope) -> NameIndex {
        switch scope {
        case .region: region
        case .zone: zone
        case .subzone: subzone
        case .node: node
        case .cluster: clusterID
        case .network: network
        }
    }
}
