// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What only waypoints read of a mesh.
package struct MeshRoutes: Equatable, Sendable {
    /// Routes of requests and connections.
    package var bindings: [RouteBinding] = []
    /// How requests reach the endpoints of services.
    package var destinationPolicies: [DestinationPolicy] = []

    /// None.
    package init() {}
}
