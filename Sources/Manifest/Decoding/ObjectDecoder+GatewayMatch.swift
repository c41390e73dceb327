// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

extension ObjectDecoder {
    /// The methods that the API server takes; case counts (RFC 9110 §9.1).
    private static let methods = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
    ]

    /// Reads a match of an HTTPRoute.
    mutating func httpMatch(_ node: YAMLNode) -> RouteObject.Match {
        var result = RouteObject.Match()
        result.match.path = .elements("")
        fields(node) { decoder, key, value in
            switch key {
            case "path": decoder.gatewayPath(value, &result)
            case "headers": decoder.gatewayHeaders(value, &result)
            case "queryParams":
                decoder.list(value) { decoder, element in
                    guard let (name, value) = decoder.named(element, &result) else { return }
                    if !result.match.query.contains(where: { $0.name == name }) {
                        result.match.query.append(RequestMatch.Query(name: name, value: value))
                    }
                }
            case "method":
                guard let method = decoder.string(value) else { break }
                result.match.method = .exact(method)
                if !Self.methods.contains(method) {
                    decoder.reportRule(
                        at: value, "must be one of \(Self.methods.joined(separator: ", ")); the rule matches nothing")
                    result.isBroken = true
                }
            default: return false
            }
            return true
        }
        return result
    }

    private mutating func gatewayHeaders(_ node: YAMLNode, _ result: inout RouteObject.Match) {
        var match = result
        list(node) { decoder, element in
            guard let (text, value) = decoder.named(element, &match) else { return }
            guard let name = decoder.fieldName(text, at: element) else {
                match.isBroken = true
                return
            }
            // Of equal names the first counts (Gateway API).
            if !match.match.headers.contains(where: { $0.name == name }) {
                match.match.headers.append(RequestMatch.Header(name: name, value: value))
            }
        }
        result = match
    }

    private mutating func gatewayPath(_ node: YAMLNode, _ result: inout RouteObject.Match) {
        var type = "PathPrefix"
        var path = "/"
        fields(node) { decoder, key, value in
            switch key {
            case "type": type = decoder.string(value) ?? type
            case "value": path = decoder.string(value) ?? path
            default: return false
            }
            return true
        }
        switch type {
        case "Exact", "PathPrefix":
            if !Self.isPath(path) {
                reportRule(
                    at: node, "must begin with / and must not hold //, /./, /../, %2f or #; the rule matches nothing")
                result.isBroken = true
            }
            if type == "Exact" {
                result.match.path = .exact(path)
            } else {
                var prefix = path
                while prefix.utf8.last == UInt8(ascii: "/") { prefix.removeLast() }
                result.match.path = .elements(prefix)
            }
        case "RegularExpression":
            result.match.path = .regex(path)
            if !isExpression(path, at: node) { result.isBroken = true }
        default:
            reportRule(at: node, "type must be Exact, PathPrefix or RegularExpression; the rule matches nothing")
            result.isBroken = true
        }
    }

    /// What the API server takes for a path of type Exact or PathPrefix.
    private static func isPath(_ path: String) -> Bool {
        guard path.hasPrefix("/"), path.utf8.count <= 1024 else { return false }
        for part in ["//", "/./", "/../", "%2f", "%2F", "#"] where path.contains(part) { return false }
        return !path.hasSuffix("/.") && !path.hasSuffix("/..")
    }

    /// Reads a condition with `name`, `type` and `value`.
    private mutating func named(
        _ node: YAMLNode, _ result: inout RouteObject.Match
    ) -> (name: String, value: TextMatch)? {
        var type = "Exact"
        var name: String?
        var text: String?
        fields(node) { decoder, key, value in
            switch key {
            case "type": type = decoder.string(value) ?? type
            case "name": name = decoder.string(value)
            case "value": text = decoder.string(value)
            default: return false
            }
            return true
        }
        guard let name, let text, type == "Exact" || type == "RegularExpression" else {
            reportRule(
                at: node, "needs a name, a value, and a type Exact or RegularExpression; the rule matches nothing")
            result.isBroken = true
            return nil
        }
        if type == "Exact" { return (name, .exact(text)) }
        if !isExpression(text, at: node) { result.isBroken = true }
        return (name, .regex(text))
    }

    // MARK: - gRPC

    /// Reads a match of a GRPCRoute: the path is `/SERVICE/METHOD`.
    mutating func grpcMatch(_ node: YAMLNode) -> RouteObject.Match {
        var result = RouteObject.Match()
        fields(node) { decoder, key, value in
            switch key {
            case "method": decoder.grpcMethod(value, &result)
            case "headers": decoder.gatewayHeaders(value, &result)
            default: return false
            }
            return true
        }
        return result
    }

    private mutating func grpcMethod(_ node: YAMLNode, _ result: inout RouteObject.Match) {
        var type = "Exact"
        var service: String?
        var method: String?
        fields(node) { decoder, key, value in
            switch key {
            case "type": type = decoder.string(value) ?? type
            case "service": service = decoder.string(value).flatMap { $0.isEmpty ? nil : $0 }
            case "method": method = decoder.string(value).flatMap { $0.isEmpty ? nil : $0 }
            default: return false
            }
            return true
        }
        switch (type, service, method) {
        case ("Exact", let service?, let method?): result.match.path = .exact("/\(service)/\(method)")
        case ("Exact", let service?, nil): result.match.path = .prefix("/\(service)/")
        case ("Exact", nil, let method?):
            let quoted = method.flatMap { $0.isLetter || $0.isNumber || $0 == "_" ? "\($0)" : "\\\($0)" }
            result.match.path = .regex("/[^/]+/" + String(quoted))
        case ("RegularExpression", _, _) where service != nil || method != nil:
            let pattern = "/(?:\(service ?? "[^/]+"))/(?:\(method ?? "[^/]+"))"
            result.match.path = .regex(pattern)
            if !isExpression(pattern, at: node) { result.isBroken = true }
        default:
            reportRule(
                at: node, "needs a service or a method, and a type Exact or RegularExpression; the rule matches nothing"
            )
            result.isBroken = true
        }
    }
}
