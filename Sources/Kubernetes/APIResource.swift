// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Manifest

/// A kind of object as the API server serves it: in which versions, under which path.
package struct APIResource: Hashable, Sendable {
    /// The kind.
    package let kind: ObjectKind
    /// The versions in which it may be served, best first; all of them mean the same to us.
    let versions: [String]
    /// Its name in paths.
    let plural: String

    /// What the API calls a kind; nil for kinds that are not followed: Secrets, for example.
    package init?(_ kind: ObjectKind) {
        self.kind = kind
        switch kind {
        case .namespace: (plural, versions) = ("namespaces", ["v1"])
        case .node: (plural, versions) = ("nodes", ["v1"])
        case .pod: (plural, versions) = ("pods", ["v1"])
        case .service: (plural, versions) = ("services", ["v1"])
        case .endpointSlice: (plural, versions) = ("endpointslices", ["v1", "v1beta1"])
        case .serviceAccount, .secret, .configMap: return nil
        case .gatewayClass: (plural, versions) = ("gatewayclasses", ["v1", "v1beta1"])
        case .gateway: (plural, versions) = ("gateways", ["v1", "v1beta1"])
        case .httpRoute: (plural, versions) = ("httproutes", ["v1", "v1beta1"])
        case .grpcRoute: (plural, versions) = ("grpcroutes", ["v1", "v1alpha2"])
        case .tcpRoute: (plural, versions) = ("tcproutes", ["v1", "v1alpha2"])
        case .tlsRoute: (plural, versions) = ("tlsroutes", ["v1", "v1alpha3", "v1alpha2"])
        case .referenceGrant: (plural, versions) = ("referencegrants", ["v1", "v1beta1"])
        case .backendTLSPolicy: (plural, versions) = ("backendtlspolicies", ["v1", "v1alpha3"])
        case .authorizationPolicy: (plural, versions) = ("authorizationpolicies", ["v1", "v1beta1"])
        case .peerAuthentication: (plural, versions) = ("peerauthentications", ["v1", "v1beta1"])
        case .requestAuthentication: (plural, versions) = ("requestauthentications", ["v1", "v1beta1"])
        case .virtualService: (plural, versions) = ("virtualservices", ["v1", "v1beta1", "v1alpha3"])
        case .destinationRule: (plural, versions) = ("destinationrules", ["v1", "v1beta1", "v1alpha3"])
        case .serviceEntry: (plural, versions) = ("serviceentries", ["v1", "v1beta1", "v1alpha3"])
        case .workloadEntry: (plural, versions) = ("workloadentries", ["v1", "v1beta1", "v1alpha3"])
        case .telemetry: (plural, versions) = ("telemetries", ["v1", "v1alpha1"])
        case .trafficSplit: (plural, versions) = ("trafficsplits", ["v1alpha4", "v1alpha3", "v1alpha2", "v1alpha1"])
        case .serviceProfile: (plural, versions) = ("serviceprofiles", ["v1alpha2"])
        }
    }

    /// Whether an API server may lack it: kinds that a CustomResourceDefinition brings.
    var isOptional: Bool { !kind.group.isEmpty && kind.group != "discovery.k8s.io" }

    /// `apiVersion` of its objects.
    package func apiVersion(_ version: String) -> String {
        kind.group.isEmpty ? version : "\(kind.group)/\(version)"
    }

    /// The path of all its objects.
    func path(_ version: String) -> String {
        (kind.group.isEmpty ? "/api/" : "/apis/\(kind.group)/") + "\(version)/\(plural)"
    }

    /// The path of one object; of the objects of a namespace when `name` is empty.
    package func path(_ version: String, namespace: String, name: String) -> String {
        let root = kind.group.isEmpty ? "/api/\(version)" : "/apis/\(kind.group)/\(version)"
        let place = kind.isClusterScoped || namespace.isEmpty ? "" : "/namespaces/\(namespace)"
        return root + place + "/\(plural)" + (name.isEmpty ? "" : "/\(name)")
    }
}
