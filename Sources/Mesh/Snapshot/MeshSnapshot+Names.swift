// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Identity

extension MeshSnapshot {
    /// A name.
    @inlinable
    package subscript(name: NameIndex) -> String { names[name.position] }

    /// A workload.
    @inlinable
    package subscript(workload: WorkloadIndex) -> WorkloadRecord { workloads.records[workload.position] }

    /// A service.
    @inlinable
    package subscript(service: ServiceIndex) -> ServiceRecord { services.records[service.position] }

    /// A waypoint.
    @inlinable
    package subscript(waypoint: WaypointIndex) -> WaypointRecord { services.waypoints[waypoint.position] }

    /// A SPIFFE ID.
    @inlinable
    package subscript(identity: IdentityIndex) -> SPIFFEID { workloads.identities[identity.position] }

    /// The SPIFFE ID of a workload; nil when its names make none.
    package func identity(of workload: WorkloadIndex) -> SPIFFEID? {
        guard let identity = self[workload].identity else { return nil }
        return self[identity]
    }

    /// `namespace/name` of an authorization policy.
    package func description(of policy: PolicyIndex) -> String {
        let record = policies.records[policy.position]
        return "\(self[record.namespace])/\(self[record.name])"
    }

    /// `namespace/name` of a peer authentication.
    package func description(of peerAuthentication: PeerAuthenticationIndex) -> String {
        let record = policies.peerAuthentications[peerAuthentication.position]
        return "\(self[record.namespace])/\(self[record.name])"
    }

    /// `namespace/name` of a waypoint.
    package func description(of waypoint: WaypointIndex) -> String {
        "\(self[self[waypoint].namespace])/\(self[self[waypoint].name])"
    }

    /// `namespace/name` of a workload.
    package func description(of workload: WorkloadIndex) -> String {
        "\(self[self[workload].namespace])/\(self[self[workload].name])"
    }
}
