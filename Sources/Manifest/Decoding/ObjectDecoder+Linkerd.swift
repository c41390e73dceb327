// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

extension ObjectDecoder {
    /// Reads a TrafficSplit (SMI).
    mutating func trafficSplit(_ node: YAMLNode) -> TrafficSplitObject {
        var split = TrafficSplitObject()
        fields(node) { decoder, key, value in
            switch key {
            case "apiVersion", "kind", "metadata", "status": break
            case "spec":
                decoder.fields(value) { decoder, key, value in
                    switch key {
                    case "service": split.service = decoder.string(value) ?? ""
                    case "backends":
                        decoder.list(value) { decoder, element in
                            split.backends.append(decoder.splitBackend(element, name: "service"))
                        }
                    case "matches":
                        split.hasMatches = value.count > 0
                        if split.hasMatches {
                            decoder.reportRule(
                                at: value,
                                "splits of some requests only (HTTPRouteGroup) are not supported; the object is ignored"
                            )
                        }
                    default: return false
                    }
                    return true
                }
            default: return false
            }
            return true
        }
        if split.service.isEmpty, errorCount == 0 { report(.error, at: node, "spec.service is missing") }
        return split
    }

    /// Reads a backend with a weight: a number, or a quantity such as `500m`.
    private mutating func splitBackend(_ node: YAMLNode, name: String) -> RouteObject.Backend {
        var backend = RouteObject.Backend()
        backend.reference.line = node.position.line
        backend.reference.field = fieldPath
        fields(node) { decoder, key, value in
            switch key {
            case name:
                backend.reference.line = value.position.line
                backend.reference.field = decoder.fieldPath
                if let text = decoder.string(value) { backend.reference.host = .hostname(text.asciiLowercased) }
            case "weight":
                if value.kind == .scalar, let milli = Self.quantity(value.text) {
                    backend.weight = milli
                } else {
                    decoder.report(.error, at: value, "must be a number, or a quantity such as 500m")
                }
            default: return false
            }
            return true
        }
        return backend
    }

    /// Thousandths of a quantity of Kubernetes; nil for what is none of `7`, `0.5`, `500m`, `1k`.
    private static func quantity(_ text: String) -> UInt32? {
        let digits = text.prefix { ("0"..."9").contains($0) || $0 == "." }
        guard let number = Double(digits) else { return nil }
        let scale: Double
        switch text.dropFirst(digits.count) {
        case "": scale = 1000
        case "m": scale = 1
        case "k": scale = 1_000_000
        default: return nil
        }
        let value = (number * scale).rounded()
        return value <= Double(UInt32.max / 16) ? UInt32(value) : nil
    }

    // MARK: - ServiceProfile

    /// Reads a ServiceProfile (Linkerd).
    mutating func serviceProfile(_ node: YAMLNode) -> ServiceProfileObject {
        var profile = ServiceProfileObject()
        fields(node) { decoder, key, value in
            switch key {
            case "apiVersion", "kind", "metadata", "status": break
            case "spec":
                decoder.fields(value) { decoder, key, value in
                    switch key {
                    case "routes":
                        decoder.list(value) { decoder, element in profile.rules.append(decoder.profileRule(element)) }
                    case "retryBudget": profile.retryBudget = decoder.profileBudget(value)
                    case "dstOverrides":
                        decoder.list(value) { decoder, element in
                            profile.overrides.append(decoder.splitBackend(element, name: "authority"))
                        }
                    case "opaquePorts":
                        decoder.report(.warning, at: value, "has no effect; declare the port with appProtocol: tcp")
                    default: return false
                    }
                    return true
                }
            default: return false
            }
            return true
        }
        return profile
    }

    private mutating func profileBudget(_ node: YAMLNode) -> RetryBudget {
        var budget = RetryBudget()
        fields(node) { decoder, key, value in
            switch key {
            case "retryRatio": budget.percent = decoder.number(value).map { UInt32(max(0, min(1000, $0 * 100))) } ?? 20
            case "minRetriesPerSecond": budget.minimumConcurrency = decoder.count(value) ?? 10
            case "ttl": _ = decoder.duration(value)
            default: return false
            }
            return true
        }
        return budget
    }

