// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

/// Translates route objects: to bindings of service ports, in the order in which they count.
///
/// Of several kinds that speak of one port, one counts: GRPCRoute, HTTPRoute, VirtualService, then ServiceProfile and TrafficSplit for
/// requests; TLSRoute, TCPRoute, VirtualService for connections. What does not count is a finding.
struct RouteTranslator {
    /// One port of a service, for one group of clients.
    struct Key: Hashable {
        var service: ServiceKey
        var port: UInt16
        var clients: RouteBinding.Clients
    }

    let options: TranslationOptions
    let services: [Service]
    var bindings: [Key: RouteBinding] = [:]
    /// The kinds that have the requests, and the connections, of a port.
    var requestKinds: [Key: ObjectKind] = [:]
    var streamKinds: [Key: ObjectKind] = [:]
    var policies: [ServiceKey: DestinationPolicy] = [:]
    private(set) var findings: [Finding] = []
    private var noted: Set<Finding> = []
    private var servicesByHost: [String: [Int]] = [:]

    init(services: [Service], options: TranslationOptions) {
        self.services = services
        self.options = options
        for (position, service) in services.enumerated() {
            servicesByHost[service.hostname.asciiLowercased, default: []].append(position)
        }
    }

    /// Whether what is not known does not exist: not so in a single file without any service.
    var knowsServices: Bool { !services.isEmpty }

    /// Notes a finding once, however many ports it is met for.
    mutating func note(_ finding: Finding) {
        if noted.insert(finding).inserted { findings.append(finding) }
    }

    mutating func note(
        _ entry: ObjectStore.Entry, _ severity: Finding.Severity = .warning, line: UInt32, field: String,
        _ text: String, reason: Finding.Reason? = nil
    ) {
        note(
            Finding(
                severity, file: entry.file, line: line > 0 ? line : entry.object.line,
                object: entry.object.key.description, field: field, text: text, reason: reason))
    }

    // MARK: - Finding services

    /// The hostname that an Istio object means by `host`: one without dots is a Service of its namespace, one with dots what DNS
    /// would find in a cluster (`reviews.shop`, `reviews.shop.svc`; Istio takes these for hosts that do not exist).
    func fullHost(_ host: String, namespace: String) -> String {
        let domain = "svc.\(options.clusterDomain)"
        guard host.contains(".") else { return "\(host).\(namespace).\(domain)" }
        if servicesByHost[host] != nil { return host }
        let full = host.hasSuffix(".svc") ? "\(host).\(options.clusterDomain)" : "\(host).\(domain)"
        return servicesByHost[full] != nil ? full : host
    }

    /// The service of a hostname: of several the one in `namespace`, else one of the platform, else the first that all may use.
    func service(hostname: String, from namespace: String) -> Service? {
        let candidates = (servicesByHost[hostname] ?? []).map { services[$0] }
        if let own = candidates.first(where: { $0.namespace == namespace }) { return own }
        let visible = candidates.filter { $0.visibility == .mesh }
        return visible.first { $0.isCanonical } ?? visible.first
    }

    /// The service with the longest wildcard that `hostname` belongs to (a ServiceEntry of `*.example.com`).
    private func wildcardService(of hostname: String, from namespace: String) -> Service? {
        var rest = hostname[...]
        while let dot = rest.firstIndex(of: ".") {
            rest = rest[rest.index(after: dot)...]
            if let found = service(hostname: "*.\(rest)", from: namespace) { return found }
        }
        return nil
    }

    func service(namespace: String, name: String) -> Service? {
        service(hostname: "\(name).\(namespace).svc.\(options.clusterDomain)", from: namespace)
    }

