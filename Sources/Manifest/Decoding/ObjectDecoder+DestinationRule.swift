// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

extension ObjectDecoder {
    /// Reads a DestinationRule.
    mutating func destinationRule(_ node: YAMLNode) -> DestinationRuleObject {
        var rule = DestinationRuleObject()
        fields(node) { decoder, key, value in
            switch key {
            case "apiVersion", "kind", "metadata", "status": break
            case "spec": decoder.destinationRuleSpec(value, &rule)
            default: return false
            }
            return true
        }
        if rule.host.isEmpty, errorCount == 0 { report(.error, at: node, "spec.host is missing") }
        return rule
    }

    private mutating func destinationRuleSpec(_ node: YAMLNode, _ rule: inout DestinationRuleObject) {
        // The policy of the whole comes first: subsets begin with it.
        if let policy = node["trafficPolicy"], policy.kind == .mapping {
            var result = rule.policy
            field("trafficPolicy", of: node) { decoder, value in
                decoder.trafficPolicy(value, &result.policy, ports: &result.ports)
            }
            rule.policy = result
        }
        fields(node) { decoder, key, value in
            switch key {
            case "host":
                rule.host = (decoder.string(value) ?? "").asciiLowercased
                rule.hostLine = value.position.line
            case "trafficPolicy":
                if value.kind != .mapping, !value.isNull { decoder.reportType(value, expected: "a mapping") }
            case "subsets":
                decoder.list(value) { decoder, element in decoder.subset(element, &rule.policy) }
            case "exportTo":
                rule.exportTo = decoder.strings(value)
                if !rule.exportTo.isEmpty, rule.exportTo != ["*"] {
                    decoder.report(.warning, at: value, "has no effect: a waypoint has one policy for all its clients")
                }
            case "workloadSelector":
                rule.hasWorkloadSelector = true
                decoder.report(
                    .warning, at: value, "selects clients' proxies, which a waypoint is not: the rule has no effect")
            default: return false
            }
            return true
        }
    }

    private mutating func subset(_ node: YAMLNode, _ policy: inout DestinationPolicy) {
        var name = ""
        var labels: [String: String] = [:]
        var own = policy.policy
        var ports = policy.ports
        fields(node) { decoder, key, value in
            switch key {
            case "name": name = decoder.string(value) ?? ""
            case "labels": labels = decoder.stringMap(value)
            case "trafficPolicy": decoder.trafficPolicy(value, &own, ports: &ports)
            default: return false
            }
            return true
        }
        guard !name.isEmpty else {
            report(.error, at: node, "a subset needs a name")
            return
        }
        if policy.subsets.contains(where: { $0.name == name }) {
            report(.error, at: node, "there is a subset \(printable(name)) already")
            return
        }
        policy.subsets.append(DestinationPolicy.Subset(name: name, labels: labels, policy: own, ports: ports))
    }

    // MARK: - Policies

    /// Reads a traffic policy over what holds already: each part that is said replaces that part.
    private mutating func trafficPolicy(
        _ node: YAMLNode, _ policy: inout TrafficPolicy, ports: inout [UInt16: TrafficPolicy]
    ) {
        var result = policy
        var own: [UInt16: TrafficPolicy] = [:]
        fields(node) { decoder, key, value in
            if decoder.policyPart(key, value, &result) { return true }
            switch key {
            case "portLevelSettings":
                decoder.list(value) { decoder, element in
                    // Port settings inherit nothing (Istio).
                    var settings = TrafficPolicy()
                    var number: UInt16?
                    decoder.fields(element) { decoder, key, value in
                        if key == "port" {
                            decoder.fields(value) { decoder, key, value in
                                guard key == "number" else { return false }
                                number = decoder.port(value)
                                return true
                            }
                            return true
                        }
                        return decoder.policyPart(key, value, &settings)
                    }
                    Self.settle(&settings)
                    if let number {
                        own[number] = settings
                    } else if decoder.errorCount == 0 {
                        decoder.report(.error, at: element, "needs port.number")
                    }
                }
            case "tunnel", "proxyProtocol":
                decoder.report(.error, at: value, "is not supported", counts: false)
            default: return false
            }
            return true
        }
        Self.settle(&result)
        policy = result
        ports.merge(own) { _, new in new }
    }

