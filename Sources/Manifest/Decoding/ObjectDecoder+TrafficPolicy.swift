// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

extension ObjectDecoder {
    /// Reads `loadBalancer`.
    mutating func loadBalancer(_ node: YAMLNode) -> LoadBalancerPolicy {
        var policy = LoadBalancerPolicy()
        fields(node) { decoder, key, value in
            switch key {
            case "simple":
                policy.algorithm =
                    decoder.word(
                        value,
                        [
                            "UNSPECIFIED": .leastRequest, "LEAST_REQUEST": .leastRequest, "LEAST_CONN": .leastRequest,
                            "ROUND_ROBIN": .roundRobin, "RANDOM": .random, "PASSTHROUGH": .passthrough,
                            "PEAK_EWMA": .peakEWMA,
                        ]) ?? .leastRequest
            case "consistentHash": decoder.consistentHash(value, &policy)
            case "warmup": policy.warmUp = decoder.warmUp(value)
            case "warmupDurationSecs":
                policy.warmUp = decoder.duration(value).map { LoadBalancerPolicy.WarmUp(duration: $0) }
            case "localityLbSetting": policy.locality = decoder.locality(value)
            default: return false
            }
            return true
        }
        return policy
    }

    private mutating func warmUp(_ node: YAMLNode) -> LoadBalancerPolicy.WarmUp? {
        var result = LoadBalancerPolicy.WarmUp(duration: Nanoseconds(0))
        fields(node) { decoder, key, value in
            switch key {
            case "duration": result.duration = decoder.duration(value) ?? result.duration
            case "minimumPercent":
                result.minimumPercent = decoder.number(value).map { UInt32(max(0, min(100, $0))) } ?? 10
            case "aggression": result.aggression = decoder.number(value).map { max($0, 1) } ?? 1
            default: return false
            }
            return true
        }
        return result.duration.count > 0 ? result : nil
    }

    private mutating func consistentHash(_ node: YAMLNode, _ policy: inout LoadBalancerPolicy) {
        var key: LoadBalancerPolicy.HashKey?
        var size: UInt32 = 1024
        fields(node) { decoder, name, value in
            switch name {
            case "httpHeaderName":
                if let text = decoder.string(value), let field = decoder.fieldName(text, at: value) {
                    key = .header(field)
                }
            case "httpCookie": key = decoder.hashCookie(value).map { .cookie($0) }
            case "useSourceIp": if decoder.flag(value) { key = .sourceAddress }
            case "httpQueryParameterName": key = decoder.string(value).map { .query($0) }
            case "minimumRingSize": size = decoder.count(value) ?? 1024
            case "ringHash":
                decoder.fields(value) { decoder, name, value in
                    guard name == "minimumRingSize" else { return false }
                    size = decoder.count(value) ?? 1024
                    return true
                }
            case "maglev":
                // A ring of this size spreads as evenly; which endpoint a key names differs from Envoy's in any case.
                size = 65_537
                decoder.fields(value) { decoder, name, value in
                    guard name == "tableSize" else { return false }
                    size = decoder.count(value) ?? 65_537
                    return true
                }
            default: return false
            }
            return true
        }
        guard let key else {
            if errorCount == 0 {
                reportRule(at: node, "needs httpHeaderName, httpCookie, useSourceIp or httpQueryParameterName; ignored")
            }
            return
        }
        policy.algorithm = .consistentHash(key, minimumRingSize: size)
    }

