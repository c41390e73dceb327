// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

/// Which Gateway this is, in one snapshot.
struct OwnPlace: Sendable {
    /// The Gateway; nil while it is not in the configuration or has no address: then nothing is served by HBONE.
    let waypoint: WaypointIndex?
    /// A pod of it, for locality and network; nil when there is none.
    let workload: WorkloadIndex?
    /// Whether applications are told the identity of clients.
    let tellsClientIdentity: Bool

    init(_ configuration: WaypointConfiguration, _ snapshot: MeshSnapshot) {
        var found: WaypointIndex?
        for position in snapshot.services.waypoints.indices {
            let record = snapshot.services.waypoints[position]
            guard snapshot[record.name] == configuration.name, snapshot[record.namespace] == configuration.namespace
            else { continue }
            found = WaypointIndex(UInt32(position))
        }
        waypoint = found
        tellsClientIdentity = found.map { snapshot[$0].tellsClientIdentity } ?? false
        var pod: WorkloadIndex?
        if let found {
            for position in 0..<snapshot.workloadCount {
                let workload = WorkloadIndex(UInt32(position))
                guard snapshot.isServer(workload, of: found) else { continue }
                let isOwn = snapshot[snapshot[workload].name] == configuration.podName
                if pod == nil || isOwn { pod = workload }
                if isOwn { break }
            }
        }
        workload = pod
    }
}
