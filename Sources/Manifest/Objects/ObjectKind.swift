// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The kinds of object that the mesh reads, each in every version of its API group.
package enum ObjectKind: UInt8, CaseIterable, Hashable, Sendable, Comparable {
    case namespace
    case node
    case pod
    case service
    case endpointSlice
    case serviceAccount
    case secret
    case configMap
    case gatewayClass
    case gateway
    case httpRoute
    case grpcRoute
    case tcpRoute
    case tlsRoute
    case referenceGrant
    case backendTLSPolicy
    case authorizationPolicy
    case peerAuthentication
    case requestAuthentication
    case virtualService
    case destinationRule
    case serviceEntry
    case workloadEntry
    case telemetry
    case trafficSplit
    case serviceProfile

    /// The API group; empty for the core group.
    package var group: String {
        switch self {
        case .namespace, .node, .pod, .service, .serviceAccount, .secret, .configMap: ""
        case .endpointSlice: "discovery.k8s.io"
        case .gatewayClass, .gateway, .httpRoute, .grpcRoute, .tcpRoute, .tlsRoute, .referenceGrant, .backendTLSPolicy:
            "gateway.networking.k8s.io"
        case .authorizationPolicy, .peerAuthentication, .requestAuthentication: "security.istio.io"
        case .virtualService, .destinationRule, .serviceEntry, .workloadEntry: "networking.istio.io"
        case .telemetry: "telemetry.istio.io"
        case .trafficSplit: "split.smi-spec.io"
        case .serviceProfile: "linkerd.io"
        }
    }

    /// The name as manifests write it.
    package var name: String {
        switch self {
        case .namespace: "Namespace"
        case .node: "Node"
        case .pod: "Pod"
        case .service: "Service"
        case .endpointSlice: "EndpointSlice"
        case .serviceAccount: "ServiceAccount"
        case .secret: "Secret"
        case .configMap: "ConfigMap"
        case .gatewayClass: "GatewayClass"
        case .gateway: "Gateway"
        case .httpRoute: "HTTPRoute"
        case .grpcRoute: "GRPCRoute"
        case .tcpRoute: "TCPRoute"
        case .tlsRoute: "TLSRoute"
        case .referenceGrant: "ReferenceGrant"
        case .backendTLSPolicy: "BackendTLSPolicy"
        case .authorizationPolicy: "AuthorizationPolicy"
        case .peerAuthentication: "PeerAuthentication"
        case .requestAuthentication: "RequestAuthentication"
        case .virtualService: "VirtualService"
        case .destinationRule: "DestinationRule"
        case .serviceEntry: "ServiceEntry"
        case .workloadEntry: "WorkloadEntry"
        case .telemetry: "Telemetry"
        case .trafficSplit: "TrafficSplit"
        case .serviceProfile: "ServiceProfile"
        }
    }

    /// Whether objects of the kind stand in no namespace.
    package var isClusterScoped: Bool { self == .namespace || self == .node || self == .gatewayClass }

    /// Whether an object that cannot be understood takes effect all the same, in its strictest form.
    package var failsClosed: Bool { self == .authorizationPolicy || self == .peerAuthentication }

    /// Whether only a waypoint reads what such an object says; the tunnel passes over it.
    package var isForWaypoints: Bool {
        switch self {
        case .gatewayClass, .httpRoute, .grpcRoute, .tcpRoute, .tlsRoute, .referenceGrant, .backendTLSPolicy,
            .requestAuthentication, .virtualService, .destinationRule, .telemetry, .trafficSplit, .serviceProfile:
            true
        case .namespace, .node, .pod, .service, .endpointSlice, .serviceAccount, .secret, .configMap, .gateway,
            .authorizationPolicy, .peerAuthentication, .serviceEntry, .workloadEntry:
            false
        }
    }

    /// The kind that `apiVersion` and `kind` name; nil when it is none of ours.
    package init?(apiVersion: String, kind: String) {
        let group = apiVersion.split(separator: "/", omittingEmptySubsequences: false)
        guard group.count <= 2 else { return nil }
        let name = group.count == 2 ? String(group[0]) : ""
        guard let match = Self.allCases.first(where: { $0.name == kind && $0.group == name }) else { return nil }
        self = match
    }

    package static func < (left: ObjectKind, right: ObjectKind) -> Bool { left.rawValue < right.rawValue }
}
