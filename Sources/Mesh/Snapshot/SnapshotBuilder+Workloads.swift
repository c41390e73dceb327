// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity

extension SnapshotBuilder {
    /// Adds a workload at a new position.
    mutating func addWorkload(_ workload: Workload) {
        let position = workloads.records.count
        endpointCounts.append(0)
        writeWorkload(workload, at: position)
        insertUID(of: position)
        claimAddresses(of: position)
    }

    /// Writes what a workload says of itself, at its position, a vacant or a new one; `bindWorkload` writes the rest.
    mutating func writeWorkload(_ workload: Workload, at position: Int) {
        let index = WorkloadIndex(UInt32(position))
        let old = position < workloads.records.count ? workloads.records[position] : nil
        let namespace = names.intern(workload.namespace)
        let serviceAccount = names.intern(workload.serviceAccount)
        let source = WorkloadSource(labels: workload.labels, trustDomain: names.intern(workload.trustDomain))
        let record = WorkloadRecord(
            uid: place(workload.uid, at: old?.uid), name: place(workload.name, at: old?.name), namespace: namespace,
            serviceAccount: serviceAccount, node: names.intern(workload.node),
            region: names.intern(workload.locality.region), zone: names.intern(workload.locality.zone),
            subzone: names.intern(workload.locality.subzone), network: names.intern(workload.network),
            clusterID: names.intern(workload.clusterID), canonicalName: names.intern(workload.canonicalName),
            canonicalRevision: names.intern(workload.canonicalRevision),
            workloadName: names.intern(workload.workloadName), workloadType: workload.workloadType,
            tunnelProtocol: workload.tunnelProtocol, isReady: workload.isReady,
            isHostNetwork: workload.isHostNetwork, isPod: workload.isPod, capacity: workload.capacity,
            identity: identity(of: workload, source.trustDomain, namespace: namespace, serviceAccount: serviceAccount),
            addresses: writeAddresses(workload.addresses, at: old?.addresses ?? .empty),
            applicationTunnel: workload.applicationTunnel)
        let oldNode = old.map { $0.isVacant ? "" : names[$0.node] } ?? ""
        setNode(of: index, from: oldNode, to: workload.node)
        if old == nil {
            workloads.records.append(record)
            workloadSources.append(source)
        } else {
            workloads.records[position] = record
            workloadSources[position] = source
        }
        askedWaypoints[index] = workload.waypoint == .inherit ? nil : workload.waypoint
    }

    /// Writes what waypoints and policies say of a workload into its record.
    mutating func bindWorkload(_ position: Int) {
        let (waypoint, status) = waypoint(forWorkloadAt: WorkloadIndex(UInt32(position)))
        workloads.records[position].waypoint = waypoint
        workloads.records[position].waypointStatus = status
        writePolicies(position)
    }

    /// Writes what policies and peer authentications say of a workload into its record.
    mutating func writePolicies(_ position: Int) {
        let binding = binder.bind(
            labels: workloadSources[position].labels, namespace: names[workloads.records[position].namespace])
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
        of workload: Workload, _ trustDomain: NameIndex, namespace: NameIndex, serviceAccount: NameIndex
    ) -> IdentityIndex? {
        let key = IdentityKey(trustDomain: trustDomain, namespace: namespace, serviceAccount: serviceAccount)
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

    // MARK: What the tables say

    /// A workload as it was written.
    func workload(at position: Int) -> Workload {
        let record = workloads.records[position]
        var workload = Workload(
            uid: names[record.uid], name: names[record.name], namespace: names[record.namespace],
            addresses: record.addresses.positions.map { workloads.addresses[$0] })
        workload.serviceAccount = names[record.serviceAccount]
        workload.trustDomain = names[workloadSources[position].trustDomain]
        workload.node = names[record.node]
        workload.locality = Locality(
            region: names[record.region], zone: names[record.zone], subzone: names[record.subzone])
        workload.network = names[record.network]
        workload.clusterID = names[record.clusterID]
        workload.tunnelProtocol = record.tunnelProtocol
        workload.isReady = record.isReady
        workload.isHostNetwork = record.isHostNetwork
        workload.isPod = record.isPod
        workload.capacity = record.capacity
        workload.labels = workloadSources[position].labels
        workload.canonicalName = names[record.canonicalName]
        workload.canonicalRevision = names[record.canonicalRevision]
        workload.workloadType = record.workloadType
        workload.workloadName = names[record.workloadName]
        workload.waypoint = askedWaypoints[WorkloadIndex(UInt32(position))] ?? .inherit
        workload.applicationTunnel = record.applicationTunnel
        return workload
    }

    /// The endpoints of a service as they were told.
    func endpoints(of service: Int) -> [Endpoint] {
        endpointsByService[service].map { member in
            let uid = names[workloads.records[member.workload.position].uid]
            var endpoint = Endpoint(
                service: uniqueServices[service].key, workloadUID: uid, ports: member.ports, isReady: member.isReady)
            endpoint.isServing = member.isServing
            endpoint.isTerminating = member.isTerminating
            return endpoint
        }
    }
}
