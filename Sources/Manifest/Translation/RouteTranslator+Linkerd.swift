// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

extension RouteTranslator {
    /// Binds TrafficSplits and ServiceProfiles, where nothing else speaks of a service.
    mutating func bindLinkerd(splits: [ObjectStore.Entry], profiles: [ObjectStore.Entry]) {
        var overrides: [ServiceKey: (ObjectStore.Entry, [RouteObject.Backend])] = [:]
        for entry in Self.byAge(splits) {
            guard case .trafficSplit(let split) = entry.object.body, !split.hasMatches else { continue }
            let namespace = entry.object.key.namespace
            let host = fullHost(split.service.asciiLowercased, namespace: namespace)
            guard let service = service(hostname: host, from: namespace), service.namespace == namespace else {
                guard knowsServices else { continue }
                note(
                    entry, line: 0, field: "spec.service",
                    "there is no service \(printable(split.service)) in namespace \(namespace); the split has no effect"
                )
                continue
            }
            if let other = overrides[service.key] {
                note(
                    entry, line: 0, field: "spec.service",
                    "\(other.0.object.key) splits this service already; this one has no effect")
            } else {
                overrides[service.key] = (entry, split.backends)
            }
        }
        var profiled: Set<ServiceKey> = []
        for entry in Self.byAge(profiles) {
            guard case .serviceProfile(let profile) = entry.object.body else { continue }
            let namespace = entry.object.key.namespace
            guard let service = service(hostname: entry.object.key.name, from: namespace) else {
                guard knowsServices else { continue }
                note(
                    entry, line: 0, field: "metadata.name",
                    "there is no service of this name; a ServiceProfile is called after the full hostname")
                continue
            }
            let clients: RouteBinding.Clients = service.namespace == namespace ? .everyone : .namespace(namespace)
            if clients == .everyone { profiled.insert(service.key) }
            let split = overrides[service.key]
            let backends = profile.overrides.isEmpty ? split?.1 : profile.overrides
            let source = profile.overrides.isEmpty ? split?.0 ?? entry : entry
            bind(profile.rules, entry, backends ?? [], source, service, clients)
            takeBudget(profile, entry, service)
        }
        for service in services where !profiled.contains(service.key) {
            guard let (entry, backends) = overrides[service.key] else { continue }
            bind([], entry, backends, entry, service, .everyone)
        }
    }

    private mutating func takeBudget(
        _ profile: ServiceProfileObject, _ entry: ObjectStore.Entry, _ service: Service
    ) {
        guard let budget = profile.retryBudget else { return }
        var policy =
            policies[service.key]
            ?? DestinationPolicy(service: service.key, origin: entry.object.key.description)
        if policy.policy.retryBudget == nil { policy.policy.retryBudget = budget }
        policies[service.key] = policy
    }

    private mutating func bind(
        _ rules: [RouteObject.Rule], _ entry: ObjectStore.Entry, _ backends: [RouteObject.Backend],
        _ source: ObjectStore.Entry, _ service: Service, _ clients: RouteBinding.Clients
    ) {
        for port in service.ports where port.applicationProtocol != .tcp && port.applicationProtocol != .tls {
            let key = Key(service: service.key, port: port.servicePort, clients: clients)
            if let other = requestKinds[key] {
                note(
                    entry, line: 0, field: "",
                    "port \(key.port) of \(service.hostname) has a \(other.name), which counts instead")
                continue
            }
            requestKinds[key] = entry.object.key.kind
            var targets = streamBackends(backends, source, port: key.port)
            if targets.isEmpty {
                targets = [RouteBackend(.service(BackendReference(service: service.key, port: key.port)))]
            }
            var routes = HTTPRoutes()
            for own in rules {
                var result = rule(own, entry, port: key.port)
                result.action = .forward(targets)
                for match in own.matches where !match.isBroken {
                    routes.entries.append(HTTPRoutes.Entry(match: match.match, rule: routes.rules.count))
                }
                routes.rules.append(result)
            }
            // Requests that no route of a profile names go the same way.
            let rest = RouteRule(
                origin: RouteOrigin(object: source.object.key.description), action: .forward(targets))
            routes.entries.append(HTTPRoutes.Entry(match: RequestMatch(), rule: routes.rules.count))
            routes.rules.append(rest)
            var binding = RouteBinding(service: key.service, port: key.port, clients: clients)
            binding.http = routes
            bindings[key] = binding
        }
    }

    /// A rule of a ServiceProfile, whose backends are set afterwards.
    private mutating func rule(
        _ own: RouteObject.Rule, _ entry: ObjectStore.Entry, port: UInt16
    ) -> RouteRule {
        var result = RouteRule(
            origin: RouteOrigin(object: entry.object.key.description, name: own.name, field: own.field), action: .fail)
        result.requestTimeout = own.requestTimeout
        result.retry = own.retry ?? .default
        result.failureStatuses = own.failureStatuses
        return result
    }
}