    /// Locality failover acts only where it is noticed that endpoints fail (Istio).
    private static func settle(_ policy: inout TrafficPolicy) {
        if policy.outlierDetection == nil, let locality = policy.loadBalancer.locality {
            switch locality {
            case .failover, .failoverPriority: policy.loadBalancer.locality = nil
            case .distribute, .off: break
            }
        }
    }

    private mutating func policyPart(_ key: String, _ node: YAMLNode, _ policy: inout TrafficPolicy) -> Bool {
        switch key {
        case "loadBalancer": policy.loadBalancer = loadBalancer(node)
        case "connectionPool": policy.connectionPool = connectionPool(node)
        case "outlierDetection":
            policy.outlierDetection = outlierDetection(node)
            reportUnused(node, "ejects no endpoint yet; it only makes localityLbSetting act")
        case "tls":
            policy.tls = upstreamTLS(node)
            if policy.tls != nil {
                reportRule(at: node, "TLS to the application is not supported: its requests are answered 503")
            }
        case "retryBudget":
            var budget = RetryBudget()
            fields(node) { decoder, key, value in
                switch key {
                case "percent": budget.percent = decoder.number(value).map { UInt32(max(0, min(100, $0))) } ?? 20
                case "minRetryConcurrency": budget.minimumConcurrency = decoder.count(value) ?? 3
                default: return false
                }
                return true
            }
            policy.retryBudget = budget
        default: return false
        }
        return true
    }

    private mutating func outlierDetection(_ node: YAMLNode) -> OutlierDetection {
        var result = OutlierDetection()
        fields(node) { decoder, key, value in
            switch key {
            case "consecutive5xxErrors": result.consecutive5xxErrors = decoder.count(value) ?? 5
            case "consecutiveErrors":
                decoder.report(
                    .warning, at: value, "is out of date; write consecutiveGatewayErrors or consecutive5xxErrors")
                result.consecutiveGatewayErrors = decoder.count(value) ?? 0
            case "consecutiveGatewayErrors": result.consecutiveGatewayErrors = decoder.count(value) ?? 0
            case "splitExternalLocalOriginErrors": result.splitsLocalErrors = decoder.flag(value)
            case "consecutiveLocalOriginFailures": result.consecutiveLocalFailures = decoder.count(value) ?? 5
            case "interval": result.interval = decoder.duration(value) ?? result.interval
            case "baseEjectionTime": result.baseEjectionTime = decoder.duration(value) ?? result.baseEjectionTime
            case "maxEjectionPercent":
                result.maximumEjectionPercent = decoder.integer(value, in: 0...100).map { UInt32($0) } ?? 10
            case "minHealthPercent":
                result.minimumHealthPercent = decoder.integer(value, in: 0...100).map { UInt32($0) } ?? 0
            default: return false
            }
            return true
        }
        return result
    }

    private mutating func upstreamTLS(_ node: YAMLNode) -> UpstreamTLS? {
        var tls = UpstreamTLS()
        var mode = "DISABLE"
        fields(node) { decoder, key, value in
            switch key {
            case "mode":
                mode =
                    decoder.word(
                        value,
                        ["DISABLE": "DISABLE", "SIMPLE": "SIMPLE", "MUTUAL": "MUTUAL", "ISTIO_MUTUAL": "ISTIO_MUTUAL"])
                    ?? mode
            case "clientCertificate": tls.clientCertificate = decoder.string(value) ?? ""
            case "privateKey": tls.privateKey = decoder.string(value) ?? ""
            case "caCertificates": tls.caCertificates = decoder.string(value) ?? ""
            case "credentialName": tls.credentialName = decoder.string(value) ?? ""
            case "subjectAltNames": tls.subjectAltNames = decoder.strings(value)
            case "sni": tls.serverName = decoder.string(value) ?? ""
            case "insecureSkipVerify": tls.skipsVerification = decoder.flag(value)
            case "caCrl": decoder.report(.error, at: value, "is not supported", counts: false)
            default: return false
            }
            return true
        }
        switch mode {
        case "SIMPLE", "MUTUAL": return tls
        // Between members of the mesh there is mutual TLS anyway.
        default: return nil
        }
    }
}
