// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Mesh

/// What a WorkloadEntry, or an endpoint of a ServiceEntry, says.
package struct WorkloadEntryObject: Equatable, Sendable {
    /// The address; nil when it is a hostname or a socket path, which the mesh does not reach.
    package var address: IPAddress?
    /// Ports by the names of the service's ports.
    package var ports: [String: UInt16] = [:]
    /// Its labels (`spec.labels`).
    package var labels: [String: String] = [:]
    /// The network; empty is a name too.
    package var network = ""
    /// `region/zone/subzone`.
    package var locality = Locality()
    /// Its share of connections; 0 in an object means 1 (Istio).
    package var weight: UInt32 = 1
    /// The service account.
    package var serviceAccount = "default"
}

/// What a ServiceEntry says, as far as the mesh wants to know.
package struct ServiceEntryObject: Equatable, Sendable {
    /// How its addresses are found.
    package enum Resolution: Equatable, Sendable {
        /// Connections go where the client sent them.
        case none
        /// Its endpoints.
        case `static`
        /// By DNS, which the mesh does not do.
        case dns
    }

    /// A TCP port.
    package struct Port: Equatable, Sendable {
        /// The name.
        package var name = ""
        /// The port clients connect to.
        package var number: UInt16
        /// The port on the endpoints; nil when it is the same.
        package var targetPort: UInt16?
        /// What clients speak, by `protocol` or the name.
        package var applicationProtocol = ApplicationProtocol.undeclared
    }

    /// The hosts it stands for.
    package var hosts: [String] = []
    /// Virtual addresses, of all hosts.
    package var addresses: [CIDR] = []
    /// TCP ports.
    package var ports: [Port] = []
    /// How its addresses are found.
    package var resolution = Resolution.none
    /// Endpoints written in the object.
    package var endpoints: [WorkloadEntryObject] = []
    /// Labels of the pods and workload entries behind it; nil when `endpoints` count.
    package var workloadSelector: [String: String]?
    /// Identities that may answer for it.
    package var subjectAltNames: [String] = []
    /// Who may use it.
    package var visibility = ServiceVisibility.mesh
    /// Labels of the object that choose a waypoint stay in its metadata.
    package init() {}
}
