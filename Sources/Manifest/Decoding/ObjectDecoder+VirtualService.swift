// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

extension ObjectDecoder {
    /// Reads a VirtualService.
    mutating func virtualService(_ node: YAMLNode) -> RouteObject {
        var route = RouteObject()
        fields(node) { decoder, key, value in
            switch key {
            case "apiVersion", "kind", "metadata", "status": break
            case "spec": decoder.virtualServiceSpec(value, &route)
            default: return false
            }
            return true
        }
        return route
    }

    private mutating func virtualServiceSpec(_ node: YAMLNode, _ route: inout RouteObject) {
        fields(node) { decoder, key, value in
            switch key {
            case "hosts": route.hosts = decoder.strings(value).map(\.asciiLowercased)
            case "gateways": route.gateways = decoder.strings(value)
            case "exportTo": route.exportTo = decoder.strings(value)
            case "http":
                decoder.list(value) { decoder, element in route.rules.append(decoder.virtualRule(element)) }
            case "tcp":
                decoder.list(value) { decoder, element in route.streams.append(decoder.virtualStream(element)) }
            case "tls":
                var first = 0
                decoder.list(value) { decoder, element in
                    let stream = decoder.virtualStream(element)
                    if stream.matches.contains(where: { $0.match.serverNames.isEmpty }) || stream.matches.isEmpty {
                        decoder.report(.error, at: element, "each match of a tls route needs sniHosts")
                    }
                    // TLS routes go before TCP routes.
                    route.streams.insert(stream, at: first)
                    first += 1
                }
            default: return false
            }
            return true
        }
    }

    // MARK: - Rules

    private mutating func virtualRule(_ node: YAMLNode) -> RouteObject.Rule {
        var rule = RouteObject.Rule()
        rule.field = fieldPath
        rule.line = node.position.line
        var mirrorShare: UInt32?
        var mirror: RouteObject.MirrorReference?
        fields(node) { decoder, key, value in
            switch key {
            case "name": rule.name = decoder.string(value) ?? ""
            case "match":
                decoder.list(value) { decoder, element in rule.matches.append(decoder.virtualMatch(element)) }
            case "route":
                decoder.list(value) { decoder, element in
                    rule.backends.append(decoder.virtualBackend(element, &rule.isBroken))
                }
            case "redirect": rule.filters.redirect = decoder.virtualRedirect(value)
            case "directResponse": rule.response = decoder.directResponse(value)
            case "delegate": rule.delegate = decoder.delegate(value)
            case "rewrite": rule.filters.filters.rewrite = decoder.virtualRewrite(value, &rule.isBroken)
            case "timeout": rule.requestTimeout = decoder.duration(value).flatMap { $0.count > 0 ? $0 : nil }
            case "retries": decoder.retries(value, &rule)
            case "fault": rule.fault = decoder.fault(value)
            case "mirror":
                mirror = RouteObject.MirrorReference(reference: decoder.destination(value))
            case "mirrors":
                decoder.list(value) { decoder, element in rule.filters.mirrors.append(decoder.mirror(element)) }
            case "mirrorPercentage": mirrorShare = decoder.percentObject(value)
            case "mirrorPercent", "mirror_percent": mirrorShare = decoder.percent(value)
            case "corsPolicy": rule.filters.filters.cors = decoder.corsPolicy(value)
            case "headers": decoder.headers(value, &rule.filters.filters, &rule.isBroken)
            default: return false
            }
            return true
        }
        if var mirror {
            mirror.partsPerMillion = mirrorShare ?? 1_000_000
            rule.filters.mirrors.insert(mirror, at: 0)
        }
        if rule.filters.redirect != nil, !rule.backends.isEmpty {
            reportRule(at: node, "a rule has a route or a redirect, not both; the redirect counts")
        }
        return rule
    }

    /// Reads `headers` with `request` and `response`.
    private mutating func headers(_ node: YAMLNode, _ filters: inout RouteFilters, _ isBroken: inout Bool) {
        var broken = false
        fields(node) { decoder, key, value in
            switch key {
            case "request": filters.request = decoder.headerOperations(value, isBroken: &broken)
            case "response": filters.response = decoder.headerOperations(value, isBroken: &broken)
            default: return false
            }
            return true
        }
        if broken { isBroken = true }
    }

