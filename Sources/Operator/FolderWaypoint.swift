// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Manifest
internal import Mesh

/// A waypoint of a folder: its Gateway, its pods, and who asks for it.
package struct FolderWaypoint: Sendable {
    /// A pod of a waypoint.
    package struct Proxy: Equatable, Sendable {
        /// The pod.
        package let key: ObjectKey
        /// Its addresses.
        package let addresses: [IPAddress]
        /// Where its network namespace is; nil when the manifest does not say.
        package let networkNamespacePath: String?
        /// Whether its Ready condition, if it has one, says so.
        package let isReady: Bool
    }

    /// Which waypoint.
    package let name: WaypointName
    /// The file of the Gateway, relative to the folder.
    package let file: String
    /// The Gateway's class.
    package let className: String
    /// Label `istio.io/rev`.
    package let revision: String
    /// Label `istio.io/waypoint-for`; empty when there is none.
    package let trafficType: String
    /// Whether a listener has protocol HBONE.
    package let hasListener: Bool
    /// `status.addresses`.
    package let addresses: [String]
    /// The pods that carry the label `gateway.networking.k8s.io/gateway-name`, or have one of the addresses.
    package let proxies: [Proxy]
    /// Objects whose label `istio.io/use-waypoint` names it.
    package let users: [ObjectKey]

    /// Whether tunnels send traffic to it: it has an address that leads to a pod.
    package var isProgrammed: Bool { hasListener && !addresses.isEmpty && !proxies.isEmpty }

    /// All waypoints of a folder, in the order of their names.
    package static func all(in content: ConfigurationFolder.Content) -> [FolderWaypoint] {
        content.entries.compactMap { entry in
            guard case .gateway(let gateway) = entry.object.body, gateway.isWaypoint else { return nil }
            return FolderWaypoint(entry, gateway, content)
        }
    }

    private init(_ entry: ObjectStore.Entry, _ gateway: GatewayObject, _ content: ConfigurationFolder.Content) {
        let labels = entry.object.metadata.labels
        name = WaypointName(entry.object.key)
        file = entry.file
        className = gateway.className
        revision = labels[WaypointLabel.revision] ?? "default"
        trafficType = labels[WaypointLabel.trafficType] ?? ""
        hasListener = gateway.hbonePort != nil
        var ips: [IPAddress] = []
        addresses = gateway.addresses.map { address in
            switch address {
            case .ip(let ip):
                ips.append(ip)
                return "\(ip)"
            case .hostname(let host): return host
            }
        }
        proxies = Self.proxies(of: name, at: ips, behind: addresses, content)
        users = Self.users(of: name, content)
    }

    /// The pods of a waypoint, whether its Gateway is there or not: those with its label, and those that its addresses lead to.
    static func proxies(
        of name: WaypointName, at addresses: [IPAddress] = [], behind hosts: [String] = [],
        _ content: ConfigurationFolder.Content
    ) -> [Proxy] {
        let services = content.model.services.filter { service in
            hosts.contains(service.hostname) || service.vips.contains { addresses.contains($0.network) }
        }
        let keys = Set(services.map(\.key))
        let uids = Set(content.model.endpoints.filter { keys.contains($0.service) }.map(\.workloadUID))
        return content.entries.compactMap { entry in
            let key = entry.object.key
            guard case .pod(let pod) = entry.object.body, !pod.isFinished, !pod.addresses.isEmpty else { return nil }
            let metadata = entry.object.metadata
            let isLabeled =
                key.namespace == name.namespace && metadata.labels[WaypointLabel.gatewayName] == name.name
            guard
                isLabeled || pod.addresses.contains(where: addresses.contains)
                    || uids.contains(where: { $0.hasSuffix("//Pod/\(key.namespace)/\(key.name)") })
            else { return nil }
            return Proxy(
                key: key, addresses: pod.addresses,
                networkNamespacePath: metadata.annotations["ambit.dev/netns"], isReady: pod.isReady)
        }
    }

    /// Objects whose labels name a waypoint.
    static func users(of name: WaypointName, _ content: ConfigurationFolder.Content) -> [ObjectKey] {
        content.entries.compactMap { entry in
            let key = entry.object.key
            guard [.namespace, .service, .serviceEntry, .pod, .workloadEntry].contains(key.kind) else { return nil }
            let labels = entry.object.metadata.labels
            guard labels[WaypointLabel.use] == name.name else { return nil }
            let own = key.kind == .namespace ? key.name : key.namespace
            let namespace = labels[WaypointLabel.useNamespace] ?? ""
            return (namespace.isEmpty ? own : namespace) == name.namespace ? key : nil
        }
    }
}
