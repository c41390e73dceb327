// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity

extension SnapshotBuilder {
    private struct IdentityKey: Hashable {
        var trustDomain: NameIndex
        var namespace: NameIndex
        var serviceAccount: NameIndex
    }

    /// Writes the workload records.
    ///
    /// - Parameter bindings: of each workload, by position.
    mutating func buildWorkloads(_ bindings: [PolicyBinding]) {
        var identities: [IdentityKey: IdentityIndex?] = [:]
        workloads.records.reserveCapacity(uniqueWorkloads.count)
        workloads.addresses.reserveCapacity(workloads.addressOwners.count)
        names.reserveCapacity(uniqueWorkloads.count * 2)
        workloads.uidSlots = HashSlots(count: uniqueWorkloads.count)
        let all = uniqueWorkloads
        for position in all.indices {
            let workload = all[position]
            let index = WorkloadIndex(UInt32(position))
            let namespace = names.intern(workload.namespace)
            let serviceAccount = names.intern(workload.serviceAccount)
            let key = IdentityKey(
                trustDomain: names.intern(workload.trustDomain), namespace: namespace,
                serviceAccount: serviceAccount)
            let identity: IdentityIndex?
            if let known = identities[key] {
                identity = known
            } else {
                identity = addIdentity(of: workload)
                identities[key] = identity
            }
            let (waypoint, status) = waypoint(for: workload, at: index)
            let addresses = IndexRange(start: workloads.addresses.count, count: workload.addresses.count)
            workloads.addresses += workload.addresses
            let binding = bindings[position]
            let record = WorkloadRecord(
                uid: names.append(workload.uid), name: names.append(workload.name), namespace: namespace,
                serviceAccount: serviceAccount, node: names.intern(workload.node),
                region: names.intern(workload.locality.region), zone: names.intern(workload.locality.zone),
                subzone: names.intern(workload.locality.subzone), network: names.intern(workload.network),
                clusterID: names.intern(workload.clusterID), canonicalName: names.intern(workload.canonicalName),
                canonicalRevision: names.intern(workload.canonicalRevision),
                workloadName: names.intern(workload.workloadName), workloadType: workload.workloadType,
                tunnelProtocol: workload.tunnelProtocol, isReady: workload.isReady,
                isHostNetwork: workload.isHostNetwork, isPod: workload.isPod, waypointStatus: status,
                capacity: workload.capacity, identity: identity, addresses: addresses, waypoint: waypoint,
                applicationTunnel: workload.applicationTunnel,
                namespaceRules: binding.namespaceRules, selectorRules: binding.selectorRules,
                mutualTLSModes: binding.mutualTLSModes, inboundFingerprint: binding.fingerprint)
            workloads.records.append(record)
            workloads.uidSlots.insert(index.rawValue, hash: workload.uid.hashValue)
            if !workload.node.isEmpty { workloads.byNode[workload.node, default: []].append(index) }
        }
    }

    private mutating func addIdentity(of workload: Workload) -> IdentityIndex? {
        do {
            let identity = try SPIFFEID(
                trustDomain: TrustDomain(workload.trustDomain), namespace: workload.namespace,
                serviceAccount: workload.serviceAccount)
            workloads.identities.append(identity)
            return IdentityIndex(UInt32(workloads.identities.count - 1))
        } catch {
            return nil  // without identity: no mesh connection to it; Manifest reports the names
        }
    }
}
