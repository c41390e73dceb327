// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Kubernetes
internal import Manifest

/// A waypoint of a cluster: its Gateway, and what its controller says of it.
package struct ClusterWaypoint: Sendable {
    /// Which waypoint.
    package let name: WaypointName
    /// Label `istio.io/rev`.
    package let revision: String
    /// Label `istio.io/waypoint-for`; empty when there is none.
    package let trafficType: String
    /// `status.addresses`.
    package let addresses: [String]
    /// `status.conditions`.
    package let conditions: [WaypointCondition]

    /// Whether its controller has given it somewhere to send traffic to.
    package var isProgrammed: Bool { conditions.contains { $0.type == "Programmed" && $0.status == .true } }

    /// What `status` shows: the conditions, or that nobody has written any.
    package var rows: [WaypointCondition] {
        guard conditions.isEmpty else { return conditions }
        return [
            WaypointCondition(
                status: .unknown, type: "Programmed", reason: "Pending",
                message: "no controller has taken the Gateway yet")
        ]
    }

    /// Reads a Gateway; nil when it is no waypoint.
    init?(_ node: YAMLNode) {
        var contents = ManifestReader.Contents()
        ManifestReader().read(node, type: ("gateway.networking.k8s.io/v1", "Gateway"), into: &contents)
        guard let object = contents.objects.first, case .gateway(let gateway) = object.body, gateway.isWaypoint else {
            return nil
        }
        name = WaypointName(object.key)
        revision = object.metadata.labels[WaypointLabel.revision] ?? "default"
        trafficType = object.metadata.labels[WaypointLabel.trafficType] ?? ""
        let status = node["status"]
        addresses = status?["addresses"]?.elements.compactMap { $0["value"]?.string } ?? []
        // A controller that is not there any more leaves what it wrote for an earlier generation.
        let generation = node["metadata"]?["generation"]?.integer
        conditions =
            status?["conditions"]?.elements.compactMap { condition in
                guard let type = condition["type"]?.string,
                    let status = condition["status"]?.string.flatMap(WaypointCondition.Status.init(rawValue:))
                else { return nil }
                let observed = condition["observedGeneration"]?.integer
                let isStale = observed.map { $0 < generation ?? 0 } ?? false
                return WaypointCondition(
                    status: isStale ? .unknown : status, type: type, reason: condition["reason"]?.string ?? "",
                    message: condition["message"]?.string ?? "")
            } ?? []
    }
}
