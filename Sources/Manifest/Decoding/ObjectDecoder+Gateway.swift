// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension ObjectDecoder {
    private static let ignoredSpec: Set<String> = [
        "addresses", "allowedListeners", "backendTLS", "defaultScope", "infrastructure", "tls",
    ]

    /// Reads a Gateway of any class: one that is bound to the tunnel is a waypoint whatever its class.
    mutating func gateway(_ node: YAMLNode) -> GatewayObject {
        var gateway = GatewayObject()
        field("spec", of: node) { decoder, spec in
            decoder.field("gatewayClassName", of: spec) { decoder, value in
                gateway.className = decoder.string(value) ?? ""
            }
        }
        fields(node) { decoder, key, value in
            switch key {
            case "apiVersion", "kind", "metadata": break
            case "spec": decoder.gatewaySpec(value, &gateway)
            case "status":
                decoder.field("addresses", of: value) { decoder, addresses in
                    decoder.list(addresses) { decoder, element in decoder.gatewayAddress(element, &gateway) }
                }
            default: return false
            }
            return true
        }
        if gateway.isWaypoint, gateway.hbonePort == nil {
            report(.warning, at: node, "the waypoint has no listener with protocol HBONE; it is not used")
        }
        return gateway
    }

    private mutating func gatewaySpec(_ node: YAMLNode, _ gateway: inout GatewayObject) {
        fields(node) { decoder, key, value in
            switch key {
            case "gatewayClassName": break
            case "listeners": decoder.list(value) { decoder, element in decoder.listener(element, &gateway) }
            default: return Self.ignoredSpec.contains(key)
            }
            return true
        }
    }

    private mutating func listener(_ node: YAMLNode, _ gateway: inout GatewayObject) {
        var port: UInt16?
        var isHBONE = false
        var allowed = GatewayObject.AllowedNamespaces.same
        fields(node) { decoder, key, value in
            switch key {
            case "name", "hostname", "tls": break
            case "port": port = decoder.port(value)
            case "protocol": isHBONE = decoder.string(value) == "HBONE"
            case "allowedRoutes":
                decoder.fields(value) { decoder, key, value in
                    if key == "namespaces" { allowed = decoder.allowedNamespaces(value) }
                    return key == "namespaces" || key == "kinds"
                }
            default: return false
            }
            return true
        }
        guard isHBONE, gateway.hbonePort == nil, let port else { return }
        gateway.hbonePort = port
        gateway.allowedNamespaces = allowed
    }

    private mutating func allowedNamespaces(_ node: YAMLNode) -> GatewayObject.AllowedNamespaces {
        var from = "Same"
        // A selector that is missing selects nothing.
        var selector = LabelSelector(matchExpressions: [.in(key: "kubernetes.io/metadata.name", values: [])])
        fields(node) { decoder, key, value in
            switch key {
            case "from": from = decoder.word(value, ["Same": "Same", "All": "All", "Selector": "Selector"]) ?? "Same"
            case "selector": selector = decoder.labelSelector(value)
            default: return false
            }
            return true
        }
        switch from {
        case "All": return .all
        case "Selector": return .selected(selector)
        default: return .same
        }
    }

    private mutating func gatewayAddress(_ node: YAMLNode, _ gateway: inout GatewayObject) {
        guard let value = node["value"]?.string, !value.isEmpty else { return }
        if let address = IPAddress(value) {
            gateway.addresses.append(.ip(address))
        } else if node["type"]?.string ?? "IPAddress" == "Hostname" {
            gateway.addresses.append(.hostname(value))
        } else if gateway.isWaypoint {
            report(.error, at: node, "is neither an IP address nor of type Hostname")
        }
    }
}