    /// The target of a reference; what leads nowhere is noted.
    ///
    /// - Parameter port: that of the binding, for references that name none; nil where one must be named (Gateway API).
    mutating func resolve(
        _ reference: RouteObject.Reference, _ entry: ObjectStore.Entry, port: UInt16?
    ) -> RouteBackend.Target {
        let namespace = entry.object.key.namespace
        let found: Service?
        let name: String
        switch reference.host {
        case .invalid: return .invalid
        case .service(let other, let text):
            name = "Service \(other ?? namespace)/\(text)"
            found = service(namespace: other ?? namespace, name: text)
        case .hostname(let host):
            name = "host \(host)"
            let full = fullHost(host, namespace: namespace)
            found = service(hostname: full, from: namespace) ?? wildcardService(of: full, from: namespace)
        }
        guard let found else {
            guard knowsServices else { return .invalid }
            note(
                entry, line: reference.line, field: reference.field,
                "there is no \(printable(name)): its share of the requests is answered 500",
                reason: .backendNotFound)
            return .invalid
        }
        guard let number = self.port(of: found, reference, port) else {
            note(
                entry, line: reference.line, field: reference.field,
                reference.port.map { "\(printable(name)) has no port \($0): its share of the requests is answered 500" }
                    ?? "names no port of \(printable(name)): its share of the requests is answered 500",
                reason: .backendNotFound)
            return .invalid
        }
        if let subset = reference.subset, policies[found.key]?.subsets.contains(where: { $0.name == subset }) != true {
            note(
                entry, line: reference.line, field: reference.field.replacingLast(with: "subset"),
                "there is no subset \(printable(subset)) of \(printable(name)) in a DestinationRule: "
                    + "its share of the requests is answered 500")
            return .invalid
        }
        return .service(BackendReference(service: found.key, port: number, subset: reference.subset))
    }

    private func port(of service: Service, _ reference: RouteObject.Reference, _ bound: UInt16?) -> UInt16? {
        func has(_ port: UInt16) -> Bool { service.ports.contains { $0.servicePort == port } }
        if let port = reference.port { return has(port) ? port : nil }
        guard let bound else { return nil }
        if service.ports.count == 1 { return service.ports[0].servicePort }
        return has(bound) ? bound : nil
    }

    // MARK: - Rules

    /// A rule of the model.
    mutating func rule(
        _ rule: RouteObject.Rule, _ entry: ObjectStore.Entry, port: UInt16?, isGateway: Bool
    ) -> RouteRule {
        let origin = RouteOrigin(object: entry.object.key.description, name: rule.name, field: rule.field)
        var result = RouteRule(origin: origin, action: .fail)
        result.requestTimeout = rule.requestTimeout
        result.tryTimeout = rule.tryTimeout
        result.retry = rule.isRetryOff ? nil : rule.retry ?? .default
        result.fault = rule.fault
        result.failureStatuses = rule.failureStatuses
        result.filters = filters(rule.filters, entry, port: port)
        if rule.isBroken || rule.filters.isBroken { return result }
        if let redirect = rule.filters.redirect {
            result.action = .redirect(redirect)
        } else if let response = rule.response {
            result.action = .respond(response)
        } else {
            result.action = .forward(backends(rule, entry, port: port, isGateway: isGateway))
        }
        return result
    }

    private mutating func filters(
        _ filters: RouteObject.Filters, _ entry: ObjectStore.Entry, port: UInt16?
    ) -> RouteFilters {
        var result = filters.filters
        for mirror in filters.mirrors {
            guard case .service(let target) = resolve(mirror.reference, entry, port: port) else { continue }
            result.mirrors.append(Mirror(target: target, partsPerMillion: mirror.partsPerMillion))
        }
        return result
    }

    private mutating func backends(
        _ rule: RouteObject.Rule, _ entry: ObjectStore.Entry, port: UInt16?, isGateway: Bool
    ) -> [RouteBackend] {
        var result = streamBackends(rule.backends, entry, port: port)
        for index in result.indices {
            result[index].filters = filters(rule.backends[index].filters, entry, port: port)
        }
        if result.allSatisfy({ $0.weight == 0 }) {
            let text =
                result.isEmpty
                ? "the rule has no backend: its requests are answered 500"
                : "all weights are 0: requests are answered 500"
            note(entry, line: rule.line, field: rule.field, text)
        }
        return result
    }

    /// Backends without filters.
    mutating func streamBackends(
        _ backends: [RouteObject.Backend], _ entry: ObjectStore.Entry, port: UInt16?
    ) -> [RouteBackend] {
        var result: [RouteBackend] = []
        for backend in backends {
            // Where nothing is said (VirtualService): all for one destination, nothing for one of several.
            let unsaid: UInt32 = backends.count == 1 ? 100 : 0
            let weight = backend.weight == .max ? unsaid : backend.weight
            result.append(RouteBackend(resolve(backend.reference, entry, port: port), weight: weight))
        }
        return result
    }
}

extension String {
    /// A field path whose last part is another.
    fileprivate func replacingLast(with name: String) -> String {
        guard let dot = lastIndex(of: ".") else { return name }
        return self[...dot] + name
    }
}
