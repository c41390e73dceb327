// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Identity
internal import Manifest

/// What the status of a Gateway has to say (Gateway API; Istio's waypoints have the same).
struct GatewayStatus {
    private static let kinds = ["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"]

    let name: WaypointName
    /// `spec`.
    let spec: YAMLNode?
    let generation: Int64
    /// Why the object cannot be used at all; nil when it can.
    var refusal: String?
    /// What in the Gateway cannot be done; nil when everything can.
    var unsupported: String?
    /// What keeps the pods from being made; nil when nothing is known to.
    var trouble: String?
    /// Pods that take traffic.
    var readyCount = 0
    /// Routes that have an effect at the waypoint.
    var attachedRoutes = 0
    var hostname: String

    private var listeners: [YAMLNode] { spec?["listeners"]?.elements.map { $0 } ?? [] }

    private func isUsable(_ listener: YAMLNode) -> Bool {
        listener["protocol"]?.string == "HBONE" && listener["port"]?.integer == 15_008
    }

    /// Whether proxies are to be run for it.
    var isAccepted: Bool { accepted.isTrue }

    private var accepted: ObjectCondition {
        if let refusal { return ObjectCondition("Accepted", false, "Invalid", refusal) }
        if !listeners.contains(where: isUsable) {
            return ObjectCondition(
                "Accepted", false, "ListenersNotValid",
                "no listener that a waypoint has; add {name: mesh, port: 15008, protocol: HBONE}")
        }
        if let count = spec?["addresses"]?.count, count > 0 {
            return ObjectCondition(
                "Accepted", false, "UnsupportedAddress", "spec.addresses is not supported: the Service's counts")
        }
        if let unsupported { return ObjectCondition("Accepted", false, "InvalidParameters", unsupported) }
        return ObjectCondition("Accepted", true, "Accepted", "Resource accepted")
    }

    /// - Parameter isAssigned: whether there has been an address before.
    private func programmed(isAssigned: Bool) -> ObjectCondition {
        guard isAccepted else {
            return ObjectCondition("Programmed", false, "Invalid", "the Gateway is not accepted; no pods are made")
        }
        if let trouble, readyCount == 0 { return ObjectCondition("Programmed", false, "NoResources", trouble) }
        guard readyCount > 0 else {
            return isAssigned
                ? ObjectCondition(
                    "Programmed", false, "AddressNotUsable",
                    "no pod of the Deployment is ready any more: bound traffic is refused")
                : ObjectCondition(
                    "Programmed", false, "AddressNotAssigned",
                    "no pod of the Deployment is ready yet: bound traffic goes direct")
        }
        let text = "Resource programmed, assigned to service(s) \(hostname):15008"
        return ObjectCondition("Programmed", true, "Programmed", trouble.map { "\(text); but \($0)" } ?? text)
    }

    /// The members of the status that are ours, as they have to be.
    func members(existing: YAMLNode?, time: UnixTime) -> [(key: String, value: ManifestValue)] {
        let addresses = existing?["addresses"]
        let isAssigned = (addresses?.count ?? 0) > 0
        let programmed = programmed(isAssigned: isAssigned)
        let conditions = ObjectConditions(own: [accepted, programmed], generation: generation)
        var result: [(key: String, value: ManifestValue)] = [
            ("conditions", conditions.merged(with: existing?["conditions"], time: time)),
            ("listeners", listenerStatus(existing?["listeners"], programmed.isTrue, time)),
        ]
        // Given with the first pod, and never taken away: tunnels refuse rather than pass the waypoint by.
        if isAccepted, readyCount > 0 || isAssigned {
            let address = ManifestValue.mapping([("type", .text("Hostname")), ("value", .text(hostname))])
            result.append(("addresses", .sequence([address])))
        }
        return result
    }

    private func listenerStatus(_ existing: YAMLNode?, _ isProgrammed: Bool, _ time: UnixTime) -> ManifestValue {
        let group = ManifestValue.text("gateway.networking.k8s.io")
        let kinds = Self.kinds.map { ManifestValue.mapping([("group", group), ("kind", .text($0))]) }
        return .sequence(
            listeners.map { listener in
                let listenerName = listener["name"]?.string ?? ""
                let isUsable = isUsable(listener)
                let accepted =
                    isUsable
                    ? ObjectCondition("Accepted", true, "Accepted", "")
                    : ObjectCondition(
                        "Accepted", false,
                        listener["protocol"]?.string == "HBONE" ? "PortUnavailable" : "UnsupportedProtocol",
                        "a waypoint has one listener: port 15008, protocol HBONE")
                let isReady = isUsable && isProgrammed
                let own = [
                    accepted, ObjectCondition("Conflicted", false, "NoConflicts", ""),
                    ObjectCondition("Programmed", isReady, isReady ? "Programmed" : "Pending", ""),
                    ObjectCondition("ResolvedRefs", true, "ResolvedRefs", ""),
                ]
                let before = existing?.elements.first { $0["name"]?.string == listenerName }
                let conditions = ObjectConditions(own: own, generation: generation)
                return .mapping([
                    ("attachedRoutes", .number(isUsable ? attachedRoutes : 0)),
                    ("conditions", conditions.merged(with: before?["conditions"], time: time)),
                    ("name", .text(listenerName)), ("supportedKinds", .sequence(isUsable ? kinds : [])),
                ])
            })
    }
}
