// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Identity

/// The workloads of a snapshot and the ways to find them.
package struct WorkloadTable: Sendable {
    /// The workloads.
    package var records: ContiguousArray<WorkloadRecord> = []
    /// Their addresses.
    package var addresses: ContiguousArray<IPAddress> = []
    /// Their SPIFFE IDs, each once.
    package var identities: ContiguousArray<SPIFFEID> = []
    /// Who owns each address that workloads are found by.
    var addressOwners: ContiguousArray<AddressOwner> = []
    var addressSlots = HashSlots(count: 0)
    var uidSlots = HashSlots(count: 0)
    /// The workloads of each node.
    var byNode: [String: [WorkloadIndex]] = [:]
    /// Which workload serves which waypoint, in ascending order.
    var waypointServers: ContiguousArray<WaypointServer> = []

    struct AddressOwner: Sendable {
        var address: IPAddress
        var network: NameIndex
        var workload: WorkloadIndex
    }

    struct WaypointServer: Hashable, Comparable, Sendable {
        var workload: UInt32
        var waypoint: UInt32

        static func < (left: Self, right: Self) -> Bool {
            (left.workload, left.waypoint) < (right.workload, right.waypoint)
        }
    }

    static func hash(_ address: IPAddress, network: NameIndex) -> Int {
        var hasher = Hasher()
        hasher.combine(address)
        hasher.combine(network)
        return hasher.finalize()
    }

    func find(_ address: IPAddress, network: NameIndex) -> WorkloadIndex? {
        let owner = addressSlots.find(hash: Self.hash(address, network: network)) { position in
            addressOwners[Int(position)].address == address && addressOwners[Int(position)].network == network
        }
        guard let owner else { return nil }
        return addressOwners[Int(owner)].workload
    }
}
