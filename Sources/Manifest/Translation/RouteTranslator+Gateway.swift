// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

extension RouteTranslator {
    /// A route that is bound to a port, with what decides its place.
    private struct Bound {
        let entry: ObjectStore.Entry
        let route: RouteObject

        /// The oldest first, then by name (Gateway API).
        static func comesBefore(_ left: Bound, _ right: Bound) -> Bool {
            let (one, other) = (left.entry.object, right.entry.object)
            if one.metadata.creationTimestamp != other.metadata.creationTimestamp {
                // An unknown age counts as young.
                let unknown = Int64.max
                let age = one.metadata.creationTimestamp == 0 ? unknown : one.metadata.creationTimestamp
                let otherAge = other.metadata.creationTimestamp == 0 ? unknown : other.metadata.creationTimestamp
                return age < otherAge
            }
            return "\(one.key.namespace)/\(one.key.name)" < "\(other.key.namespace)/\(other.key.name)"
        }
    }

    /// Binds the routes of the Gateway API.
    mutating func bindGatewayRoutes(_ entries: (ObjectKind) -> [ObjectStore.Entry]) {
        for kind in [ObjectKind.grpcRoute, .httpRoute, .tlsRoute, .tcpRoute] {
            var bound: [Key: [Bound]] = [:]
            for entry in entries(kind) {
                guard case .route(let route) = entry.object.body else { continue }
                for (number, parent) in route.parents.enumerated() {
                    for key in keys(of: parent, number, entry, kind) {
                        bound[key, default: []].append(Bound(entry: entry, route: route))
                    }
                }
            }
            for (key, routes) in bound.sorted(by: { Self.isBefore($0.key, $1.key) }) {
                let ordered = routes.sorted(by: Bound.comesBefore)
                if kind == .grpcRoute || kind == .httpRoute {
                    bindRequests(key, kind, ordered)
                } else {
                    bindStreams(key, kind, ordered)
                }
            }
        }
    }

    static func isBefore(_ left: Key, _ right: Key) -> Bool {
        if left.service.hostname != right.service.hostname { return left.service.hostname < right.service.hostname }
        if left.service.namespace != right.service.namespace { return left.service.namespace < right.service.namespace }
        if left.port != right.port { return left.port < right.port }
        return left.clients.order < right.clients.order
    }

    /// The ports that a parent stands for.
    private mutating func keys(
        of parent: RouteObject.Parent, _ number: Int, _ entry: ObjectStore.Entry, _ kind: ObjectKind
    ) -> [Key] {
        let isService = (parent.group.isEmpty || parent.group == "core") && parent.kind == "Service"
        let isEntry = parent.group == "networking.istio.io" && parent.kind == "ServiceEntry"
        // Routes of Gateways are somebody else's.
        guard isService || isEntry else { return [] }
        let namespace = parent.namespace ?? entry.object.key.namespace
        let field = "spec.parentRefs[\(number)]"
        let found =
            isService
            ? service(namespace: namespace, name: parent.name).map { [$0] } ?? []
            : services.filter { !$0.isCanonical && $0.namespace == namespace && $0.name == parent.name }
        guard !found.isEmpty else {
            guard knowsServices else { return [] }
            note(
                entry, line: parent.line, field: field,
                "there is no \(parent.kind) \(printable(namespace))/\(printable(parent.name)); the route has no effect on it",
                reason: .noMatchingParent)
            return []
        }
        let isOwn = namespace == entry.object.key.namespace
        var keys: [Key] = []
        for service in found {
            let ports = service.ports.filter { parent.port == nil || $0.servicePort == parent.port }
            if ports.isEmpty, let port = parent.port {
                note(
                    entry, line: parent.line, field: field + ".port",
                    "Service \(service.namespace)/\(service.name) has no port \(port); the route has no effect on it",
                    reason: .noMatchingParent)
            }
            for port in ports {
                let isForRequests = kind == .httpRoute || kind == .grpcRoute
                if isForRequests, port.applicationProtocol == .tcp || port.applicationProtocol == .tls {
                    if parent.port != nil {
                        note(
                            entry, line: parent.line, field: field + ".port",
                            "port \(port.servicePort) is declared to be no HTTP; the route has no effect on it",
                            reason: .unsupportedProtocol)
                    }
                    continue
                }
                let clients = isOwn ? RouteBinding.Clients.everyone : .namespace(entry.object.key.namespace)
                keys.append(Key(service: service.key, port: port.servicePort, clients: clients))
            }
        }
        return keys
    }

