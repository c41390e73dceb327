// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

extension RouteTranslator {
    // MARK: - DestinationRule

    /// Takes the DestinationRules: of a service's own namespace, else of a root namespace.
    mutating func takeDestinationRules(_ entries: [ObjectStore.Entry]) {
        var wildcards: [(ObjectStore.Entry, DestinationRuleObject)] = []
        for entry in Self.byAge(entries) {
            guard case .destinationRule(let object) = entry.object.body, !object.hasWorkloadSelector else { continue }
            if object.host.contains("*") {
                wildcards.append((entry, object))
                continue
            }
            let host = fullHost(object.host, namespace: entry.object.key.namespace)
            guard let service = service(hostname: host, from: entry.object.key.namespace) else {
                guard knowsServices else { continue }
                note(
                    entry, line: object.hostLine, field: "spec.host",
                    "there is no service \(printable(host)); the rule has no effect")
                continue
            }
            take(object, entry, for: service)
        }
        for (entry, object) in wildcards {
            let suffix = String(object.host.drop { $0 == "*" })
            let own = services.filter { policies[$0.key] == nil && $0.hostname.asciiLowercased.hasSuffix(suffix) }
            for service in own where isAllowed(entry, for: service) { take(object, entry, for: service) }
        }
    }

    private func isAllowed(_ entry: ObjectStore.Entry, for service: Service) -> Bool {
        entry.object.key.namespace == service.namespace
            || options.rootNamespaces.contains(entry.object.key.namespace)
    }

    private mutating func take(_ object: DestinationRuleObject, _ entry: ObjectStore.Entry, for service: Service) {
        guard isAllowed(entry, for: service) else {
            note(
                entry, line: object.hostLine, field: "spec.host",
                "the service is in namespace \(service.namespace): a waypoint follows rules of that namespace only")
            return
        }
        guard var known = policies[service.key] else {
            var policy = object.policy
            policy.service = service.key
            policy.origin = entry.object.key.description
            policies[service.key] = policy
            return
        }
        // Several for one host: the first one's policy counts, subsets come together (Istio).
        for subset in object.policy.subsets where !known.subsets.contains(where: { $0.name == subset.name }) {
            known.subsets.append(subset)
        }
        policies[service.key] = known
        if object.policy.policy != TrafficPolicy() {
            note(
                entry, line: object.hostLine, field: "spec.trafficPolicy",
                "\(known.origin) has the policy of this host already; only subsets of this one count")
        }
    }

    /// The oldest first, then by namespace and name.
    static func byAge(_ entries: [ObjectStore.Entry]) -> [ObjectStore.Entry] {
        entries.sorted { left, right in
            let (one, other) = (left.object.metadata.creationTimestamp, right.object.metadata.creationTimestamp)
            if one != other { return (one == 0 ? .max : one) < (other == 0 ? Int64.max : other) }
            return left.object.key < right.object.key
        }
    }

    // MARK: - VirtualService

    /// Binds the VirtualServices; several of one host follow one another.
    mutating func bindVirtualServices(_ entries: [ObjectStore.Entry]) {
        let ordered = Self.byAge(entries)
        var delegates: [String: ObjectStore.Entry] = [:]
        for entry in ordered { delegates["\(entry.object.key.namespace)/\(entry.object.key.name)"] = entry }
        var exact: Set<ServiceKey> = []
        for isWildcard in [false, true] {
            for entry in ordered {
                guard case .route(let route) = entry.object.body,
                    route.gateways.isEmpty || route.gateways.contains("mesh")
                else { continue }
                // Several hosts may be names of one service.
                var own: Set<ServiceKey> = []
                for (number, host) in route.hosts.enumerated() where host.contains("*") == isWildcard {
                    for service in services(of: host, number, entry) {
                        guard !isWildcard || !exact.contains(service.key), own.insert(service.key).inserted else {
                            continue
                        }
                        if !isWildcard { exact.insert(service.key) }
                        bind(route, entry, to: service, delegates)
                    }
                }
                if !isWildcard { noteUnreachable(route, entry) }
            }
        }
    }

    private mutating func services(of host: String, _ number: Int, _ entry: ObjectStore.Entry) -> [Service] {
        let namespace = entry.object.key.namespace
        let field = "spec.hosts[\(number)]"
        if host == "*" {
            note(entry, line: 0, field: field, "the host * is for gateways; in the mesh it has no effect")
            return []
        }
        if host.contains("*") {
            let suffix = String(host.drop { $0 == "*" })
            return services.filter { $0.hostname.asciiLowercased.hasSuffix(suffix) && $0.namespace == namespace }
        }
        let full = fullHost(host, namespace: namespace)
        guard let service = service(hostname: full, from: namespace) else {
            guard knowsServices else { return [] }
            note(entry, line: 0, field: field, "there is no service \(printable(full)); the rules have no effect on it")
            return []
        }
        return [service]
    }

    private mutating func bind(
        _ route: RouteObject, _ entry: ObjectStore.Entry, to service: Service,
        _ delegates: [String: ObjectStore.Entry]
    ) {
        let namespace = entry.object.key.namespace
        var clients = RouteBinding.Clients.everyone
        if namespace != service.namespace {
            clients = .namespace(namespace)
            note(
                entry, line: 0, field: "spec.hosts",
                "the service is in namespace \(service.namespace): the rules hold for clients of namespace "
                    + "\(namespace) only")
        } else if route.exportTo == ["."] || route.exportTo == [namespace] {
            clients = .namespace(namespace)
        } else if !route.exportTo.isEmpty, !route.exportTo.contains("*") {
            note(
                entry, line: 0, field: "spec.exportTo",
                "lists of namespaces are not supported: the rules hold for every client")
        }
        for port in service.ports {
            let key = Key(service: service.key, port: port.servicePort, clients: clients)
            let isOpaque = port.applicationProtocol == .tcp || port.applicationProtocol == .tls
            if !route.rules.isEmpty, !isOpaque { bindRules(route, entry, key, delegates) }
            if !route.streams.isEmpty, !port.applicationProtocol.isHTTP { bindStreams(route, entry, key) }
        }
    }

