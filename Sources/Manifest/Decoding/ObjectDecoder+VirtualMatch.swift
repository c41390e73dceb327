// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

extension ObjectDecoder {
    /// Reads a match of an HTTP rule of a VirtualService.
    mutating func virtualMatch(_ node: YAMLNode) -> RouteObject.Match {
        var result = RouteObject.Match()
        fields(node) { decoder, key, value in
            switch key {
            case "name", "statPrefix": break
            case "uri":
                switch decoder.stringMatch(value, &result.isBroken) {
                case .exact(let path): result.match.path = .exact(path)
                case .prefix(let path): result.match.path = .prefix(path)
                case .regex(let pattern): result.match.path = .regex(pattern)
                case .suffix, .presence, nil: break
                }
            case "ignoreUriCase": result.match.ignoresPathCase = decoder.flag(value)
            case "scheme": result.match.scheme = decoder.stringMatch(value, &result.isBroken)
            case "method": result.match.method = decoder.stringMatch(value, &result.isBroken)
            case "authority": result.match.authority = decoder.stringMatch(value, &result.isBroken)
            case "headers": decoder.headerMatches(value, isInverted: false, &result)
            case "withoutHeaders": decoder.headerMatches(value, isInverted: true, &result)
            case "queryParams":
                var match = result
                decoder.fields(value) { decoder, name, value in
                    if let text = decoder.stringMatch(value, &match.isBroken, allowsPresence: true) {
                        match.match.query.append(RequestMatch.Query(name: name, value: text))
                    }
                    return true
                }
                result = match
            case "port": result.port = decoder.port(value)
            case "sourceLabels": result.match.sourceLabels = decoder.stringMap(value)
            case "sourceNamespace": result.match.sourceNamespace = decoder.string(value)
            case "gateways": result.gateways = decoder.strings(value)
            default: return false
            }
            return true
        }
        return result
    }

    private mutating func headerMatches(_ node: YAMLNode, isInverted: Bool, _ result: inout RouteObject.Match) {
        var match = result
        fields(node) { decoder, text, value in
            if text.hasPrefix("@request.auth.claims") {
                decoder.reportRule(
                    at: value, "matching claims of a token is not supported; the rule matches nothing")
                match.isBroken = true
                return true
            }
            if ["uri", "scheme", "method", "authority"].contains(text) {
                decoder.report(.warning, at: value, "has no effect here, as in Istio; use the field of that name")
                return true
            }
            guard let name = decoder.fieldName(text, at: value, allowsPseudo: true) else {
                match.isBroken = true
                return true
            }
            guard let condition = decoder.stringMatch(value, &match.isBroken, allowsPresence: true) else { return true }
            match.match.headers.append(
                RequestMatch.Header(name: name, value: condition, isInverted: isInverted))
            return true
        }
        result = match
    }

    /// Reads `{exact: …}`, `{prefix: …}` or `{regex: …}`; nothing at all, and the expression `*`, are presence where that is allowed.
    mutating func stringMatch(
        _ node: YAMLNode, _ isBroken: inout Bool, allowsPresence: Bool = false
    ) -> TextMatch? {
        var result: TextMatch?
        var broken = false
        fields(node) { decoder, key, value in
            guard let text = decoder.string(value) else { return ["exact", "prefix", "regex"].contains(key) }
            switch key {
            case "exact": result = .exact(text)
            case "prefix": result = allowsPresence && text.isEmpty ? .presence : .prefix(text)
            case "regex":
                if allowsPresence, text == "*" {
                    result = .presence
                } else {
                    result = .regex(text)
                    if !decoder.isExpression(text, at: value) { broken = true }
                }
            default: return false
            }
            return true
        }
        if broken { isBroken = true }
        if result == nil {
            if allowsPresence, node.isNull || node.count == 0 { return .presence }
            reportRule(at: node, "needs exact, prefix or regex; the rule matches nothing")
            isBroken = true
        }
        return result
    }
}
