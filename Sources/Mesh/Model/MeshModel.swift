// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Everything the mesh consists of, translated from its objects: what `MeshSnapshot` is built from.
///
/// A plain value: whoever translates (Manifest) fills the arrays in any order, references go by name, and a reference
/// to something absent is no error (an endpoint of an unknown workload is ignored, a waypoint that is unknown is not
/// used). When two elements have the same key the first one counts.
package struct MeshModel: Equatable, Sendable {
    /// The namespaces whose policies hold for the whole mesh (design: `ambit-system` and `istio-system`).
    package var rootNamespaces: Set<String>
    /// Namespaces that say something; one that is absent says nothing.
    package var namespaces: [MeshNamespace] = []
    /// Pods, workload entries, and the endpoints that no pod stands behind.
    package var workloads: [Workload] = []
    /// Services and service entries.
    package var services: [Service] = []
    /// Which workloads stand behind which service.
    package var endpoints: [Endpoint] = []
    /// Gateways of a waypoint class that have an address.
    package var waypoints: [Waypoint] = []
    /// Authorization policies that the node enforces (those with `targetRefs` belong to waypoints and are left out).
    package var authorizationPolicies: [AuthorizationPolicy] = []
    /// Peer authentications.
    package var peerAuthentications: [PeerAuthentication] = []
    /// What the node must know about its own pods to capture them.
    package var enrollments: [Enrollment] = []
    /// What waypoints read.
    package var routes = MeshRoutes()

    /// An empty mesh.
    package init(rootNamespaces: Set<String> = ["ambit-system", "istio-system"]) {
        self.rootNamespaces = rootNamespaces
    }
}
