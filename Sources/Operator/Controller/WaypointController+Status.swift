// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
internal import Kubernetes
internal import Manifest
internal import Mesh

extension WaypointController {
    private typealias Members = [(key: String, value: ManifestValue)]

    private static let boundCondition = "istio.io/WaypointBound"

    /// Says of every object what is so; what is said already is not written.
    func writeStatus(_ gateways: [OwnGateway]) throws(Interruption) {
        let time = UnixTime.now()
        let own = Set(gateways.map(\.key))
        var attached: [ObjectKey: Int] = [:]
        for (key, facts) in source.facts where !facts.isDeleting {
            let existing = Self.node(facts.status)
            switch key.kind {
            case .gatewayClass:
                guard isOurs(class: key.name) else { continue }
                try write(key, facts, existing, classMembers(facts, existing, time))
            case .service: try write(key, facts, existing, serviceMembers(key, existing, own, time))
            case .httpRoute, .grpcRoute, .tcpRoute, .tlsRoute:
                let (status, waypoints) = routeStatus(key, facts, own)
                for waypoint in waypoints { attached[waypoint, default: 0] += 1 }
                let parents = status.parents(existing: existing?["parents"], time: time)
                if case .sequence(let entries) = parents, entries.isEmpty, existing?["parents"] == nil { continue }
                try write(key, facts, existing, [("parents", parents)])
            case .authorizationPolicy:
                try write(key, facts, existing, policyMembers(key, facts, existing, own, time))
            default: break
            }
        }
        for gateway in gateways {
            guard let facts = source.facts[gateway.key] else { continue }
            var status = gateway.status
            status.attachedRoutes = attached[gateway.key] ?? 0
            let existing = Self.node(facts.status)
            try write(gateway.key, facts, existing, status.members(existing: existing, time: time))
        }
    }

    /// Writes members of a status on top of the version that was read, unless they are there already.
    private func write(
        _ key: ObjectKey, _ facts: ObjectFacts, _ existing: YAMLNode?, _ members: Members
    ) throws(Interruption) {
        let changes = members.filter { name, value in existing?[name].map { ManifestValue($0) } != value }
        guard !changes.isEmpty, written[key] != facts.resourceVersion, let resource = APIResource(key.kind) else {
            return
        }
        let patch = ManifestValue.mapping([
            ("metadata", .mapping([("resourceVersion", .text(facts.resourceVersion))])), ("status", .mapping(changes)),
        ])
        let text = patch.json
        if let before = kept[key], before == (facts.resourceVersion, text) { return }
        let path = resource.path(facts.version, namespace: key.namespace, name: key.name)
        let answer = try ask(
            APIRequest(
                .patch, "\(path)/status?fieldManager=\(ControllerConfiguration.fieldManager)",
                "application/merge-patch+json", Array(text.utf8)))
        switch answer.status {
        case 200..<300:
            let version = object(answer, key.description)?.metadata?["resourceVersion"]?.string
            let isSame = version == facts.resourceVersion
            kept[key] = isSame ? (facts.resourceVersion, text) : nil
            written[key] = isSame ? nil : facts.resourceVersion
        // Gone, of which the watch tells.
        case 404: written[key] = facts.resourceVersion
        // Changed meanwhile: of that too, and what it tells is looked at.
        case 409: tryAgain("status of \(key)")
        default: note("status of \(key): \(answer.problem)")
        }
    }

    private func classMembers(_ facts: ObjectFacts, _ existing: YAMLNode?, _ time: UnixTime) -> Members {
        let conditions = ObjectConditions(
            own: [ObjectCondition("Accepted", true, "Accepted", "Handled by ambit-waypoint controller")],
            generation: facts.generation)
        return [("conditions", conditions.merged(with: existing?["conditions"], time: time))]
    }

    // MARK: - Services

    private func record(_ namespace: String, _ name: String) -> ServiceRecord? {
        serviceRecords["\(namespace)/\(name)"].map { mesh[$0] }
    }

    private func gatewayKey(_ namespace: String, _ name: String) -> ObjectKey {
        ObjectKey(kind: .gateway, namespace: namespace, name: name)
    }

    /// The Gateway that the labels of a service, or of its namespace, name.
    private func askedWaypoint(_ key: ObjectKey) -> ObjectKey? {
        func named(_ object: ObjectKey) -> ObjectKey?? {
            let labels = source.objects.object(object)?.metadata.labels ?? [:]
            guard let name = labels[WaypointLabel.use], !name.isEmpty else { return nil }
            guard name != "none" else { return .some(nil) }
            let namespace = labels[WaypointLabel.useNamespace] ?? ""
            return gatewayKey(namespace.isEmpty ? key.namespace : namespace, name)
        }
        if let own = named(key) { return own }
        return named(ObjectKey(kind: .namespace, namespace: "", name: key.namespace)) ?? nil
    }

    private func serviceMembers(
        _ key: ObjectKey, _ existing: YAMLNode?, _ own: Set<ObjectKey>, _ time: UnixTime
    ) -> Members {
        guard let record = record(key.namespace, key.name) else { return [] }
        let before = existing?["conditions"]
        let asked = askedWaypoint(key)
        var conditions = ObjectConditions(own: [], generation: 0)
        switch record.waypointStatus {
        case .unbound, .isWaypoint: conditions.retired = [Self.boundCondition]
        case .bound, .notReady, .attachmentDenied, .unsupportedTrafficType:
            guard let asked else { return [] }
            let condition = Self.bound(record.waypointStatus, asked)
            // What another controller's waypoint does is that one's to say; of one that does not exist, whoever speaks first.
            let isSaid = before?.elements.first { $0["type"]?.string == Self.boundCondition }
            let isAbsent = source.facts[asked] == nil
            let mayAdd = isAbsent && (isSaid == nil || isSaid?["message"]?.string == condition.message)
            guard own.contains(asked) || mayAdd else { return [] }
            conditions.own = [condition]
        }
        if before == nil, conditions.own.isEmpty { return [] }
        return [("conditions", conditions.merged(with: before, time: time))]
    }

