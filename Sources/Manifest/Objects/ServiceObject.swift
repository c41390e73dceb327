// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Mesh

/// What a Service says, as far as the mesh wants to know.
package struct ServiceObject: Equatable, Sendable {
    /// A TCP port.
    package struct Port: Equatable, Sendable {
        /// The name; empty when it has none.
        package var name = ""
        /// The port clients connect to.
        package var port: UInt16
        /// `targetPort` as a number; nil when it is a name.
        package var targetPort: UInt16?
        /// `targetPort` as the name of a container port.
        package var targetPortName = ""
        /// `appProtocol`; nil when it says nothing that we know.
        package var applicationProtocol: ApplicationProtocol?
    }

    /// `spec.clusterIPs`, or `spec.clusterIP`; empty for a headless service.
    package var clusterIPs: [IPAddress] = []
    /// TCP ports.
    package var ports: [Port] = []
    /// Labels of its pods; empty when its endpoints are maintained otherwise.
    package var selector: [String: String] = [:]
    /// `spec.publishNotReadyAddresses`.
    package var publishNotReadyAddresses = false
    /// `spec.internalTrafficPolicy: Local`, `spec.trafficDistribution`, or the annotation of the latter's name.
    package var loadBalancing = LoadBalancing.standard
    /// `spec.ipFamilies`.
    package var ipFamilies = IPFamilies.automatic
    /// `spec.type: ExternalName`: an alias in DNS, nothing the mesh carries.
    package var isExternalName = false
}
