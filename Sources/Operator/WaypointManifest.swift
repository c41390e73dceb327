// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Manifest

/// The objects of a waypoint, as manifests.
///
/// In a cluster the controller makes a Service and a Deployment for each Gateway; in a folder `apply` makes the Service, and a Pod for
/// each address at which somebody runs the proxy.
package struct WaypointManifest: Sendable {
    /// What traffic a waypoint takes (label `istio.io/waypoint-for`).
    package enum TrafficType: String, CaseIterable, Sendable {
        case service
        case workload
        case all
        case none
    }

    /// Which waypoint.
    package var name: WaypointName
    /// The label; nil for none, which means `service`.
    package var trafficType: TrafficType?
    /// The label `istio.io/rev`; nil for none.
    package var revision: String?

    /// A waypoint without labels.
    package init(_ name: WaypointName) {
        self.name = name
    }

    /// The Gateway's labels.
    var labels: [(key: String, value: String)] {
        var labels: [(String, String)] = []
        if let revision { labels.append((WaypointLabel.revision, revision)) }
        if let trafficType { labels.append((WaypointLabel.trafficType, trafficType.rawValue)) }
        return labels
    }

    /// The Gateway, as `generate` prints it.
    package var gateway: ManifestValue {
        let listener = ManifestValue.mapping([
            ("name", .text("mesh")), ("port", .number(15_008)), ("protocol", .text("HBONE")),
        ])
        return Self.object(
            "gateway.networking.k8s.io/v1", name.gateway, labels: labels,
            [
                (
                    "spec",
                    .mapping([("gatewayClassName", .text("ambit-waypoint")), ("listeners", .sequence([listener]))])
                )
            ])
    }

    /// `status.addresses` of a Gateway whose proxies take traffic: the Service, one of whose pods is chosen.
    var addresses: ManifestValue {
        .sequence([.mapping([("type", .text("Hostname")), ("value", .text(name.hostname))])])
    }

    /// The Service: headless, because only the mesh asks for it, and by name.
    var service: ManifestValue {
        let ports = [("status-port", 15_021), ("mesh", 15_008)].map { name, port in
            ManifestValue.mapping([("name", .text(name)), ("port", .number(port))])
        }
        return Self.object(
            "v1", name.service, labels: [(WaypointLabel.gatewayName, name.name)],
            [
                (
                    "spec",
                    .mapping([
                        ("clusterIP", .text("None")), ("ports", .sequence(ports)),
                        ("selector", .mapping([(WaypointLabel.gatewayName, .text(name.name))])),
                    ])
                )
            ])
    }

    /// The pod that stands for the proxy at an address.
    func pod(at address: IPAddress, serviceAccount: String) -> ManifestValue {
        let labels = podLabels + [("networking.istio.io/tunnel", "http")]
        return Self.object(
            "v1", podKey(at: address), labels: labels,
            [
                ("spec", .mapping([("serviceAccountName", .text(serviceAccount))])),
                ("status", .mapping([("phase", .text("Running")), ("podIP", .text("\(address)"))])),
            ])
    }

    /// Labels that every pod of the waypoint needs: to be found, and not to be captured, because it takes HBONE itself.
    var podLabels: [(key: String, value: String)] {
        [(WaypointLabel.gatewayName, name.name), (WaypointLabel.dataplaneMode, "none")]
    }

    /// The pod's name: the waypoint's and the address.
    func podKey(at address: IPAddress) -> ObjectKey {
        let digits = "\(address)".map { $0 == "." || $0 == ":" ? "-" : String($0) }.joined()
        // A name may not end in a dash, as `fd00::` would make it.
        return ObjectKey(
            kind: .pod, namespace: name.namespace, name: "\(name.name)-\(digits)\(digits.hasSuffix("-") ? "0" : "")")
    }

    private static func object(
        _ apiVersion: String, _ key: ObjectKey, labels: [(key: String, value: String)],
        _ rest: [(key: String, value: ManifestValue)]
    ) -> ManifestValue {
        var metadata: [(key: String, value: ManifestValue)] = []
        if !labels.isEmpty { metadata.append(("labels", .mapping(labels.map { ($0.key, .text($0.value)) }))) }
        metadata.append(("name", .text(key.name)))
        if !key.namespace.isEmpty { metadata.append(("namespace", .text(key.namespace))) }
        return .mapping(
            [("apiVersion", .text(apiVersion)), ("kind", .text(key.kind.name)), ("metadata", .mapping(metadata))]
                + rest)
    }

    /// A namespace that no file describes yet.
    static func namespace(_ name: String, labels: [(key: String, value: String)]) -> ManifestValue {
        object("v1", ObjectKey(kind: .namespace, namespace: "", name: name), labels: labels, [])
    }
}

extension ManifestValue {
    /// The value as a YAML document.
    package var document: String { lines().joined(separator: "\n") + "\n" }
}
