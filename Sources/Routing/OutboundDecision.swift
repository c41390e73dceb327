// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Mesh

/// What to do with a connection that a pod of this node makes.
package enum OutboundDecision: Equatable, Sendable {
    /// Carry it by HBONE to the tunnel in front of its destination.
    case hbone(HBONERoute)
    /// Carry it by HBONE to a waypoint, which decides anew.
    case hboneViaWaypoint(HBONERoute)
    /// Connect to an endpoint that is not in the mesh, as plain TCP.
    case tcp(TCPRoute)
    /// Connect to where the pod wanted to, as plain TCP.
    case passthrough(SocketAddress, service: ServiceIndex?)
    /// Close it.
    case reject(OutboundRejection)
}

/// Where an HBONE connection goes, and what it asks for there.
package struct HBONERoute: Equatable, Sendable {
    /// What to connect to.
    package let nextHop: SocketAddress
    /// The `:authority` of the CONNECT request.
    package let authority: SocketAddress
    /// Who must answer.
    package let expected: ExpectedIdentities
    /// The workload at the next hop: it is the one that counts the connection, and to exclude when connecting fails.
    package let nextHopWorkload: WorkloadIndex
    /// The workload that the connection is for; nil when the waypoint is to choose.
    package let destination: WorkloadIndex?
    /// The service that the pod addressed.
    package let service: ServiceIndex?
    /// The waypoint at the next hop.
    package let waypoint: WaypointIndex?
}

/// Where a plain connection to an endpoint goes.
package struct TCPRoute: Equatable, Sendable {
    /// What to connect to.
    package let address: SocketAddress
    /// The workload there: it is the one that counts the connection, and to exclude when connecting fails.
    package let workload: WorkloadIndex
    /// The service that the pod addressed.
    package let service: ServiceIndex?
}

/// Why a connection of a pod is closed.
package enum OutboundRejection: Error, Equatable, Sendable {
    /// It goes to the tunnel's own port, on the loopback or on the pod's own address.
    case selfCall
    /// Nothing is known of the pod it comes from.
    case unknownSourceWorkload
    /// The destination has a waypoint, and no proxy of it takes connections.
    case unknownWaypoint(WaypointIndex)
    /// The service has no endpoint that takes connections on this port.
    case noHealthyUpstream(ServiceIndex)
    /// Connecting failed to every endpoint that there is.
    case noOtherEndpoint
    /// The destination's names make no SPIFFE ID, so nobody can prove to be it.
    case noIdentity(WorkloadIndex)
}

extension MeshSnapshot {
    /// Why a connection is closed, for an operator.
    package func description(of rejection: OutboundRejection) -> String {
        switch rejection {
        case .selfCall: "a connection of a pod to the tunnel's own port in that pod"
        case .unknownSourceWorkload: "unknown source workload; its Pod is not known (yet)"
        case .unknownWaypoint(let waypoint): "no ready proxy of waypoint \(description(of: waypoint))"
        case .noHealthyUpstream(let service):
            "no healthy upstream: no ready endpoint of \(self[self[service].hostname])"
        case .noOtherEndpoint: "connecting failed and there is no other endpoint"
        case .noIdentity(let workload): "the names of workload \(description(of: workload)) make no SPIFFE ID"
        }
    }
}
