// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

extension ObjectDecoder {
    /// Reads the filters of a rule or a backend; one that cannot be understood makes them broken.
    mutating func gatewayFilters(_ node: YAMLNode) -> RouteObject.Filters {
        var result = RouteObject.Filters()
        var seen: Set<String> = []
        list(node) { decoder, element in
            let type = element["type"]?.string ?? ""
            if type != "RequestMirror", !seen.insert(type).inserted {
                decoder.reportRule(
                    at: element, "a filter of type \(printable(type)) may stand here once; the rule answers 500")
                result.isBroken = true
                return
            }
            decoder.gatewayFilter(element, type, &result)
        }
        if result.redirect != nil, result.filters.rewrite != nil {
            reportRule(at: node, "RequestRedirect and URLRewrite must not stand together; the rule answers 500")
            result.isBroken = true
        }
        return result
    }

    private mutating func gatewayFilter(_ node: YAMLNode, _ type: String, _ result: inout RouteObject.Filters) {
        var filters = result
        let names = [
            "RequestHeaderModifier": "requestHeaderModifier", "ResponseHeaderModifier": "responseHeaderModifier",
            "RequestRedirect": "requestRedirect", "URLRewrite": "urlRewrite", "RequestMirror": "requestMirror",
            "CORS": "cors",
        ]
        guard let name = names[type] else {
            reportRule(at: node, "filter \(printable(type)) is not supported: the rule answers 500")
            result.isBroken = true
            return
        }
        var isThere = false
        fields(node) { decoder, key, value in
            if key == "type" { return true }
            guard key == name else { return false }
            isThere = true
            switch type {
            case "RequestHeaderModifier":
                filters.filters.request = decoder.headerOperations(value, isBroken: &filters.isBroken)
            case "ResponseHeaderModifier":
                filters.filters.response = decoder.headerOperations(value, isBroken: &filters.isBroken)
            case "RequestRedirect": filters.redirect = decoder.gatewayRedirect(value, &filters.isBroken)
            case "URLRewrite": filters.filters.rewrite = decoder.gatewayRewrite(value, &filters.isBroken)
            case "RequestMirror": filters.mirrors.append(decoder.gatewayMirror(value))
            default: filters.filters.cors = decoder.gatewayCORS(value)
            }
            return true
        }
        if !isThere {
            reportRule(at: node, "the filter has no \(name): the rule answers 500")
            filters.isBroken = true
        }
        result = filters
    }

    // MARK: - Targets

    private mutating func gatewayRedirect(_ node: YAMLNode, _ isBroken: inout Bool) -> Redirect {
        var redirect = Redirect(status: 302)
        var port: UInt16?
        var broken = false
        fields(node) { decoder, key, value in
            switch key {
            case "scheme": redirect.scheme = decoder.word(value, ["http": "http", "https": "https"])
            case "hostname": redirect.host = decoder.string(value).flatMap { $0.isEmpty ? nil : $0 }
            case "path": redirect.path = decoder.gatewayPathModifier(value, &broken)
            case "port": port = decoder.port(value)
            case "statusCode":
                redirect.status = decoder.integer(value, in: 301...308).map { UInt16($0) } ?? 302
                if ![301, 302, 303, 307, 308].contains(redirect.status) {
                    decoder.reportRule(at: value, "must be 301, 302, 303, 307 or 308; the rule answers 500")
                    broken = true
                }
            default: return false
            }
            return true
        }
        redirect.port = port.map { .number($0) } ?? (redirect.scheme != nil ? .ofScheme : .ofRequest)
        if broken { isBroken = true }
        return redirect
    }

    private mutating func gatewayRewrite(_ node: YAMLNode, _ isBroken: inout Bool) -> URLRewrite {
        var rewrite = URLRewrite()
        var broken = false
        fields(node) { decoder, key, value in
            switch key {
            case "hostname": rewrite.host = decoder.string(value)
            case "path": rewrite.path = decoder.gatewayPathModifier(value, &broken)
            default: return false
            }
            return true
        }
        if broken { isBroken = true }
        return rewrite
    }

    private mutating func gatewayPathModifier(_ node: YAMLNode, _ isBroken: inout Bool) -> PathRewrite? {
        var type = ""
        var full: String?
        var prefix: String?
        fields(node) { decoder, key, value in
            switch key {
            case "type": type = decoder.string(value) ?? ""
            case "replaceFullPath": full = decoder.string(value)
            case "replacePrefixMatch": prefix = decoder.string(value)
            default: return false
            }
            return true
        }
        switch (type, full, prefix) {
        case ("ReplaceFullPath", let path?, _): return .full(path.isEmpty ? "/" : path)
        case ("ReplacePrefixMatch", _, let path?): return .elements(path)
        default:
            reportRule(at: node, "needs a type, and the field of its name; the rule answers 500")
            isBroken = true
            return nil
        }
    }

    // MARK: - Copies and scripts

    private mutating func gatewayMirror(_ node: YAMLNode) -> RouteObject.MirrorReference {
        var mirror = RouteObject.MirrorReference()
        fields(node) { decoder, key, value in
            switch key {
            case "backendRef": mirror.reference = decoder.backend(value, allowsFilters: false).reference
            case "percent": mirror.partsPerMillion = decoder.percent(value) ?? 1_000_000
            case "fraction":
                var numerator: UInt32 = 0
                var denominator: UInt32 = 100
                decoder.fields(value) { decoder, key, value in
                    switch key {
                    case "numerator": numerator = decoder.count(value) ?? 0
                    case "denominator": denominator = decoder.count(value) ?? 100
                    default: return false
                    }
                    return true
                }
                if denominator == 0 || numerator > denominator {
                    decoder.report(.error, at: value, "must be a fraction from 0 to 1")
                } else {
                    mirror.partsPerMillion = UInt32(UInt64(numerator) * 1_000_000 / UInt64(denominator))
                }
            default: return false
            }
            return true
        }
        return mirror
    }

    private mutating func gatewayCORS(_ node: YAMLNode) -> CORSPolicy {
        var policy = CORSPolicy()
        policy.maxAge = 5
        fields(node) { decoder, key, value in
            switch key {
            case "allowOrigins": policy.allowOrigins = decoder.strings(value).map { Self.origin($0) }
            case "allowMethods": policy.allowMethods = decoder.strings(value)
            case "allowHeaders": policy.allowHeaders = decoder.strings(value)
            case "exposeHeaders": policy.exposeHeaders = decoder.strings(value)
            case "maxAge": policy.maxAge = decoder.count(value) ?? 5
            case "allowCredentials": policy.allowCredentials = decoder.flag(value)
            default: return false
            }
            return true
        }
        return policy
    }

    /// `*`, an origin, or one with a star in it (`https://*.example.com`).
    private static func origin(_ text: String) -> TextMatch {
        if text == "*" { return .presence }
        guard text.contains("*") else { return .exact(text) }
        let pattern = text.map { character in
            character == "*" ? "[^/]+" : character.isLetter || character.isNumber ? "\(character)" : "\\\(character)"
        }
        return .regex(pattern.joined())
    }
}
