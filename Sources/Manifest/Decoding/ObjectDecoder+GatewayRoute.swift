// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

extension ObjectDecoder {
    /// Reads an HTTPRoute, GRPCRoute, TCPRoute or TLSRoute.
    mutating func gatewayRoute(_ node: YAMLNode, _ kind: ObjectKind) -> RouteObject {
        var route = RouteObject()
        fields(node) { decoder, key, value in
            switch key {
            case "apiVersion", "kind", "metadata", "status": break
            case "spec": decoder.gatewayRouteSpec(value, kind, &route)
            default: return false
            }
            return true
        }
        if kind == .httpRoute, route.rules.isEmpty, errorCount == 0 {
            // The API server's default: one rule for everything, without backends.
            route.rules = [RouteObject.Rule()]
        }
        return route
    }

    private mutating func gatewayRouteSpec(_ node: YAMLNode, _ kind: ObjectKind, _ route: inout RouteObject) {
        var hostnames: [String] = []
        fields(node) { decoder, key, value in
            switch key {
            case "parentRefs":
                decoder.list(value) { decoder, element in route.parents.append(decoder.parent(element)) }
            case "hostnames":
                hostnames = decoder.strings(value)
                if kind != .tlsRoute, !hostnames.isEmpty, route.isForServices(node) {
                    decoder.report(
                        .warning, at: value,
                        "has no effect on a route bound to a Service; match the header Host instead")
                }
            // Read below, when the hostnames are known.
            case "rules": break
            case "useDefaultGateways": break
            default: return false
            }
            return true
        }
        field("rules", of: node) { decoder, value in
            decoder.list(value) { decoder, element in
                if kind == .tcpRoute || kind == .tlsRoute {
                    route.streams.append(decoder.gatewayStream(element, hostnames: kind == .tlsRoute ? hostnames : []))
                } else {
                    route.rules.append(decoder.gatewayRule(element, kind))
                }
            }
        }
    }

    private mutating func parent(_ node: YAMLNode) -> RouteObject.Parent {
        var parent = RouteObject.Parent()
        parent.line = node.position.line
        fields(node) { decoder, key, value in
            switch key {
            case "group": parent.group = decoder.string(value) ?? parent.group
            case "kind": parent.kind = decoder.string(value) ?? parent.kind
            case "namespace": parent.namespace = decoder.string(value)
            case "name": parent.name = decoder.string(value) ?? ""
            case "port": parent.port = decoder.port(value)
            case "sectionName": break
            default: return false
            }
            return true
        }
        return parent
    }

    // MARK: - Rules

    private mutating func gatewayRule(_ node: YAMLNode, _ kind: ObjectKind) -> RouteObject.Rule {
        var rule = RouteObject.Rule()
        rule.field = fieldPath
        rule.line = node.position.line
        fields(node) { decoder, key, value in
            switch key {
            case "name": rule.name = decoder.string(value) ?? ""
            case "matches":
                decoder.list(value) { decoder, element in
                    rule.matches.append(
                        kind == .grpcRoute ? decoder.grpcMatch(element) : decoder.httpMatch(element))
                }
            case "filters": rule.filters = decoder.gatewayFilters(value)
            case "backendRefs":
                decoder.list(value) { decoder, element in rule.backends.append(decoder.backend(element)) }
            case "timeouts" where kind == .httpRoute: decoder.timeouts(value, &rule)
            case "retry" where kind == .httpRoute: rule.retry = decoder.gatewayRetry(value)
            case "sessionPersistence":
                decoder.report(
                    .warning, at: value,
                    "session persistence is not supported; use a DestinationRule with consistentHash")
            default: return false
            }
            return true
        }
        if rule.filters.redirect != nil, !rule.backends.isEmpty {
            reportRule(at: node, "a rule with RequestRedirect must have no backendRefs; the redirect counts")
        }
        checkPrefixRewrites(node, rule)
        return rule
    }

    private mutating func checkPrefixRewrites(_ node: YAMLNode, _ rule: RouteObject.Rule) {
        var paths = rule.backends.map { $0.filters.filters.rewrite?.path }
        paths += [rule.filters.filters.rewrite?.path, rule.filters.redirect?.path]
        let replacesPrefix = paths.contains { if case .elements = $0 { true } else { false } }
        guard replacesPrefix else { return }
        let hasOtherMatch = rule.matches.contains { if case .elements = $0.match.path { false } else { true } }
        if hasOtherMatch {
            reportRule(at: node, "ReplacePrefixMatch needs matches of type PathPrefix only; the whole path is replaced")
        }
    }

