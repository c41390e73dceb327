// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The newest state of the mesh, from which snapshots are made: a change costs what it changes, not what there is.
///
/// Owned by whoever publishes snapshots. A snapshot shares its tables with the index, which copies the pieces that it changes
/// (`ChunkedArray`). What a change leaves behind is cleared up by making the tables anew when it is as much as what counts.
package struct MeshIndex {
    /// Below this much there is nothing to gain by clearing up.
    private static let smallestGarbage = 4_096  // elements, some 200 KiB (our choice)

    /// The routes of this state; snapshots do not have them.
    package private(set) var routes: MeshRoutes
    private var builder: SnapshotBuilder
    /// The weight of the tables when they were made.
    private var weight: Int

    /// Indexes a model.
    ///
    /// - Complexity: linear in the size of the model (endpoints of a service with a routing preference are sorted).
    package init(_ model: MeshModel) {
        routes = model.routes
        builder = SnapshotBuilder(model)
        weight = builder.weight
    }

    /// Takes a new state of the mesh.
    ///
    /// - Returns: false when it is no other than the one before (of a whole one that is not found out).
    /// - Complexity: of a change, linear in what it names, the services that these workloads are behind, and the waypoints; of a
    ///   change of policies also in the policies and, with a small factor, in the workloads.
    package mutating func apply(_ update: MeshUpdate) -> Bool {
        switch update {
        case .whole(let model):
            self = MeshIndex(model)
            return true
        case .change(let change):
            let hasOtherRoutes = change.routes.map { $0 != routes } ?? false
            if hasOtherRoutes, let new = change.routes { routes = new }
            guard builder.apply(change) else { return hasOtherRoutes }
            if builder.weight > 2 * weight + Self.smallestGarbage { self = MeshIndex(model) }
            return true
        }
    }

    /// The state as decisions see it.
    ///
    /// - Parameter generation: counts up with every snapshot of a process.
    package func snapshot(generation: UInt64) -> MeshSnapshot {
        MeshSnapshot(builder, generation: generation)
    }

    /// The model that this state is of, in another order.
    ///
    /// - Complexity: linear in the size of the model.
    package var model: MeshModel {
        var model = builder.model
        model.routes = routes
        return model
    }

    /// A waypoint; nil when there is none of that name.
    package func waypoint(namespace: String, name: String) -> Waypoint? {
        builder.uniqueWaypoints.first { $0.namespace == namespace && $0.name == name }
    }

    /// The labels of all workloads.
    package var labels: WorkloadLabels { WorkloadLabels(sources: builder.workloadSources) }
}

/// The labels of a mesh's workloads: what of the index whoever compiles routes reads per endpoint.
package struct WorkloadLabels: Sendable {
    fileprivate let sources: ChunkedArray<SnapshotBuilder.WorkloadSource>

    /// The labels of a workload; none at a vacant place.
    package subscript(_ workload: WorkloadIndex) -> [String: String] { sources[workload.position].labels }
}

extension SnapshotBuilder {
    /// What grows with changes: what is used no more, what may be, and what counts as a measure for it.
    var weight: Int {
        garbage + workloads.records.count + uniqueServices.count + names.internedCount + identities.count
            + binder.setCount
    }

    /// The model that the tables are of, without routes.
    var model: MeshModel {
        var model = MeshModel(rootNamespaces: rootNamespaces)
        model.namespaces = namespaceWaypoints.map { MeshNamespace(name: $0.key, waypoint: $0.value) }
        model.workloads = workloads.records.indices.filter { !isVacant(workload: $0) }.map { workload(at: $0) }
        model.services = uniqueServices.filter { !$0.hostname.isEmpty }
        model.endpoints = uniqueServices.indices.flatMap { endpoints(of: $0) }
        model.waypoints = uniqueWaypoints
        model.authorizationPolicies = Array(policySources.authorizationPolicies.values)
        model.peerAuthentications = Array(policySources.peerAuthentications.values)
        model.enrollments = Array(enrollments.values)
        return model
    }
}
