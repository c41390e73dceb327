// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

extension MeshTranslator {
    /// Makes waypoints of Gateways, and notes bindings that lead nowhere.
    mutating func translateWaypoints() {
        var classTypes: [String: String] = [:]
        var classBindings: [String: ApplicationTunnel] = [:]
        var tellingClasses: Set<String> = []
        for entry in entries(.gatewayClass) {
            if Self.tellsClientIdentity(entry) == true { tellingClasses.insert(entry.object.key.name) }
            classTypes[entry.object.key.name] = entry.object.metadata.labels["istio.io/waypoint-for"]
            classBindings[entry.object.key.name] = inboundBinding(entry)
        }
        let serviceHosts = Set(model.services.map(\.hostname))
        for entry in entries(.gateway) {
            guard case .gateway(let object) = entry.object.body else { continue }
            let key = entry.object.key
            // A Gateway of any class is a waypoint when the tunnel of its node is to end HBONE for it.
            let tunnel = inboundBinding(entry) ?? classBindings[object.className]
            guard object.isWaypoint || tunnel != nil, let port = object.hbonePort ?? (tunnel == nil ? nil : 15008),
                let destination = destination(key, object, serviceHosts)
            else { continue }
            if let tunnel { fixed.tunnels[key] = tunnel }
            var waypoint = Waypoint(namespace: key.namespace, name: key.name, destination: destination)
            waypoint.hbonePort = port
            waypoint.tellsClientIdentity =
                Self.tellsClientIdentity(entry) ?? tellingClasses.contains(object.className)
            waypoint.trafficType = trafficType(entry, classTypes[object.className])
            switch object.allowedNamespaces {
            case .same: waypoint.allowedNamespaces = .same
            case .all: waypoint.allowedNamespaces = .all
            case .selected(let selector):
                fixed.selectsNamespaces = true
                let names = namespaceLabels.filter { selector.matches($0.value) }.map(\.key)
                waypoint.allowedNamespaces = .names(Set(names))
            }
            model.waypoints.append(waypoint)
            fixed.usableWaypoints.insert(.gateway(namespace: key.namespace, name: key.name))
        }
        if !fixed.tunnels.isEmpty {
            for index in model.workloads.indices {
                model.workloads[index].applicationTunnel = applicationTunnel(of: model.workloads[index])
            }
        }
        for entry in entries(.namespace) + entries(.serviceEntry) {
            if let finding = bindingFinding(entry) { findings.waypoints.append(finding) }
        }
        for entry in store.unordered(.service) {
            if let finding = bindingFinding(entry) { findings.services[entry.object.key] = finding }
        }
    }

    private static func tellsClientIdentity(_ entry: ObjectStore.Entry) -> Bool? {
        entry.object.metadata.annotations["ambient.istio.io/xfcc-include-client-identity"].map { $0 == "true" }
    }

    /// How the proxies of a waypoint are handed connections when they do not speak HBONE themselves.
    private mutating func inboundBinding(_ entry: ObjectStore.Entry) -> ApplicationTunnel? {
        let annotation = "ambient.istio.io/waypoint-inbound-binding"
        guard let text = entry.object.metadata.annotations[annotation] else { return nil }
        if let tunnel = ApplicationTunnel(parsing: text) { return tunnel }
        findings.waypoints.append(
            entry.finding(
                .error, field: "metadata.annotations[\"\(annotation)\"]",
                "must be NONE or PROXY, with /PORT if it is another than the client's; ignored"))
        return nil
    }

    /// How a workload is handed connections that is a proxy of a Gateway: it bears the name (Istio's label).
    func applicationTunnel(of workload: Workload) -> ApplicationTunnel? {
        guard !fixed.tunnels.isEmpty, let gateway = workload.labels["gateway.networking.k8s.io/gateway-name"] else {
            return nil
        }
        return fixed.tunnels[ObjectKey(kind: .gateway, namespace: workload.namespace, name: gateway)]
    }

    private mutating func trafficType(
        _ entry: ObjectStore.Entry, _ classType: String?
    ) -> Waypoint.TrafficType {
        switch entry.object.metadata.labels["istio.io/waypoint-for"] ?? classType {
        case nil, "service": return .service
        case "workload": return .workload
        case "all": return .all
        case "none": return .none
        case let other?:
            findings.waypoints.append(
                entry.finding(
                    .warning, field: "metadata.labels[\"istio.io/waypoint-for\"]",
                    "must be service, workload, all or none; \(printable(other)) is taken as service"))
            return .service
        }
    }

    /// A hostname that is a service of ours, else an address, else any hostname; nil while there is no address.
    private mutating func destination(
        _ key: ObjectKey, _ object: GatewayObject, _ serviceHosts: Set<String>
    ) -> Waypoint.Destination? {
        var fallback: Waypoint.Destination?
        for case .hostname(let host) in object.addresses {
            fixed.waypointHosts.insert(host)
            let service = ServiceKey(namespace: namespace(ofHost: host) ?? key.namespace, hostname: host)
            if serviceHosts.contains(host) { return .service(service) }
            fallback = fallback ?? .service(service)
        }
        for case .ip(let address) in object.addresses { return .address(address) }
        return fallback
    }

    /// The namespace in `name.namespace.svc.cluster.local`.
    private func namespace(ofHost host: String) -> String? {
        let suffix = ".svc.\(options.clusterDomain)"
        guard host.hasSuffix(suffix) else { return nil }
        let labels = host.dropLast(suffix.count).split(separator: ".", omittingEmptySubsequences: false)
        return labels.count == 2 ? String(labels[1]) : nil
    }

    /// What is wrong with the waypoint that an object asks for; nil when nothing.
    func bindingFinding(_ entry: ObjectStore.Entry) -> Finding? {
        let key = entry.object.key
        let namespace = key.kind == .namespace ? key.name : key.namespace
        let binding = binding(entry.object.metadata.labels, namespace: namespace)
        guard case .gateway(let gatewayNamespace, let name) = binding, !fixed.usableWaypoints.contains(binding) else {
            return nil
        }
        return entry.finding(
            .warning, field: "metadata.labels[\"istio.io/use-waypoint\"]",
            "there is no waypoint \(printable(gatewayNamespace))/\(printable(name)) with an address: "
                + "traffic goes direct, without layer 7 policy")
    }
}