    /// Notes routes that another kind makes void.
    private mutating func noteConflict(_ routes: [Bound], with kind: ObjectKind, _ key: Key) {
        for bound in routes {
            note(
                bound.entry, line: 0, field: "spec.parentRefs",
                "Conflicted: port \(key.port) of \(key.service.hostname) has a \(kind.name), which counts instead",
                reason: .conflicted)
        }
    }

    // MARK: - Requests

    private mutating func bindRequests(_ key: Key, _ kind: ObjectKind, _ routes: [Bound]) {
        if let other = requestKinds[key] {
            noteConflict(routes, with: other, key)
            return
        }
        requestKinds[key] = kind
        var result = HTTPRoutes()
        var ranked: [(rank: MatchRank, entry: HTTPRoutes.Entry)] = []
        for bound in routes {
            for own in bound.route.rules {
                let number = result.rules.count
                result.rules.append(rule(own, bound.entry, port: nil, isGateway: true))
                let matches = own.matches.isEmpty ? [Self.everything(kind)] : own.matches
                for match in matches where !match.isBroken {
                    let rank = MatchRank(match.match, isGRPC: kind == .grpcRoute)
                    ranked.append((rank, HTTPRoutes.Entry(match: match.match, rule: number)))
                }
            }
        }
        // Stable: what is equal stays in the order of age, name and rule.
        let sorted = ranked.enumerated().sorted { left, right in
            left.element.rank == right.element.rank
                ? left.offset < right.offset : left.element.rank > right.element.rank
        }
        result.entries = sorted.map(\.element.entry)
        var binding = bindings[key] ?? RouteBinding(service: key.service, port: key.port, clients: key.clients)
        binding.http = result
        bindings[key] = binding
    }

    /// The match of a rule that has none.
    private static func everything(_ kind: ObjectKind) -> RouteObject.Match {
        RouteObject.Match(match: RequestMatch(path: kind == .httpRoute ? .elements("") : .any))
    }

    // MARK: - Connections

    private mutating func bindStreams(_ key: Key, _ kind: ObjectKind, _ routes: [Bound]) {
        if let other = requestKinds[key] ?? streamKinds[key] {
            noteConflict(routes, with: other, key)
            return
        }
        streamKinds[key] = kind
        var binding = bindings[key] ?? RouteBinding(service: key.service, port: key.port, clients: key.clients)
        binding.streams = []
        for bound in routes {
            for stream in bound.route.streams {
                let origin = RouteOrigin(
                    object: bound.entry.object.key.description, name: stream.name, field: stream.field)
                binding.streams?.append(
                    StreamRule(
                        origin: origin, matches: stream.matches.map(\.match),
                        backends: streamBackends(stream.backends, bound.entry, port: nil)))
            }
        }
        bindings[key] = binding
    }
}

extension RouteBinding.Clients {
    var order: String {
        switch self {
        case .everyone: ""
        case .namespace(let name): name
        }
    }
}

/// How specific a match is (Gateway API, "precedence"): the greater counts first.
private struct MatchRank: Comparable {
    private let parts: [Int]

    init(_ match: RequestMatch, isGRPC: Bool) {
        var kind = 0
        var length = 0
        switch match.path {
        case .exact(let path): (kind, length) = (4, isGRPC ? 0 : path.utf8.count)
        case .prefix(let path): (kind, length) = (3, path.utf8.count)
        case .elements(let path): (kind, length) = path.isEmpty ? (1, 0) : (3, path.utf8.count)
        // Before the prefix `/`, which would hide it; the standard leaves it open.
        case .regex(let pattern): (kind, length) = (2, pattern.utf8.count)
        case .any: break
        }
        if isGRPC {
            // The longest service, then the longest method.
            if case .exact(let path) = match.path {
                let service = path.dropFirst().prefix { $0 != "/" }.utf8.count
                parts = [kind > 2 ? 4 : kind, service, path.utf8.count - service, match.headers.count]
                return
            }
            if case .prefix(let path) = match.path {
                parts = [4, path.utf8.count - 2, 0, match.headers.count]
                return
            }
            parts = [kind, length, 0, match.headers.count]
            return
        }
        parts = [kind, length, match.method == nil ? 0 : 1, match.headers.count, match.query.count]
    }

    static func < (left: MatchRank, right: MatchRank) -> Bool { left.parts.lexicographicallyPrecedes(right.parts) }
}