    private mutating func virtualBackend(_ node: YAMLNode, _ isBroken: inout Bool) -> RouteObject.Backend {
        var backend = RouteObject.Backend()
        var weight: UInt32?
        var broken = false
        fields(node) { decoder, key, value in
            switch key {
            case "destination": backend.reference = decoder.destination(value)
            case "weight": weight = decoder.integer(value, in: 0...Int64(Int32.max)).map { UInt32($0) }
            case "headers": decoder.headers(value, &backend.filters.filters, &broken)
            default: return false
            }
            return true
        }
        // Without a weight: 100 for a single destination, nothing beside others (Istio); the translation sees the difference.
        backend.weight = weight ?? UInt32.max
        if broken { isBroken = true }
        return backend
    }

    /// Reads `host`, `subset` and `port`.
    mutating func destination(_ node: YAMLNode) -> RouteObject.Reference {
        var reference = RouteObject.Reference()
        reference.line = node.position.line
        reference.field = fieldPath
        fields(node) { decoder, key, value in
            switch key {
            case "host":
                reference.line = value.position.line
                reference.field = decoder.fieldPath
                if let host = decoder.string(value), !host.isEmpty { reference.host = .hostname(host.asciiLowercased) }
            case "subset": reference.subset = decoder.string(value).flatMap { $0.isEmpty ? nil : $0 }
            case "port":
                decoder.fields(value) { decoder, key, value in
                    guard key == "number" else { return false }
                    reference.port = decoder.port(value)
                    return true
                }
            default: return false
            }
            return true
        }
        if reference.host == .invalid, errorCount == 0 { report(.error, at: node, "a destination needs a host") }
        return reference
    }

    private mutating func mirror(_ node: YAMLNode) -> RouteObject.MirrorReference {
        var mirror = RouteObject.MirrorReference()
        fields(node) { decoder, key, value in
            switch key {
            case "destination": mirror.reference = decoder.destination(value)
            case "percentage": mirror.partsPerMillion = decoder.percentObject(value) ?? 1_000_000
            default: return false
            }
            return true
        }
        return mirror
    }

    private mutating func delegate(_ node: YAMLNode) -> (namespace: String?, name: String)? {
        var name: String?
        var namespace: String?
        fields(node) { decoder, key, value in
            switch key {
            case "name": name = decoder.string(value)
            case "namespace": namespace = decoder.string(value)
            default: return false
            }
            return true
        }
        guard let name else {
            report(.error, at: node, "a delegate needs a name")
            return nil
        }
        return (namespace, name)
    }

    // MARK: - Streams

    private mutating func virtualStream(_ node: YAMLNode) -> RouteObject.Stream {
        var stream = RouteObject.Stream()
        stream.field = fieldPath
        var ignored = false
        fields(node) { decoder, key, value in
            switch key {
            case "match":
                decoder.list(value) { decoder, element in stream.matches.append(decoder.streamMatch(element)) }
            case "route":
                decoder.list(value) { decoder, element in
                    stream.backends.append(decoder.virtualBackend(element, &ignored))
                }
            default: return false
            }
            return true
        }
        return stream
    }

    private mutating func streamMatch(_ node: YAMLNode) -> RouteObject.Stream.Match {
        var result = RouteObject.Stream.Match()
        fields(node) { decoder, key, value in
            switch key {
            case "sniHosts": result.match.serverNames = decoder.strings(value).map(\.asciiLowercased)
            case "destinationSubnets":
                decoder.list(value) { decoder, element in
                    if let block = decoder.block(element) { result.match.destinations.append(block) }
                }
            case "sourceSubnet": if let block = decoder.block(value) { result.match.sources.append(block) }
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

    private mutating func block(_ node: YAMLNode) -> CIDR? {
        guard let text = string(node) else { return nil }
        let block = CIDR(text) ?? IPAddress(text).map { CIDR(only: $0) }
        if block == nil { report(.error, at: node, "must be an IP address or a CIDR block") }
        return block
    }
}
