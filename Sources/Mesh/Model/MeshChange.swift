// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// How a mesh differs from the one before: what is new or another, and what is gone.
///
/// Whoever makes one (Manifest) may name elements that are as they were; they are found out by comparison. A workload that is
/// gone, or is another in what its endpoints depend on, comes with the endpoints of the services that it is behind.
/// Waypoints and namespaces do not change this way: then the mesh is made anew (`MeshUpdate.whole`).
package struct MeshChange: Sendable {
    /// The key of a policy.
    package struct PolicyKey: Hashable, Sendable {
        /// The object's namespace.
        package var namespace: String
        /// The object's name.
        package var name: String

        /// Puts the two together.
        package init(namespace: String, name: String) {
            self.namespace = namespace
            self.name = name
        }
    }

    /// Workloads by `uid`; nil for one that is gone.
    package var workloads: [String: Workload?] = [:]
    /// What the node must know about its own pods, by `uid` of the workload; nil when it need not know any more.
    package var enrollments: [String: Enrollment?] = [:]
    /// Services; nil for one that is gone.
    package var services: [ServiceKey: Service?] = [:]
    /// All endpoints of services that have others now.
    package var endpoints: [ServiceKey: [Endpoint]] = [:]
    /// Authorization policies; nil for one that is gone.
    package var authorizationPolicies: [PolicyKey: AuthorizationPolicy?] = [:]
    /// Peer authentications; nil for one that is gone.
    package var peerAuthentications: [PolicyKey: PeerAuthentication?] = [:]
    /// All routes, when any may be another now.
    package var routes: MeshRoutes?

    /// No difference.
    package init() {}

    /// Whether there is nothing in it.
    package var isEmpty: Bool {
        workloads.isEmpty && enrollments.isEmpty && services.isEmpty && endpoints.isEmpty
            && authorizationPolicies.isEmpty && peerAuthentications.isEmpty && routes == nil
    }
}

/// A new state of the mesh: as a whole, or as what has changed since the state before.
package enum MeshUpdate: Sendable {
    /// All of it.
    case whole(MeshModel)
    /// The difference.
    case change(MeshChange)
}
