// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Manifest

// Which hosts objects name, kind by kind.
extension MeshAnalysis {
    /// All hosts that routes and destination policies name.
    var references: [HostReference] {
        virtualServices + gatewayRoutes + splits
            + objects(.destinationRule).compactMap { reference($0["spec", "host"], .policy) }
    }

    /// A host as Istio writes it; wildcards are passed over.
    private func reference(
        _ field: Field?, _ purpose: HostReference.Purpose, subset: Field? = nil
    ) -> HostReference? {
        guard let field, let text = field.text, !text.isEmpty, !text.hasPrefix("*") else { return nil }
        return HostReference(field, host: fullName(text, namespace: field.namespace), purpose, subset: subset)
    }

    /// The service that a name means: a short one in the object's own namespace, one with dots as DNS would find it in a cluster.
    func fullName(_ name: String, namespace: String) -> String {
        let domain = ".svc.cluster.local"
        if !name.contains(".") { return "\(name).\(namespace)\(domain)" }
        let candidates = [
            name, name.hasSuffix(".svc") ? "\(name).cluster.local" : "\(name)\(domain)",
            name.hasSuffix(".") ? String(name.dropLast()) : name,
        ]
        return candidates.first { services[$0] != nil } ?? name
    }

    private var virtualServices: [HostReference] {
        var result: [HostReference] = []
        for object in objects(.virtualService) {
            guard let spec = object["spec"], isForMesh(spec) else { continue }
            result += spec.elements("hosts").compactMap { reference($0, .routed) }
            for kind in ["http", "tls", "tcp"] {
                for rule in spec.elements(kind) {
                    for route in rule.elements("route") { result += destination(route["destination"], .destination) }
                    result += destination(rule["mirror"], .mirror)
                    for mirror in rule.elements("mirrors") { result += destination(mirror["destination"], .mirror) }
                }
            }
        }
        return result
    }

    private func destination(_ field: Field?, _ purpose: HostReference.Purpose) -> [HostReference] {
        guard let field, let reference = reference(field["host"], purpose, subset: field["subset"]) else { return [] }
        return [reference]
    }

    /// Whether a VirtualService is for traffic inside the mesh, not only for gateways at its edge.
    private func isForMesh(_ spec: Field) -> Bool {
        let gateways = spec.elements("gateways").compactMap(\.text)
        return gateways.isEmpty || gateways.contains("mesh")
    }

    private var gatewayRoutes: [HostReference] {
        var result: [HostReference] = []
        for object in objects(.httpRoute, .grpcRoute, .tcpRoute, .tlsRoute) {
            guard let spec = object["spec"] else { continue }
            let parents = spec.elements("parentRefs").filter { $0["kind"]?.text == "Service" }
            // Routes of gateways at the edge are somebody else's.
            if parents.isEmpty { continue }
            result += parents.compactMap { backend($0, .routed) }
            for rule in spec.elements("rules") {
                for entry in rule.elements("backendRefs") {
                    if let reference = backend(entry, .destination) { result.append(reference) }
                    result += mirrors(entry)
                }
                result += mirrors(rule)
            }
        }
        return result
    }

    private func mirrors(_ owner: Field) -> [HostReference] {
        owner.elements("filters").compactMap { filter in
            filter["requestMirror", "backendRef"].flatMap { backend($0, .mirror) }
        }
    }

    /// A reference as the Gateway API writes it; other kinds than Service are passed over.
    private func backend(_ field: Field, _ purpose: HostReference.Purpose) -> HostReference? {
        guard field["kind"]?.text ?? "Service" == "Service", field["group"]?.text ?? "" == "",
            let name = field["name"], let text = name.text
        else { return nil }
        let namespace = field["namespace"]?.text ?? field.namespace
        return HostReference(name, host: "\(text).\(namespace).svc.cluster.local", purpose)
    }

    private var splits: [HostReference] {
        var result: [HostReference] = []
        for object in objects(.trafficSplit) {
            if let service = reference(object["spec", "service"], .routed) { result.append(service) }
            for backend in object["spec"]?.elements("backends") ?? [] {
                if let service = reference(backend["service"], .destination) { result.append(service) }
            }
        }
        for object in objects(.serviceProfile) {
            guard let name = object["metadata", "name"], let host = name.text else { continue }
            result.append(HostReference(name, host: host, .routed))
            for override in object["spec"]?.elements("dstOverrides") ?? [] {
                guard let authority = override["authority"], let text = authority.text else { continue }
                let host = text.split(separator: ":").first.map(String.init) ?? text
                result.append(
                    HostReference(authority, host: fullName(host, namespace: authority.namespace), .destination))
            }
        }
        return result
    }
}
