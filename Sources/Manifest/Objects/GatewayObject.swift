// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// What a Gateway says, as far as the mesh wants to know.
package struct GatewayObject: Equatable, Sendable {
    /// Which namespaces its HBONE listener admits (`allowedRoutes.namespaces`).
    package enum AllowedNamespaces: Equatable, Sendable {
        case same
        case all
        case selected(LabelSelector)
    }

    /// An entry of `status.addresses`.
    package enum Address: Equatable, Sendable {
        case ip(IPAddress)
        case hostname(String)
    }

    /// `spec.gatewayClassName`.
    package var className = ""
    /// The port of the listener with protocol HBONE; nil when there is none.
    package var hbonePort: UInt16?
    /// Who may use it.
    package var allowedNamespaces = AllowedNamespaces.same
    /// `status.addresses`.
    package var addresses: [Address] = []

    /// Whether the class is one of a waypoint.
    package var isWaypoint: Bool { className == "ambit-waypoint" || className == "istio-waypoint" }
}
