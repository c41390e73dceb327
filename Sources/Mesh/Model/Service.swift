// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// The key of a service: a hostname may exist once in each namespace.
package struct ServiceKey: Hashable, Sendable {
    /// The namespace.
    package var namespace: String
    /// The full hostname (`reviews.default.svc.cluster.local`, or a host of a ServiceEntry).
    package var hostname: String

    /// Puts the two together.
    package init(namespace: String, hostname: String) {
        self.namespace = namespace
        self.hostname = hostname
    }
}

/// A name and virtual addresses with workloads behind them: a Service, or one host of a ServiceEntry.
package struct Service: Equatable, Sendable {
    /// The object's name.
    package var name: String
    /// The object's namespace.
    package var namespace: String
    /// The full hostname; compared without regard to ASCII case.
    package var hostname: String
    /// Virtual addresses; a block of one is a plain address, others match every address in them.
    package var vips: [CIDR]
    /// The ports it serves.
    package var ports: [ServicePort]
    /// SPIFFE IDs that may answer for it besides those of its workloads; what is no SPIFFE ID is ignored.
    package var subjectAltNames: [String]
    /// The waypoint its object asks for.
    package var waypoint: WaypointBinding
    /// Which endpoints are preferred.
    package var loadBalancing: LoadBalancing
    /// Whether endpoints that are not ready take connections too (`publishNotReadyAddresses`).
    package var publishNotReadyAddresses: Bool
    /// Which family of endpoint addresses it uses.
    package var ipFamilies: IPFamilies
    /// Whether it comes from the platform itself (a Service): ranks before others that claim the same address or host.
    package var isCanonical: Bool
    /// Who may use it.
    package var visibility: ServiceVisibility

    /// A service of a given name without addresses and ports; the rest is set afterwards.
    package init(name: String, namespace: String, hostname: String) {
        self.name = name
        self.namespace = namespace
        self.hostname = hostname
        vips = []
        ports = []
        subjectAltNames = []
        waypoint = .inherit
        loadBalancing = .standard
        publishNotReadyAddresses = false
        ipFamilies = .automatic
        isCanonical = true
        visibility = .mesh
    }

    /// The key.
    package var key: ServiceKey { ServiceKey(namespace: namespace, hostname: hostname) }
}

/// One port of a service.
package struct ServicePort: Equatable, Sendable {
    /// The port's name; empty when it has none.
    package var name: String
    /// The port clients connect to.
    package var servicePort: UInt16
    /// The port on the workload; nil when each endpoint says (a named `targetPort`).
    package var targetPort: UInt16?
    /// What its clients speak.
    package var applicationProtocol: ApplicationProtocol

    /// Puts the parts together.
    package init(
        name: String = "", servicePort: UInt16, targetPort: UInt16?,
        applicationProtocol: ApplicationProtocol = .undeclared
    ) {
        self.name = name
        self.servicePort = servicePort
        self.targetPort = targetPort
        self.applicationProtocol = applicationProtocol
    }
}

/// The address families a service uses to reach its endpoints.
package enum IPFamilies: Equatable, Sendable {
    /// Whatever the endpoints have.
    case automatic
    /// IPv4 only.
    case ipv4
    /// IPv6 only.
    case ipv6
    /// Both.
    case dual
}

/// Who may use a service (`exportTo`).
package enum ServiceVisibility: Equatable, Sendable {
    /// Every namespace.
    case mesh
    /// Only its own namespace.
    case namespace
}
