// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

extension ObjectDecoder {
    private static let ignoredSpec: Set<String> = [
        "allocateLoadBalancerNodePorts", "externalIPs", "externalName", "externalTrafficPolicy", "healthCheckNodePort",
        "ipFamilyPolicy", "loadBalancerClass", "loadBalancerIP", "loadBalancerSourceRanges", "sessionAffinity",
        "sessionAffinityConfig",
    ]
    private static let distributionAnnotation = "networking.istio.io/traffic-distribution"

    /// Reads a Service.
    mutating func service(_ node: YAMLNode, _ metadata: ObjectMetadata) -> ServiceObject {
        var service = ServiceObject()
        if let word = metadata.annotations[Self.distributionAnnotation] {
            service.loadBalancing = distribution(word, at: node) ?? service.loadBalancing
        }
        var isLocal = false
        fields(node) { decoder, key, value in
            switch key {
            case "apiVersion", "kind", "metadata", "status": break
            case "spec": decoder.serviceSpec(value, &service, &isLocal)
            default: return false
            }
            return true
        }
        // The policy is a rule, the distribution a preference: the rule wins, as in Istio.
        if isLocal { service.loadBalancing = .localNode }
        return service
    }

    private mutating func serviceSpec(_ node: YAMLNode, _ service: inout ServiceObject, _ isLocal: inout Bool) {
        fields(node) { decoder, key, value in
            switch key {
            case "type": service.isExternalName = decoder.string(value) == "ExternalName"
            case "clusterIP":
                if let address = decoder.clusterIP(value), !service.clusterIPs.contains(address) {
                    service.clusterIPs.insert(address, at: 0)
                }
            case "clusterIPs":
                decoder.list(value) { decoder, element in
                    if let address = decoder.clusterIP(element), !service.clusterIPs.contains(address) {
                        service.clusterIPs.append(address)
                    }
                }
            case "ports":
                decoder.list(value) { decoder, element in
                    if let port = decoder.servicePort(element) { service.ports.append(port) }
                }
            case "selector": service.selector = decoder.stringMap(value)
            case "publishNotReadyAddresses": service.publishNotReadyAddresses = decoder.boolean(value) ?? false
            case "internalTrafficPolicy":
                isLocal = decoder.word(value, ["Cluster": false, "Local": true]) ?? false
            case "trafficDistribution":
                if let word = decoder.string(value) {
                    service.loadBalancing = decoder.distribution(word, at: value) ?? service.loadBalancing
                }
            case "ipFamilies": service.ipFamilies = Self.families(decoder.strings(value))
            default: return Self.ignoredSpec.contains(key)
            }
            return true
        }
    }

    /// An address; nil for `None` (headless) and the empty string (not allocated yet).
    private mutating func clusterIP(_ node: YAMLNode) -> IPAddress? {
        node.string == "None" ? nil : address(node)
    }

    private static func families(_ names: [String]) -> IPFamilies {
        switch (names.contains("IPv4"), names.contains("IPv6")) {
        case (true, true): .dual
        case (true, false): .ipv4
        case (false, true): .ipv6
        case (false, false): .automatic
        }
    }

    private mutating func distribution(_ word: String, at node: YAMLNode) -> LoadBalancing? {
        switch word {
        case "PreferClose", "PreferSameZone": return .preferSameZone
        case "PreferSameNode": return .preferSameNode
        case "PreferRegion": return LoadBalancing(mode: .failover, routingPreference: [.network, .region])
        case "": return nil
        default:
            report(.warning, at: node, "unknown traffic distribution \(printable(word)); all endpoints are used alike")
            return nil
        }
    }

    /// Reads a port; nil for other protocols than TCP and for mistakes.
    private mutating func servicePort(_ node: YAMLNode) -> ServiceObject.Port? {
        var number: UInt16?
        var target: (number: UInt16?, name: String)?
        var name = ""
        var isTCP = true
        var application: ApplicationProtocol?
        let errorsBefore = errorCount
        fields(node) { decoder, key, value in
            switch key {
            case "name": name = decoder.string(value) ?? ""
            case "port": number = decoder.port(value)
            case "protocol": isTCP = decoder.word(value, ["TCP": true, "UDP": false, "SCTP": false]) ?? true
            case "targetPort": target = decoder.targetPort(value)
            case "appProtocol": application = decoder.string(value).flatMap { ApplicationProtocol(appProtocol: $0) }
            case "nodePort": break
            default: return false
            }
            return true
        }
        guard let number else {
            if errorCount == errorsBefore { report(.error, at: node, "the port has no number (port)") }
            return nil
        }
        guard isTCP else { return nil }
        return ServiceObject.Port(
            name: name, port: number, targetPort: target?.name.isEmpty == false ? nil : target?.number ?? number,
            targetPortName: target?.name ?? "", applicationProtocol: application)
    }

    /// A number, or the name of a container port; 0 and absent mean the service's own.
    private mutating func targetPort(_ node: YAMLNode) -> (number: UInt16?, name: String)? {
        if node.isNull || node.integer == 0 { return nil }
        if let text = node.string { return Self.port(text).map { ($0, "") } ?? (nil, text) }
        return (port(node), "")
    }
}
