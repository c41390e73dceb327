// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Identity

/// The services and waypoints of a snapshot and the ways to find them.
package struct ServiceTable: Sendable {
    /// The services, and places that are vacant.
    package var records = ChunkedArray<ServiceRecord>()
    /// Their virtual addresses.
    package var addresses = ChunkedArray<CIDR>()
    /// Their ports.
    package var ports = ChunkedArray<ServicePortRecord>()
    /// Their endpoints.
    package var endpoints = ChunkedArray<EndpointRecord>()
    /// The port mappings of endpoints.
    package var portMappings = ChunkedArray<PortMapping>()
    /// Their preferred scopes.
    package var scopes = ChunkedArray<LoadBalancing.Scope>()
    /// SPIFFE IDs that may answer for them.
    package var subjectAltNames: ContiguousArray<SPIFFEID> = []
    /// The waypoints.
    package var waypoints: ContiguousArray<WaypointRecord> = []

    /// Virtual addresses, each with the services that claim it.
    var virtualAddresses = ChunkedArray<Claim<CIDR>>()
    var virtualAddressSlots = HashSlots(count: 0)
    /// Prefix lengths of blocks of more than one address, longest first.
    var prefixLengthsIPv4: ContiguousArray<Int> = []
    var prefixLengthsIPv6: ContiguousArray<Int> = []
    /// Hostnames, each with the services that claim it.
    var hostnames = ChunkedArray<Claim<String>>()
    var hostnameSlots = HashSlots(count: 0)
    /// The services of all claims: within a claim those of the platform first, then by
    /// namespace and name.
    var claimants = ChunkedArray<ServiceIndex>()

    struct Claim<Key: Hashable & Sendable>: Sendable {
        var key: Key
        var claimants: IndexRange
    }

    /// The position in `virtualAddresses` of a block that somebody claims or has claimed.
    func claim(of block: CIDR) -> UInt32? {
        virtualAddressSlots.find(hash: block.hashValue) { virtualAddresses[Int($0)].key == block }
    }

    /// The position in `hostnames` of a hostname that somebody claims or has claimed.
    func claim(ofHostname hostname: String) -> UInt32? {
        hostnameSlots.find(hash: hostname.hashValue) { hostnames[Int($0)].key == hostname }
    }

    func claimants(of block: CIDR) -> IndexRange? {
        claim(of: block).map { virtualAddresses[Int($0)].claimants }
    }

    func claimants(ofHostname hostname: String) -> IndexRange? {
        claim(ofHostname: hostname).map { hostnames[Int($0)].claimants }
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
