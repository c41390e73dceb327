// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity

extension SnapshotBuilder {
    /// Writes the record of a workload.
    mutating func writeWorkload(_ position: Int) {
        let workload = uniqueWorkloads[position]
        let index = WorkloadIndex(UInt32(position))
        let old = position < workloads.records.count ? workloads.records[position] : nil
        let binding = binder.bind(labels: workload.labels, namespace: workload.namespace)
        let namespace = names.intern(workload.namespace)
        let serviceAccount = names.intern(workload.serviceAccount)
        let identity = identity(of: workload, namespace: namespace, serviceAccount: serviceAccount)
        let (waypoint, status) = waypoint(for: workload, at: index)
        let record = WorkloadRecord(
            uid: place(workload.uid, at: old?.uid), name: place(workload.name, at: old?.name), namespace: namespace,
            serviceAccount: serviceAccount, node: names.intern(workload.node),
            region: names.intern(workload.locality.region), zone: names.intern(workload.locality.zone),
            subzone: names.intern(workload.locality.subzone), network: names.intern(workload.network),
            clusterID: names.intern(workload.clusterID), canonicalName: names.intern(workload.canonicalName),
            canonicalRevision: names.intern(workload.canonicalRevision),
            workloadName: names.intern(workload.workloadName), workloadType: workload.workloadType,
            tunnelProtocol: workload.tunnelProtocol, isReady: workload.isReady,
            isHostNetwork: workload.isHostNetwork, isPod: workload.isPod, waypointStatus: status,
            capacity: workload.capacity, identity: identity,
            addresses: writeAddresses(workload.addresses, at: old?.addresses ?? .empty), waypoint: waypoint,
            applicationTunnel: workload.applicationTunnel,
            namespaceRules: binding.namespaceRules, selectorRules: binding.selectorRules,
            mutualTLSModes: binding.mutualTLSModes, inboundFingerprint: binding.fingerprint)
        if old == nil { workloads.records.append(record) } else { workloads.records[position] = record }
        if old?.isVacant != false { setNode(of: index, from: "", to: workload.node) }
    }

    /// Writes what policies and peer authentications say of a workload into its record.
    mutating func writeBinding(_ position: Int) {
        let binding = binder.bind(
            labels: uniqueWorkloads[position].labels, namespace: uniqueWorkloads[position].namespace)
        workloads.records[position].namespaceRules = binding.namespaceRules
        workloads.records[position].selectorRules = binding.selectorRules
        workloads.records[position].mutualTLSModes = binding.mutualTLSModes
        workloads.records[position].inboundFingerprint = binding.fingerprint
    }

    mutating func setNode(of workload: WorkloadIndex, from old: String, to new: String) {
        guard old != new else { return }
        if !old.isEmpty {
            workloads.byNode[old]?.removeAll { $0 == workload }
            if workloads.byNode[old]?.isEmpty == true { workloads.byNode[old] = nil }
        }
        if !new.isEmpty { workloads.byNode[new, default: []].append(workload) }
    }

    private mutating func place(_ name: String, at old: NameIndex?) -> NameIndex {
        guard let old else { return names.append(name) }
        names.replace(old, with: name)
        return old
    }

    private mutating func writeAddresses(_ addresses: [IPAddress], at old: IndexRange) -> IndexRange {
        let isFitting = addresses.count <= Int(old.count)
        let start = isFitting ? Int(old.start) : workloads.addresses.count
        garbage += Int(old.count) - (isFitting ? addresses.count : 0)
        for (offset, address) in addresses.enumerated() {
            if !isFitting {
                workloads.addresses.append(address)
            } else if workloads.addresses[start + offset] != address {
                workloads.addresses[start + offset] = address
            }
        }
        return IndexRange(start: start, count: addresses.count)
    }

    private mutating func identity(
        of workload: Workload, namespace: NameIndex, serviceAccount: NameIndex
    ) -> IdentityIndex? {
        let key = IdentityKey(
            trustDomain: names.intern(workload.trustDomain), namespace: namespace, serviceAccount: serviceAccount)
        if let known = identities[key] { return known }
        let identity = addIdentity(of: workload)
        identities[key] = identity
        return identity
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