    private mutating func bindRules(
        _ route: RouteObject, _ entry: ObjectStore.Entry, _ key: Key, _ delegates: [String: ObjectStore.Entry]
    ) {
        if let other = requestKinds[key], other != .virtualService {
            note(
                entry, line: 0, field: "spec.hosts",
                "port \(key.port) of \(key.service.hostname) has a \(other.name), which counts instead")
            return
        }
        requestKinds[key] = .virtualService
        var binding = bindings[key] ?? RouteBinding(service: key.service, port: key.port, clients: key.clients)
        var routes = binding.http ?? HTTPRoutes()
        for own in route.rules {
            for (source, part) in expanded(own, entry, delegates) {
                let matches = part.matches.isEmpty ? [RouteObject.Match()] : part.matches
                let here = matches.filter { match in
                    !match.isBroken && (match.port == nil || match.port == key.port)
                        && (match.gateways.isEmpty || match.gateways.contains("mesh"))
                }
                guard !here.isEmpty else { continue }
                let number = routes.rules.count
                routes.rules.append(rule(part, source, port: key.port, isGateway: false))
                for match in here { routes.entries.append(HTTPRoutes.Entry(match: match.match, rule: number)) }
            }
        }
        binding.http = routes
        bindings[key] = binding
    }

    /// A rule, or those of the VirtualService that it delegates to, each with the object it stands in.
    private mutating func expanded(
        _ rule: RouteObject.Rule, _ entry: ObjectStore.Entry, _ delegates: [String: ObjectStore.Entry]
    ) -> [(ObjectStore.Entry, RouteObject.Rule)] {
        guard let delegate = rule.delegate else { return [(entry, rule)] }
        let name = "\(delegate.namespace ?? entry.object.key.namespace)/\(delegate.name)"
        guard let other = delegates[name], case .route(let route) = other.object.body, route.hosts.isEmpty else {
            note(
                entry, line: rule.line, field: rule.field + ".delegate",
                "there is no VirtualService \(printable(name)) without hosts; the rule is left out")
            return []
        }
        var result: [(ObjectStore.Entry, RouteObject.Rule)] = []
        for var inner in route.rules {
            if inner.delegate != nil {
                note(other, line: inner.line, field: inner.field, "a delegate cannot delegate; the rule is left out")
                continue
            }
            if !rule.matches.isEmpty {
                let own = inner.matches.isEmpty ? [RouteObject.Match()] : inner.matches
                inner.matches = rule.matches.flatMap { outer in own.map { Self.merged(outer, $0) } }
            }
            result.append((other, inner))
        }
        return result
    }

    /// Both conditions; what the inner one says of a part, the outer one does not need to.
    private static func merged(_ outer: RouteObject.Match, _ inner: RouteObject.Match) -> RouteObject.Match {
        var both = inner
        if both.match.path == .any {
            both.match.path = outer.match.path
            both.match.ignoresPathCase = outer.match.ignoresPathCase
        }
        both.match.method = both.match.method ?? outer.match.method
        both.match.authority = both.match.authority ?? outer.match.authority
        both.match.scheme = both.match.scheme ?? outer.match.scheme
        both.match.headers += outer.match.headers
        both.match.query += outer.match.query
        both.match.sourceNamespace = both.match.sourceNamespace ?? outer.match.sourceNamespace
        both.match.sourceLabels.merge(outer.match.sourceLabels) { own, _ in own }
        both.port = both.port ?? outer.port
        if both.gateways.isEmpty { both.gateways = outer.gateways }
        both.isBroken = both.isBroken || outer.isBroken
        return both
    }

    /// Notes rules behind one that takes every request.
    private mutating func noteUnreachable(_ route: RouteObject, _ entry: ObjectStore.Entry) {
        guard let last = route.rules.firstIndex(where: { $0.matches.isEmpty && $0.delegate == nil }) else { return }
        for rule in route.rules[(last + 1)...] {
            note(
                entry, line: rule.line, field: rule.field,
                "is never reached: \(route.rules[last].field) takes every request")
        }
    }

    private mutating func bindStreams(_ route: RouteObject, _ entry: ObjectStore.Entry, _ key: Key) {
        if let other = streamKinds[key], other != .virtualService {
            note(
                entry, line: 0, field: "spec.hosts",
                "port \(key.port) of \(key.service.hostname) has a \(other.name), which counts instead")
            return
        }
        streamKinds[key] = .virtualService
        var binding = bindings[key] ?? RouteBinding(service: key.service, port: key.port, clients: key.clients)
        var streams = binding.streams ?? []
        for stream in route.streams {
            let here = stream.matches.filter { match in
                (match.port == nil || match.port == key.port)
                    && (match.gateways.isEmpty || match.gateways.contains("mesh"))
            }
            guard stream.matches.isEmpty || !here.isEmpty else { continue }
            let origin = RouteOrigin(object: entry.object.key.description, name: stream.name, field: stream.field)
            streams.append(
                StreamRule(
                    origin: origin, matches: here.map(\.match),
                    backends: streamBackends(stream.backends, entry, port: key.port)))
        }
        binding.streams = streams
        bindings[key] = binding
    }
}