    private mutating func profileRule(_ node: YAMLNode) -> RouteObject.Rule {
        var rule = RouteObject.Rule()
        rule.field = fieldPath
        rule.line = node.position.line
        var isRetryable = false
        fields(node) { decoder, key, value in
            switch key {
            case "name": rule.name = decoder.string(value) ?? ""
            case "condition":
                if let matches = decoder.profileCondition(value) {
                    rule.matches = matches.map { RouteObject.Match(match: $0) }
                } else {
                    var never = RouteObject.Match()
                    never.isBroken = true
                    rule.matches = [never]
                }
            case "responseClasses":
                decoder.list(value) { decoder, element in decoder.responseClass(element, &rule) }
            case "isRetryable": isRetryable = decoder.flag(value)
            case "timeout": rule.requestTimeout = decoder.duration(value).flatMap { $0.count > 0 ? $0 : nil }
            default: return false
            }
            return true
        }
        if isRetryable {
            // Linkerd tries until the budget is used up; we stop after five.
            if rule.failureStatuses.isEmpty || rule.failureStatuses == [500...599] {
                rule.retry = RetryPolicy(attempts: 5, conditions: [.serverError])
            } else {
                rule.retry = RetryPolicy(
                    attempts: 5, conditions: [.reset, .connectFailure, .refusedStream],
                    statusCodes: rule.failureStatuses.flatMap { Array($0) })
            }
        }
        return rule
    }

    private mutating func responseClass(_ node: YAMLNode, _ rule: inout RouteObject.Rule) {
        var isFailure = false
        var low: UInt16 = 200
        var high: UInt16 = 599
        fields(node) { decoder, key, value in
            switch key {
            case "isFailure": isFailure = decoder.flag(value)
            case "condition":
                decoder.fields(value) { decoder, key, value in
                    guard key == "status" else {
                        decoder.reportRule(at: value, "conditions other than status are not supported; ignored")
                        return ["all", "any", "not"].contains(key)
                    }
                    decoder.fields(value) { decoder, key, value in
                        switch key {
                        case "min": low = decoder.status(value, in: 100...599) ?? low
                        case "max": high = decoder.status(value, in: 100...599) ?? high
                        default: return false
                        }
                        return true
                    }
                    return true
                }
            default: return false
            }
            return true
        }
        if isFailure, low <= high { rule.failureStatuses.append(low...high) }
    }

    /// A condition as alternatives; nil when it cannot be said so, which is noted.
    private mutating func profileCondition(_ node: YAMLNode) -> [RequestMatch]? {
        var result: [RequestMatch]? = [RequestMatch()]
        func and(_ others: [RequestMatch]?) {
            guard let mine = result, let others, mine.count * others.count <= 64 else {
                result = nil
                return
            }
            var merged: [RequestMatch] = []
            for one in mine {
                for other in others {
                    var both = one
                    if other.path != .any {
                        guard both.path == .any else {
                            result = nil
                            return
                        }
                        both.path = other.path
                    }
                    if let method = other.method {
                        guard both.method == nil || both.method == method else { continue }
                        both.method = method
                    }
                    merged.append(both)
                }
            }
            result = merged
        }
        fields(node) { decoder, key, value in
            switch key {
            case "pathRegex":
                guard let pattern = decoder.string(value) else { break }
                and(decoder.isExpression(pattern, at: value) ? [RequestMatch(path: .regex(pattern))] : nil)
            case "method":
                guard let method = decoder.string(value) else { break }
                var match = RequestMatch()
                match.method = .exact(method)
                and([match])
            case "all":
                decoder.list(value) { decoder, element in and(decoder.profileCondition(element)) }
            case "any":
                var alternatives: [RequestMatch]? = []
                decoder.list(value) { decoder, element in
                    if let some = decoder.profileCondition(element) { alternatives?.append(contentsOf: some) }
                }
                and(alternatives)
            case "not":
                decoder.reportRule(at: value, "is not supported; the route matches nothing")
                result = nil
            default: return false
            }
            return true
        }
        if result == nil, errorCount == 0 {
            reportRule(at: node, "this combination of conditions is not supported; the route matches nothing")
        }
        return result
    }
}
