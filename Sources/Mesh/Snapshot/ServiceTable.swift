// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Identity

/// The services and waypoints of a snapshot and the ways to find them.
package struct ServiceTable: Sendable {
    /// The services.
    package var records: ContiguousArray<ServiceRecord> = []
    /// Their virtual addresses.
    package var addresses: ContiguousArray<CIDR> = []
    /// Their ports.
    package var ports: ContiguousArray<ServicePortRecord> = []
    /// Their endpoints.
    package var endpoints: ContiguousArray<EndpointRecord> = []
    /// The port mappings of endpoints.
    package var portMappings: ContiguousArray<PortMapping> = []
    /// Their preferred scopes.
    package var scopes: ContiguousArray<LoadBalancing.Scope> = []
    /// SPIFFE IDs that may answer for them.
    package var subjectAltNames: ContiguousArray<SPIFFEID> = []
    /// The waypoints.
    package var waypoints: ContiguousArray<WaypointRecord> = []

    /// Virtual addresses, each with the services that claim it.
    var virtualAddresses: ContiguousArray<Claim<CIDR>> = []
    var virtualAddressSlots = HashSlots(count: 0)
    /// Prefix lengths of blocks of more than one address, longest first.
    var prefixLengthsIPv4: ContiguousArray<Int> = []
    var prefixLengthsIPv6: ContiguousArray<Int> = []
    /// Hostnames, each with the services that claim it.
    var hostnames: ContiguousArray<Claim<String>> = []
    var hostnameSlots = HashSlots(count: 0)
    /// The services of all claims: within a claim those of the platform first, then in the order of the model.
    var claimants: ContiguousArray<ServiceIndex> = []

    struct Claim<Key: Hashable & Sendable>: Sendable {
        var key: Key
        var claimants: IndexRange
    }

    func claimants(of block: CIDR) -> IndexRange? {
        let claim = virtualAddressSlots.find(hash: block.hashValue) { position in
            virtualAddresses[Int(position)].key == block
        }
        guard let claim else { return nil }
        return virtualAddresses[Int(claim)].claimants
    }

    func claimants(ofHostname hostname: String) -> IndexRange? {
        let claim = hostnameSlots.find(hash: hostname.hashValue) { hostnames[Int($0)].key == hostname }
        guard let claim else { return nil }
        return hostnames[Int(claim)].claimants
    }

    /// Of several services: the one in `namespace`, else the first that everyone may use.
    func best(of candidates: IndexRange, for namespace: NameIndex) -> (service: ServiceIndex, isOwn: Bool)? {
        var other: ServiceIndex?
        for position in candidates.positions {
            let service = claimants[position]
            let record = records[service.position]
            if record.namespace == namespace { return (service, true) }
            if other == nil, record.visibility == .mesh { other = service }
        }
        guard let other else { return nil }
        return (other, false)
    }
}