    private mutating func hashCookie(_ node: YAMLNode) -> LoadBalancerPolicy.HashCookie? {
        var cookie = LoadBalancerPolicy.HashCookie(name: "")
        fields(node) { decoder, key, value in
            switch key {
            case "name": cookie.name = decoder.string(value) ?? ""
            case "path": cookie.path = decoder.string(value) ?? ""
            case "ttl": cookie.timeToLive = decoder.duration(value)
            case "attributes":
                decoder.list(value) { decoder, element in
                    let name = element["name"]?.string ?? ""
                    let text = element["value"]?.string ?? ""
                    cookie.attributes.append(text.isEmpty ? name : "\(name)=\(text)")
                }
            default: return false
            }
            return true
        }
        let parts = [cookie.name, cookie.path] + cookie.attributes
        guard !cookie.name.isEmpty,
            parts.allSatisfy({ $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ";") } })
        else {
            if errorCount == 0 { report(.error, at: node, "a cookie needs a name, of visible characters") }
            return nil
        }
        return cookie
    }

    private mutating func locality(_ node: YAMLNode) -> LoadBalancerPolicy.LocalityPolicy? {
        var isEnabled = true
        var distribute: [String: [String: UInt32]] = [:]
        var failover: [String: String] = [:]
        var priority: [String] = []
        fields(node) { decoder, key, value in
            switch key {
            case "enabled": isEnabled = decoder.boolean(value) ?? true
            case "distribute":
                decoder.list(value) { decoder, element in
                    var from = ""
                    var to: [String: UInt32] = [:]
                    decoder.fields(element) { decoder, key, value in
                        switch key {
                        case "from": from = decoder.string(value) ?? ""
                        case "to":
                            decoder.fields(value) { decoder, key, value in
                                to[key] = decoder.integer(value, in: 0...100).map { UInt32($0) }
                                return true
                            }
                        default: return false
                        }
                        return true
                    }
                    distribute[from] = to
                }
            case "failover":
                decoder.list(value) { decoder, element in
                    let from = element["from"]?.string ?? ""
                    failover[from] = element["to"]?.string
                }
            case "failoverPriority": priority = decoder.strings(value)
            default: return false
            }
            return true
        }
        if !isEnabled { return .off }
        if !distribute.isEmpty { return .distribute(distribute) }
        return priority.isEmpty ? .failover(failover) : .failoverPriority(priority)
    }

    // MARK: - Connections

    /// Reads `connectionPool`.
    mutating func connectionPool(_ node: YAMLNode) -> ConnectionPoolPolicy {
        var pool = ConnectionPoolPolicy()
        fields(node) { decoder, key, value in
            switch key {
            case "tcp": decoder.tcpPool(value, &pool)
            case "http": decoder.httpPool(value, &pool)
            default: return false
            }
            return true
        }
        return pool
    }

    /// A limit: 0 means none in the API.
    private mutating func limit(_ node: YAMLNode) -> UInt32 {
        let value = count(node) ?? 0
        return value == 0 ? .max : value
    }

    /// Notes a field that is read and not acted upon.
    mutating func reportUnused(_ node: YAMLNode, _ text: String = "has no effect: a waypoint does not enforce it yet") {
        if !node.isNull { report(.warning, at: node, text) }
    }

    private mutating func tcpPool(_ node: YAMLNode, _ pool: inout ConnectionPoolPolicy) {
        var result = pool
        fields(node) { decoder, key, value in
            switch key {
            case "connectTimeout": result.connectTimeout = decoder.duration(value) ?? result.connectTimeout
            case "maxConnections":
                result.maximumConnections = decoder.limit(value)
                decoder.reportUnused(value)
            case "idleTimeout":
                result.idleTimeout = decoder.duration(value) ?? result.idleTimeout
                decoder.reportUnused(value)
            case "maxConnectionDuration":
                result.maximumConnectionDuration = decoder.duration(value)
                decoder.reportUnused(value)
            case "tcpKeepalive":
                var keepAlive = ConnectionPoolPolicy.KeepAlive()
                decoder.fields(value) { decoder, key, value in
                    switch key {
                    case "probes": keepAlive.probes = decoder.count(value)
                    case "time": keepAlive.time = decoder.duration(value)
                    case "interval": keepAlive.interval = decoder.duration(value)
                    default: return false
                    }
                    return true
                }
                result.keepAlive = keepAlive
                decoder.reportUnused(value, "has no effect: sockets are probed as the waypoint is set")
            default: return false
            }
            return true
        }
        pool = result
    }

    private mutating func httpPool(_ node: YAMLNode, _ pool: inout ConnectionPoolPolicy) {
        var result = pool
        fields(node) { decoder, key, value in
            switch key {
            case "maxRequestsPerConnection": result.maximumRequestsPerConnection = decoder.count(value) ?? 0
            case "idleTimeout": result.httpIdleTimeout = decoder.duration(value) ?? result.httpIdleTimeout
            case "h2UpgradePolicy":
                result.upgrade =
                    decoder.word(value, ["DEFAULT": .never, "DO_NOT_UPGRADE": .never, "UPGRADE": .always]) ?? .never
            case "useClientProtocol": result.usesClientProtocol = decoder.flag(value)
            case "http1MaxPendingRequests":
                result.maximumPendingRequests = decoder.limit(value)
                decoder.reportUnused(value)
            case "http2MaxRequests":
                result.maximumRequests = decoder.limit(value)
                decoder.reportUnused(value)
            case "maxRetries":
                result.maximumRetries = decoder.limit(value)
                decoder.reportUnused(value, "has no effect: write retryBudget")
            case "maxConcurrentStreams":
                let streams = decoder.count(value) ?? 0
                result.maximumConcurrentStreams = streams == 0 ? 0x7FFF_FFFF : streams
                decoder.reportUnused(value)
            case "http2KeepAlive":
                decoder.reportUnused(value, "has no effect: HTTP/2 connections are probed as the waypoint is set")
            default: return false
            }
            return true
        }
        pool = result
    }
}