    private static func bound(_ status: WaypointStatus, _ gateway: ObjectKey) -> ObjectCondition {
        let name = "\(gateway.namespace)/\(gateway.name)"
        switch status {
        case .bound, .unbound, .isWaypoint:
            return ObjectCondition(
                boundCondition, true, "WaypointAccepted", "Successfully attached to waypoint \(name)")
        case .notReady:
            return ObjectCondition(
                boundCondition, false, "WaypointIsNotReady",
                "waypoint \(name) does not exist or has no address yet: traffic goes direct")
        case .attachmentDenied:
            return ObjectCondition(
                boundCondition, false, "AttachmentDenied",
                "waypoint \(name) does not admit this namespace (allowedRoutes of its listener): traffic goes direct")
        case .unsupportedTrafficType:
            return ObjectCondition(
                boundCondition, false, "UnsupportedTrafficType",
                "waypoint \(name) is not for services (label \(WaypointLabel.trafficType)): traffic goes direct")
        }
    }

    // MARK: - Routes

    /// What is to be said of a route, and the waypoints at which it has an effect.
    private func routeStatus(
        _ key: ObjectKey, _ facts: ObjectFacts, _ own: Set<ObjectKey>
    ) -> (status: RouteStatus, waypoints: Set<ObjectKey>) {
        let references = Self.node(facts.detail)?.elements.map { $0 } ?? []
        var parents: [RouteStatus.Parent] = []
        var waypoints: [Int: ObjectKey] = [:]
        for (index, reference) in references.enumerated() {
            guard let (parent, waypoint) = parent(index, reference, key, own) else { continue }
            parents.append(parent)
            waypoints[index] = waypoint
        }
        let status = RouteStatus(
            references: references, generation: facts.generation, refusal: refusal(key),
            findings: findings[key.description] ?? [], parents: parents)
        let effective = parents.filter { status.isEffective($0) }.compactMap { waypoints[$0.index] }
        return (status, Set(effective))
    }

    /// A parent that is ours to speak of: a service of the mesh, or one of our Gateways.
    private func parent(
        _ index: Int, _ reference: YAMLNode, _ route: ObjectKey, _ own: Set<ObjectKey>
    ) -> (RouteStatus.Parent, ObjectKey?)? {
        let kind = reference["kind"]?.string ?? "Gateway"
        let namespace = reference["namespace"]?.string ?? route.namespace
        let name = reference["name"]?.string ?? ""
        var parent = RouteStatus.Parent(index: index)
        switch (reference["group"]?.string ?? "gateway.networking.k8s.io", kind) {
        case ("gateway.networking.k8s.io", "Gateway"):
            guard own.contains(gatewayKey(namespace, name)) else { return nil }
            parent.refusal = (
                "NotAllowedByListeners", "a waypoint's listener takes no routes; name the Service as the parent"
            )
            return (parent, nil)
        case ("", "Service"), ("core", "Service"):
            let service = ObjectKey(kind: .service, namespace: namespace, name: name)
            let asked = askedWaypoint(service)
            let record = record(namespace, name)
            if let asked, own.contains(asked) {
                if record?.waypointStatus == .bound { return (parent, asked) }
                let text = record.map { Self.bound($0.waypointStatus, asked).message } ?? "there is no such Service"
                parent.unbound = ("NoMatchingParent", text)
                return (parent, nil)
            }
            // Of a waypoint of somebody else, that one speaks.
            guard asked == nil, isInMesh(namespace) else { return nil }
            parent.unbound = (
                "MissingUseWaypointLabel",
                "Service \(namespace)/\(name) has no waypoint (label \(WaypointLabel.use)): the route has no effect"
            )
            return (parent, nil)
        default: return nil
        }
    }

    private func isInMesh(_ namespace: String) -> Bool {
        let key = ObjectKey(kind: .namespace, namespace: "", name: namespace)
        return source.objects.object(key)?.metadata.labels[WaypointLabel.dataplaneMode] == "ambient"
    }

    // MARK: - Policies

    /// A policy that is for a waypoint of ours: waypoints do not enforce any yet, and who relies on one has to know.
    private func policyMembers(
        _ key: ObjectKey, _ facts: ObjectFacts, _ existing: YAMLNode?, _ own: Set<ObjectKey>, _ time: UnixTime
    ) -> Members {
        let isOurs = Self.node(facts.detail)?.elements.contains { target in
            let name = target["name"]?.string ?? ""
            switch target["kind"]?.string {
            case "Gateway": return own.contains(gatewayKey(key.namespace, name))
            case "GatewayClass": return self.isOurs(class: name)
            case "Service":
                let service = ObjectKey(kind: .service, namespace: key.namespace, name: name)
                return askedWaypoint(service).map { own.contains($0) } ?? false
            default: return false
            }
        }
        guard isOurs == true else { return [] }
        let condition = ObjectCondition(
            "WaypointAccepted", false, "UnsupportedValue",
            refusal(key) ?? "waypoints do not enforce policies with targetRefs yet: nothing checks this one")
        let conditions = ObjectConditions(own: [condition], generation: facts.generation)
        return [("conditions", conditions.merged(with: existing?["conditions"], time: time))]
    }
}
