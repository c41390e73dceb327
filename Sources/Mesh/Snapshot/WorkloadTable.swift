// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Identity

/// The workloads of a snapshot and the ways to find them.
package struct WorkloadTable: Sendable {
    /// The workloads, and places that are vacant.
    package var records = ChunkedArray<WorkloadRecord>()
    /// Their addresses.
    package var addresses = ChunkedArray<IPAddress>()
    /// Their SPIFFE IDs, each once.
    package var identities = ChunkedArray<SPIFFEID>()
    /// Who owns each address that workloads are found by.
    var addressOwners = ChunkedArray<AddressOwner>()
    var addressSlots = HashSlots(count: 0)
    var uidSlots = HashSlots(count: 0)
    /// The workloads of each node.
    var byNode: [String: [WorkloadIndex]] = [:]
    /// Which workload serves which waypoint, in ascending order.
    var waypointServers: ContiguousArray<WaypointServer> = []

    struct AddressKey: Hashable, Sendable {
        var address: IPAddress
        var network: NameIndex
    }

    struct AddressOwner: Sendable {
        var key: AddressKey
        var workload: WorkloadIndex
    }

    struct WaypointServer: Hashable, Comparable, Sendable {
        var workload: UInt32
        var waypoint: UInt32

        static func < (left: Self, right: Self) -> Bool {
            (left.workload, left.waypoint) < (right.workload, right.waypoint)
        }
    }

    /// The position in `addressOwners` of an address; nil when nobody is found by it.
    func owner(of key: AddressKey) -> UInt32? {
        addressSlots.find(hash: key.hashValue) { addressOwners[Int($0)].key == key }
    }

    mutating func insert(_ position: UInt32, hash: Int, _ names: borrowing NamePool) {
        Self.insert(position, hash: hash, of: records, names.all, into: &uidSlots)
    }

    private static func insert(
        _ position: UInt32, hash: Int, of records: ChunkedArray<WorkloadRecord>, _ names: ChunkedArray<String>,
        into slots: inout HashSlots
    ) {
        slots.insert(position, hash: hash) { names[records[Int($0)].uid.position].hashValue }
    }

    mutating func remove(_ position: UInt32, hash: Int, _ names: borrowing NamePool) {
        Self.remove(position, hash: hash, of: records, names.all, from: &uidSlots)
    }

    private static func remove(
        _ position: UInt32, hash: Int, of records: ChunkedArray<WorkloadRecord>, _ names: ChunkedArray<String>,
        from slots: inout HashSlots
    ) {
        slots.remove(position, hash: hash) { names[records[Int($0)].uid.position].hashValue }
    }

    func find(_ address: IPAddress, network: NameIndex) -> WorkloadIndex? {
        owner(of: AddressKey(address: address, network: network)).map { addressOwners[Int($0)].workload }
    }
}
