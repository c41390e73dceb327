// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// One state of the mesh, indexed for decisions; never changes once made.
///
/// Decisions refer to things by position (`WorkloadIndex` and so on). A position is meaningful in its own snapshot only:
/// what outlives a snapshot is found again by `counterpart(of:in:)`.
///
/// ## Concurrency model
/// Immutable after `init`: any number of threads read it. Workers get it through their mailbox and let go of it at the
/// next one; the last to let go frees it. Freeing a large one takes milliseconds, so the thread that publishes snapshots
/// keeps the previous one until the workers have moved on.
package final class MeshSnapshot: Sendable {
    /// Which state this is; higher is later.
    package let generation: UInt64
    /// Every name in the snapshot, each once.
    package let names: ChunkedArray<String>
    /// The workloads.
    package let workloads: WorkloadTable
    /// The services and waypoints.
    package let services: ServiceTable
    /// The compiled policies.
    package let policies: PolicyTable
    private let enrollments: [WorkloadIndex: Enrollment]

    /// Indexes a model.
    ///
    /// - Parameter generation: counts up with every snapshot of a process.
    /// - Complexity: linear in the size of the model (endpoints of a service with a routing preference are sorted).
    package convenience init(_ model: MeshModel, generation: UInt64) {
        self.init(SnapshotBuilder(model), generation: generation)
    }

    /// What a builder has made; it copies what it changes from now on.
    init(_ builder: borrowing SnapshotBuilder, generation: UInt64) {
        self.generation = generation
        names = builder.names.all
        workloads = builder.workloads
        services = builder.services
        policies = builder.policies
        enrollments = builder.enrollments
    }

    /// A mesh of nothing, for the time before the first model.
    package convenience init() {
        self.init(MeshModel(), generation: 0)
    }
}

// MARK: - Finding workloads

extension MeshSnapshot {
    /// `WorkloadIndex` runs from 0 to this; some of these positions may be vacant.
    package var workloadCount: Int { workloads.records.count }

    /// The positions of all workloads.
    package var workloadIndexes: some Sequence<WorkloadIndex> {
        workloads.records.indices.lazy.filter { !self.workloads.records[$0].isVacant }.map { WorkloadIndex(UInt32($0)) }
    }

    /// The workload that has an address, as seen from another workload's network.
    ///
    /// Where addresses overlap: a captured pod before another pod, before another captured workload, before the rest.
    /// Host-network pods are never found: their address is their node's.
    ///
    /// - Complexity: O(1); does not allocate.
    package func workload(at address: IPAddress, seenFrom source: WorkloadIndex) -> WorkloadIndex? {
        workloads.find(address, network: workloads.records[source.position].network)
    }

    /// The workload with a `uid`.
    ///
    /// - Complexity: O(1); does not allocate.
    package func workload(uid: String) -> WorkloadIndex? {
        let position = workloads.uidSlots.find(hash: uid.hashValue) { position in
            names[workloads.records[Int(position)].uid.position] == uid
        }
        guard let position else { return nil }
        return WorkloadIndex(position)
    }

    /// The workloads of a node, host-network pods included.
    package func workloads(onNode node: String) -> [WorkloadIndex] {
        workloads.byNode[node] ?? []
    }

    /// The workload of another snapshot that has the same `uid`; nil when there is none there.
    ///
    /// - Complexity: O(1); does not allocate; fastest when the position is the same in both.
    package func counterpart(of workload: WorkloadIndex, in other: MeshSnapshot) -> WorkloadIndex? {
        let uid = names[workloads.records[workload.position].uid.position]
        if workload.position < other.workloads.records.count,
            other.names[other.workloads.records[workload.position].uid.position] == uid
        {
            return workload
        }
        return other.workload(uid: uid)
    }

    /// What the node must know to capture the workload; nil when the model says nothing.
    package func enrollment(of workload: WorkloadIndex) -> Enrollment? {
        enrollments[workload]
    }

    /// Whether the workload is one of the waypoint's proxies, ready or not.
    ///
    /// - Complexity: O(log n) in the number of all waypoint proxies.
    package func isServer(_ workload: WorkloadIndex, of waypoint: WaypointIndex) -> Bool {
        let wanted = WorkloadTable.WaypointServer(workload: workload.rawValue, waypoint: waypoint.rawValue)
        var low = 0
        var high = workloads.waypointServers.count
        while low < high {
            let middle = (low + high) / 2
            if workloads.waypointServers[middle] < wanted { low = middle + 1 } else { high = middle }
        }
        return low < workloads.waypointServers.count && workloads.waypointServers[low] == wanted
    }
}
