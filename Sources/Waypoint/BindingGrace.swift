// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

/// Keeps serving for a moment what is not bound to this waypoint any more.
///
/// Tunnels and waypoints read the same configuration, each in its own time: a tunnel that has not yet seen that a label or the
/// Gateway is gone goes on sending requests, which must not be refused. Only what *was* bound is kept, so no client can
/// reach another service under the waypoint's identity.
///
/// Owned by the control thread.
struct BindingGrace {
    /// How long: tunnels apply a change within a second, and building a large mesh takes them about as long again.
    static let time = Nanoseconds.seconds(3)

    /// Keys that are there, and for how long those that are not any more are kept.
    private struct Lingering<Key: Hashable> {
        private var present: Set<Key> = []
        private(set) var deadlines: [Key: MonotonicTime] = [:]

        mutating func update(_ now: MonotonicTime, _ keys: Set<Key>) {
            for key in present.subtracting(keys) { deadlines[key] = now + BindingGrace.time }
            deadlines = deadlines.filter { now < $0.value && !keys.contains($0.key) }
            present = keys
        }
    }

    private let namespace: String
    private let name: String
    /// The Gateway as it was last.
    private var gateway: Waypoint?
    private var services = Lingering<ServiceKey>()
    private var workloads = Lingering<String>()

    /// For the Gateway that the waypoint serves.
    init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }

    /// When the mesh is to be asked for again; nil while nothing is kept.
    var deadline: MonotonicTime? {
        let times = Array(services.deadlines.values) + Array(workloads.deadlines.values)
        return times.min()
    }

    /// The mesh as it is to be served now, if that is more than `index` says: what was bound a moment ago is bound.
    ///
    /// - Parameter mesh: made from `index`.
    mutating func serving(_ index: MeshIndex, _ mesh: MeshSnapshot, now: MonotonicTime) -> MeshIndex? {
        let (namespace, name) = (namespace, name)
        let isOwn = { (waypoint: WaypointIndex?) -> Bool in
            guard let waypoint else { return false }
            let record = mesh[waypoint]
            return mesh[record.name] == name && mesh[record.namespace] == namespace
        }
        services.update(
            now,
            Set(
                mesh.services.records.filter { !$0.isVacant && isOwn($0.waypoint) }
                    .map { ServiceKey(namespace: mesh[$0.namespace], hostname: mesh[$0.hostname]) }))
        workloads.update(
            now, Set(mesh.workloadIndexes.filter { isOwn(mesh[$0].waypoint) }.map { mesh[mesh[$0].uid] }))
        let present = index.waypoint(namespace: namespace, name: name)
        if let present { gateway = present }
        guard deadline != nil, let gateway else { return nil }
        var result = index.model
        let binding = WaypointBinding.gateway(namespace: namespace, name: name)
        if present == nil { result.waypoints.append(gateway) }
        for index in result.services.indices where services.deadlines[result.services[index].key] != nil {
            result.services[index].waypoint = binding
        }
        for index in result.workloads.indices where workloads.deadlines[result.workloads[index].uid] != nil {
            result.workloads[index].waypoint = binding
        }
        return MeshIndex(result)
    }
}
