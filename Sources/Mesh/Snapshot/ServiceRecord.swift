// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A service as decisions see it: numbers only.
package struct ServiceRecord: Sendable {
    /// Whether nothing is here (any more): no look-up leads to it.
    package internal(set) var isVacant = false
    /// The object's name.
    package let name: NameIndex
    /// The object's namespace.
    package let namespace: NameIndex
    /// The hostname, in lower case.
    package let hostname: NameIndex
    /// Its virtual addresses as its object lists them, in `ServiceTable.addresses`.
    package internal(set) var addresses: IndexRange
    /// Its ports, ascending, in `ServiceTable.ports`.
    package internal(set) var ports: IndexRange
    /// All its endpoints, in `ServiceTable.endpoints`: first those that take connections, then the others.
    package internal(set) var endpoints: IndexRange
    /// How many endpoints, from the first, take connections.
    package internal(set) var eligibleCount: UInt32
    /// Whether capacities of its endpoints differ.
    package internal(set) var isWeighted: Bool
    /// What to do with the preference.
    package let mode: LoadBalancing.Mode
    /// The preferred scopes, in `ServiceTable.scopes`; eligible endpoints are sorted by what they say of these.
    package internal(set) var scopes: IndexRange
    /// Which addresses of endpoints it uses.
    package let ipFamilies: IPFamilies
    /// Who may use it.
    package let visibility: ServiceVisibility
    /// Whether it comes from the platform.
    package let isCanonical: Bool
    /// Why it has the waypoint it has.
    package internal(set) var waypointStatus: WaypointStatus
    /// The waypoint that traffic addressed to it goes through.
    package internal(set) var waypoint: WaypointIndex?
    /// SPIFFE IDs that may answer for it besides those of its workloads, in `ServiceTable.subjectAltNames`.
    package internal(set) var subjectAltNames: IndexRange
}

/// One port of a service.
package struct ServicePortRecord: Sendable {
    /// The port's name.
    package let name: NameIndex
    /// The port clients connect to.
    package let servicePort: UInt16
    /// The port on the workload; nil when each endpoint says.
    package let targetPort: UInt16?
    /// What its clients speak.
    package let applicationProtocol: ApplicationProtocol
}

/// A workload behind a service.
package struct EndpointRecord: Sendable {
    /// The workload.
    package let workload: WorkloadIndex
    /// Its own port mappings, ascending by service port, in `ServiceTable.portMappings`.
    package let ports: IndexRange
    /// The sum of the capacities of the service's endpoints up to this one.
    package let cumulativeCapacity: UInt64
}

/// The port on a workload for a port of a service.
package struct PortMapping: Hashable, Sendable {
    /// The port clients connect to.
    package let servicePort: UInt16
    /// The port on the workload.
    package let targetPort: UInt16
}

/// A waypoint as decisions see it: numbers only.
package struct WaypointRecord: Sendable {
    /// Where its proxies are found.
    package enum Destination: Equatable, Sendable {
        /// Behind a service.
        case service(ServiceIndex)
        /// At an address of one workload.
        case workload(WorkloadIndex)
        /// Nowhere in the mesh.
        case unresolved
    }

    /// The Gateway's namespace.
    package let namespace: NameIndex
    /// The Gateway's name.
    package let name: NameIndex
    /// Where its proxies are found.
    package let destination: Destination
    /// The port they take HBONE on.
    package let hbonePort: UInt16
    /// Whether applications are told the identity of clients.
    package let tellsClientIdentity: Bool
}
