// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// Which waypoint an object asks for: its label `istio.io/use-waypoint`.
package enum WaypointBinding: Hashable, Sendable {
    /// No label: what the namespace says.
    case inherit
    /// `none`: no waypoint, whatever the namespace says.
    case none
    /// A Gateway by name, in the namespace of `istio.io/use-waypoint-namespace` or else the object's own.
    case gateway(namespace: String, name: String)
}

/// A Gateway of a waypoint class that can take connections.
///
/// Left out of the model while it has no address: traffic then goes direct, as in Istio.
package struct Waypoint: Equatable, Sendable {
    /// What a waypoint is for: label `istio.io/waypoint-for`.
    package enum TrafficType: Equatable, Sendable {
        /// Traffic addressed to services (the default).
        case service
        /// Traffic addressed to workloads.
        case workload
        /// Both.
        case all
        /// Neither.
        case none
    }

    /// Where its proxies are found.
    package enum Destination: Equatable, Sendable {
        /// A service, one of whose endpoints is chosen.
        case service(ServiceKey)
        /// An address of a service or workload.
        case address(IPAddress)
    }

    /// Which namespaces may use it: the listener's `allowedRoutes.namespaces`, selectors resolved.
    package enum AllowedNamespaces: Equatable, Sendable {
        /// Its own (the default).
        case same
        /// Every one.
        case all
        /// These.
        case names(Set<String>)
    }

    /// The Gateway's namespace.
    package var namespace: String
    /// The Gateway's name.
    package var name: String
    /// What it is for.
    package var trafficType: TrafficType
    /// Where its proxies are found.
    package var destination: Destination
    /// The port they take HBONE on.
    package var hbonePort: UInt16
    /// Who may use it.
    package var allowedNamespaces: AllowedNamespaces
    /// Whether applications are told the identity of clients: annotation `ambient.istio.io/xfcc-include-client-identity`.
    package var tellsClientIdentity = false

    /// A service waypoint for its own namespace on port 15008; the rest is set afterwards.
    package init(namespace: String, name: String, destination: Destination) {
        self.namespace = namespace
        self.name = name
        self.destination = destination
        trafficType = .service
        hbonePort = 15008
        allowedNamespaces = .same
    }
}
