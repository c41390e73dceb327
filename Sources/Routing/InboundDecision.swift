// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Mesh

/// What to do with a connection that arrives for a pod of this node, before authorization is asked.
package enum InboundDecision: Equatable, Sendable {
    /// Authorize it for this destination, then connect there.
    case accept(InboundRoute)
    /// Refuse it.
    case reject(InboundRejection)
}

/// Where an inbound connection goes.
package struct InboundRoute: Equatable, Sendable {
    /// The pod's address and the port on it: what to authorize for and connect to.
    package let destination: SocketAddress
    /// The service that the peer addressed, as far as known.
    package let service: ServiceIndex?
    /// What a PROXY header before the payload names as the destination; nil when none is to be written.
    ///
    /// A proxy that takes such headers is connected to on the pod's loopback (ztunnel's `LOCALHOST_APP_TUNNEL`), so that nobody
    /// else can reach it with headers of their own.
    package let announced: SocketAddress?

    package init(destination: SocketAddress, service: ServiceIndex?, announced: SocketAddress? = nil) {
        self.destination = destination
        self.service = service
        self.announced = announced
    }
}

/// Why an inbound connection is refused.
package enum InboundRejection: Error, Equatable, Sendable {
    /// The request is no CONNECT.
    case notConnect
    /// The `:authority` is no host and port.
    case malformedAuthority
    /// The `:authority` is an address that neither is the pod's nor is served by it as a waypoint.
    case ipMismatch
    /// Nothing is known of the pod.
    case unknownWorkload
    /// The `:authority` names no service that the pod can see.
    case unknownHost
    /// The service does not say which port of the pod is meant.
    case noPort
    /// It would lead to the tunnel's own port.
    case selfCall

    /// The status that a CONNECT request is answered with; denied by policy is 401, a failure to connect 503.
    package var status: Int {
        switch self {
        case .notConnect, .malformedAuthority, .ipMismatch: 400
        case .unknownWorkload, .unknownHost, .noPort, .selfCall: 503
        }
    }
}

extension InboundRejection: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notConnect: "the method is not CONNECT"
        case .malformedAuthority: ":authority is not host:port"
        case .ipMismatch: ":authority is an address of another pod; is the sender's view of the mesh out of date?"
        case .unknownWorkload: "unknown destination workload; its Pod is not known (yet)"
        case .unknownHost: ":authority is no service that the pod can see"
        case .noPort: "the service has no such port, or does not say which port of the pod it is"
        case .selfCall: "a connection to the tunnel's own port"
        }
    }
}
