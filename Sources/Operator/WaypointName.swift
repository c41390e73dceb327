// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest

/// A waypoint by namespace and name, and the names that follow from them.
package struct WaypointName: Hashable, Sendable, CustomStringConvertible {
    /// The namespace.
    package let namespace: String
    /// The Gateway's name.
    package let name: String

    /// Takes two names.
    ///
    /// - Throws: when one is no name Kubernetes takes, or `none`, which labels use for "no waypoint".
    package init(namespace: String, name: String) throws(OperatorError) {
        guard name != "none" else {
            throw OperatorError("a waypoint cannot be called none: the label \(WaypointLabel.use) uses it to opt out")
        }
        // RFC 1123 labels: the name is that of a Service too, and a label's value.
        for (what, text) in [("name", name), ("namespace", namespace)] where !Self.isLabel(text) {
            throw OperatorError(
                "\"\(text)\" is not a \(what): lower-case letters, digits and -, a letter or digit at both ends, "
                    + "at most 63")
        }
        self.namespace = namespace
        self.name = name
    }

    init(_ key: ObjectKey) {
        namespace = key.namespace
        name = key.name
    }

    /// `NAMESPACE/NAME`.
    package var description: String { "\(namespace)/\(name)" }

    /// The Gateway.
    var gateway: ObjectKey { ObjectKey(kind: .gateway, namespace: namespace, name: name) }
    /// The Service in front of its pods.
    var service: ObjectKey { ObjectKey(kind: .service, namespace: namespace, name: name) }
    /// The Service's name in DNS.
    var hostname: String { "\(name).\(namespace).svc.cluster.local" }
    /// The file that `apply` makes; no name of an object has an underscore, so no other waypoint has the same.
    package var file: String { "waypoint_\(namespace)_\(name).yaml" }

    private static func isLabel(_ text: String) -> Bool {
        func isAlphanumeric(_ octet: UInt8) -> Bool {
            (0x30...0x39).contains(octet) || (0x61...0x7A).contains(octet)
        }
        guard (1...63).contains(text.utf8.count), let first = text.utf8.first, let last = text.utf8.last else {
            return false
        }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && text.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
    }
}

/// The labels that bind objects to waypoints (reference: Istio's ambient mode).
package enum WaypointLabel {
    /// On a Namespace, Service, ServiceEntry, Pod or WorkloadEntry: the Gateway's name.
    package static let use = "istio.io/use-waypoint"
    /// On the same: the Gateway's namespace.
    static let useNamespace = "istio.io/use-waypoint-namespace"
    /// On the Gateway: what it takes.
    static let trafficType = "istio.io/waypoint-for"
    /// On the Gateway: its revision.
    static let revision = "istio.io/rev"
    /// On the waypoint's pods: the Gateway's name.
    static let gatewayName = "gateway.networking.k8s.io/gateway-name"
    /// On a Namespace or Pod: whether the mesh captures it.
    static let dataplaneMode = "istio.io/dataplane-mode"
}
