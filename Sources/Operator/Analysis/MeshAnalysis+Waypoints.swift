// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest
internal import Mesh

// Labels that name waypoints, and policies for them.
extension MeshAnalysis {
    private static let labelField = "metadata.labels[\"istio.io/use-waypoint\"]"

    /// Objects whose label names a waypoint that does not take their traffic.
    mutating func checkBindings() {
        for record in snapshot.services.records {
            let key = ObjectKey(
                kind: record.isCanonical ? .service : .serviceEntry, namespace: snapshot[record.namespace],
                name: snapshot[record.name])
            check(key, record.waypointStatus, isWorkload: false)
        }
        for record in snapshot.workloads.records where record.isPod {
            let key = ObjectKey(kind: .pod, namespace: snapshot[record.namespace], name: snapshot[record.name])
            check(key, record.waypointStatus, isWorkload: true)
        }
        checkWaypointPods()
    }

    private mutating func check(_ key: ObjectKey, _ status: WaypointStatus, isWorkload: Bool) {
        let text: String
        switch status {
        case .bound, .unbound, .isWaypoint: return
        case .notReady:
            // A namespace or service with the label has a finding of its own already.
            guard isWorkload else { return }
            text = "there is no such waypoint with an address: traffic goes direct; ambit-waypoint apply makes one"
        case .attachmentDenied:
            text =
                "the waypoint does not admit namespace \(key.namespace) (its listener's allowedRoutes.namespaces): "
                + "traffic goes direct; set from: All or a selector there"
        case .unsupportedTrafficType:
            text =
                "the waypoint is not for \(isWorkload ? "workloads" : "services"): traffic goes direct; "
                + "ambit-waypoint apply --for all"
        }
        guard let entry = entries.first(where: { $0.object.key == key }) else { return }
        let isOwn = entry.object.metadata.labels[WaypointLabel.use] != nil
        if status == .notReady, !isOwn { return }
        let line = Field(entry)?["metadata", "labels"]?[WaypointLabel.use]?.node.position.line
        findings.append(
            Finding(
                .warning, file: entry.file, line: line ?? entry.object.line, object: key.description,
                field: isOwn ? Self.labelField : "", text: text))
    }

    /// A waypoint's pod that the tunnel captures: both would listen on 15008.
    private mutating func checkWaypointPods() {
        var ambient: Set<String> = []
        var waypoints: Set<String> = []
        for entry in entries {
            let key = entry.object.key
            if key.kind == .namespace, entry.object.metadata.labels[WaypointLabel.dataplaneMode] == "ambient" {
                ambient.insert(key.name)
            }
            if case .gateway(let gateway) = entry.object.body, gateway.isWaypoint {
                waypoints.insert("\(key.namespace)/\(key.name)")
            }
        }
        for entry in entries where entry.object.key.kind == .pod {
            let labels = entry.object.metadata.labels
            let namespace = entry.object.key.namespace
            guard let gateway = labels[WaypointLabel.gatewayName], waypoints.contains("\(namespace)/\(gateway)") else {
                continue
            }
            let mode = labels[WaypointLabel.dataplaneMode]
            guard mode == "ambient" || mode == nil && ambient.contains(namespace) else { continue }
            findings.append(
                entry.finding(
                    .error, field: "metadata.labels",
                    "the pod of a waypoint is enrolled in the mesh, whose tunnel takes its port 15008; "
                        + "give it the label \(WaypointLabel.dataplaneMode): none"))
        }
    }

    /// Policies of layer 7 that only a waypoint could enforce, and that none does.
    mutating func checkPolicies() {
        for object in objects(.requestAuthentication) where targets(object).isEmpty {
            let field = object["spec", "selector"] ?? object
            findings.append(
                field.finding(
                    .warning,
                    "tokens are HTTP, which the node does not read: the object has no effect; "
                        + "bind it to a Service or Gateway with targetRefs"))
        }
        for object in objects(.authorizationPolicy, .requestAuthentication, .telemetry) {
            for target in targets(object) { check(target, of: object) }
        }
    }

    private func targets(_ object: Field) -> [Field] {
        (object["spec"]?.elements("targetRefs") ?? []) + [object["spec", "targetRef"]].compactMap { $0 }
    }

    private mutating func check(_ target: Field, of object: Field) {
        guard knowsAllHosts, let name = target["name"], let text = name.text else { return }
        let isPolicy = object.entry.object.key.kind == .authorizationPolicy
        let effect = isPolicy ? "the policy protects nothing" : "the object has no effect"
        switch target["kind"]?.text {
        case "Service":
            let host = "\(text).\(object.namespace).svc.cluster.local"
            guard let record = snapshot.services.records.first(where: { snapshot[$0.hostname] == host }) else {
                findings.append(name.finding(.error, "there is no service \(host): \(effect); correct the name"))
                return
            }
            guard record.waypointStatus != .bound else { return }
            findings.append(
                name.finding(
                    isPolicy ? .error : .warning,
                    "no waypoint takes the traffic of \(object.namespace)/\(text): \(effect); "
                        + "ambit-waypoint apply -n \(object.namespace) --enroll-namespace"))
        case "Gateway":
            let key = ObjectKey(kind: .gateway, namespace: object.namespace, name: text)
            guard !entries.contains(where: { $0.object.key == key }) else { return }
            findings.append(
                name.finding(.error, "there is no Gateway \(object.namespace)/\(text): \(effect); correct the name"))
        default: return
        }
    }
}