    private mutating func timeouts(_ node: YAMLNode, _ rule: inout RouteObject.Rule) {
        fields(node) { decoder, key, value in
            switch key {
            case "request": rule.requestTimeout = decoder.duration(value).flatMap { $0.count > 0 ? $0 : nil }
            case "backendRequest": rule.tryTimeout = decoder.duration(value).flatMap { $0.count > 0 ? $0 : nil }
            default: return false
            }
            return true
        }
        if let whole = rule.requestTimeout, let one = rule.tryTimeout, one > whole {
            report(.error, at: node, "backendRequest must not be longer than request")
        }
    }

    private mutating func gatewayRetry(_ node: YAMLNode) -> RetryPolicy {
        var policy = RetryPolicy(
            attempts: 2, conditions: [.connectFailure, .refusedStream, .reset, .unavailable, .cancelled])
        policy.isBackoffMinimum = true
        fields(node) { decoder, key, value in
            switch key {
            case "codes":
                decoder.list(value) { decoder, element in
                    if let code = decoder.status(element, in: 400...599) { policy.statusCodes.append(code) }
                }
            case "attempts": policy.attempts = decoder.count(value) ?? 2
            case "backoff":
                if let wait = decoder.duration(value) {
                    policy.backoff = wait
                    policy.maximumBackoff = Nanoseconds(wait.count * 10)
                }
            default: return false
            }
            return true
        }
        return policy
    }

    /// Reads a backend of a rule, or the `backendRef` of a mirror.
    mutating func backend(_ node: YAMLNode, allowsFilters: Bool = true) -> RouteObject.Backend {
        var backend = RouteObject.Backend()
        backend.reference.line = node.position.line
        backend.reference.field = fieldPath
        var (group, kind, name) = ("", "Service", "")
        var namespace: String?
        fields(node) { decoder, key, value in
            switch key {
            case "group": group = decoder.string(value) ?? ""
            case "kind": kind = decoder.string(value) ?? "Service"
            case "name":
                name = decoder.string(value) ?? ""
                backend.reference.line = value.position.line
                backend.reference.field = decoder.fieldPath
            case "namespace": namespace = decoder.string(value)
            case "port": backend.reference.port = decoder.port(value)
            case "weight" where allowsFilters:
                backend.weight = decoder.integer(value, in: 0...1_000_000).map { UInt32($0) } ?? 1
            case "filters" where allowsFilters: backend.filters = decoder.gatewayFilters(value)
            default: return false
            }
            return true
        }
        switch (group, kind) {
        case ("", "Service"), ("core", "Service"):
            backend.reference.host = .service(namespace: namespace, name: name)
        case ("networking.istio.io", "Hostname"), ("networking.istio.io", "ServiceEntry"):
            backend.reference.host = .hostname(name)
        default:
            reportRule(
                at: node,
                "a backend of kind \(printable(kind)) (\(printable(group))) is not supported: its share gets 500",
                reason: .invalidKind)
        }
        if backend.filters.redirect != nil {
            reportRule(at: node, "a redirect of one backend is not supported: its share gets 500")
            backend.filters.isBroken = true
        }
        if backend.filters.isBroken { backend.reference.host = .invalid }
        return backend
    }

    private mutating func gatewayStream(_ node: YAMLNode, hostnames: [String]) -> RouteObject.Stream {
        var rule = RouteObject.Stream()
        rule.field = fieldPath
        if !hostnames.isEmpty {
            var match = RouteObject.Stream.Match()
            match.match.serverNames = hostnames.map(\.asciiLowercased)
            rule.matches = [match]
        }
        fields(node) { decoder, key, value in
            switch key {
            case "name": rule.name = decoder.string(value) ?? ""
            case "backendRefs":
                decoder.list(value) { decoder, element in rule.backends.append(decoder.backend(element)) }
            default: return false
            }
            return true
        }
        return rule
    }
}

extension RouteObject {
    /// Whether a route's spec names a Service as a parent.
    fileprivate func isForServices(_ spec: YAMLNode) -> Bool {
        guard let parents = spec["parentRefs"] else { return false }
        return parents.elements.contains { $0["kind"]?.string == "Service" }
    }
}
