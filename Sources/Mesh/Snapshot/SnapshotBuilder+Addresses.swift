// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

// Which workload is found by an address: of several the better, by `isBetter`, whatever the order in which they came.
extension SnapshotBuilder {
    mutating func claimAddresses(of position: Int) {
        let record = workloads.records[position]
        guard !record.isHostNetwork else { return }
        networks.insert(names[record.network])
        for place in record.addresses.positions {
            own(.init(address: workloads.addresses[place], network: record.network), WorkloadIndex(UInt32(position)))
        }
    }

    /// Undoes `claimAddresses` for a workload that is as it was then.
    mutating func disclaimAddresses(of position: Int) {
        let record = workloads.records[position]
        guard !record.isHostNetwork else { return }
        for place in record.addresses.positions {
            disown(.init(address: workloads.addresses[place], network: record.network), WorkloadIndex(UInt32(position)))
        }
    }

    private mutating func own(_ key: WorkloadTable.AddressKey, _ workload: WorkloadIndex) {
        guard let known = workloads.owner(of: key) else {
            let position = UInt32(workloads.addressOwners.count)
            workloads.addressOwners.append(.init(key: key, workload: workload))
            Self.insert(position, of: workloads.addressOwners, into: &workloads.addressSlots)
            return
        }
        let owner = workloads.addressOwners[Int(known)].workload
        if owner == workload { return }
        rivals[key, default: [owner]].insert(workload)
        if isBetter(workload, than: owner) { workloads.addressOwners[Int(known)].workload = workload }
    }

    private mutating func disown(_ key: WorkloadTable.AddressKey, _ workload: WorkloadIndex) {
        guard let known = workloads.owner(of: key) else { return }
        let owner = workloads.addressOwners[Int(known)].workload
        if rivals[key] != nil {
            rivals[key]?.remove(workload)
            guard let left = rivals[key], let first = left.first else { return }
            if left.count == 1 { rivals[key] = nil }
            guard owner == workload else { return }
            workloads.addressOwners[Int(known)].workload = left.reduce(first) { isBetter($1, than: $0) ? $1 : $0 }
        } else if owner == workload {
            Self.remove(known, of: workloads.addressOwners, from: &workloads.addressSlots)
            let last = workloads.addressOwners.removeLast()
            guard Int(known) < workloads.addressOwners.count else { return }
            workloads.addressSlots.replace(
                UInt32(workloads.addressOwners.count), with: known, hash: last.key.hashValue)
            workloads.addressOwners[Int(known)] = last
        }
    }

    private static func insert(
        _ position: UInt32, of owners: ChunkedArray<WorkloadTable.AddressOwner>, into slots: inout HashSlots
    ) {
        slots.insert(position, hash: owners[Int(position)].key.hashValue) { owners[Int($0)].key.hashValue }
    }

    private static func remove(
        _ position: UInt32, of owners: ChunkedArray<WorkloadTable.AddressOwner>, from slots: inout HashSlots
    ) {
        slots.remove(position, hash: owners[Int(position)].key.hashValue) { owners[Int($0)].key.hashValue }
    }

    /// Who keeps an address that several claim: captured pods, pods, captured others, the rest (ztunnel behaviour); of equal
    /// ones the least `uid`.
    private func isBetter(_ one: WorkloadIndex, than other: WorkloadIndex) -> Bool {
        let (left, right) = (rank(one), rank(other))
        if left != right { return left > right }
        return names[workloads.records[one.position].uid] < names[workloads.records[other.position].uid]
    }

    private func rank(_ workload: WorkloadIndex) -> Int {
        let record = workloads.records[workload.position]
        return (record.isPod ? 2 : 0) + (record.tunnelProtocol == .hbone ? 1 : 0)
    }
}
