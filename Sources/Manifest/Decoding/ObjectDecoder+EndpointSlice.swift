// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension ObjectDecoder {
    /// Reads an EndpointSlice; slices of address type FQDN have no endpoints for us.
    mutating func endpointSlice(_ node: YAMLNode, _ metadata: ObjectMetadata) -> EndpointSliceObject {
        var slice = EndpointSliceObject()
        slice.serviceName = metadata.labels["kubernetes.io/service-name"] ?? ""
        let hasAddresses = node["addressType"]?.string != "FQDN"
        fields(node) { decoder, key, value in
            switch key {
            case "apiVersion", "kind", "metadata", "addressType": break
            case "ports":
                decoder.list(value) { decoder, element in decoder.slicePort(element, &slice) }
            case "endpoints":
                guard hasAddresses else { break }
                decoder.list(value) { decoder, element in
                    if let endpoint = decoder.sliceEndpoint(element) { slice.endpoints.append(endpoint) }
                }
            default: return false
            }
            return true
        }
        return slice
    }

    private mutating func slicePort(_ node: YAMLNode, _ slice: inout EndpointSliceObject) {
        var name = ""
        var number: UInt16?
        var isTCP = true
        fields(node) { decoder, key, value in
            switch key {
            case "name": name = decoder.string(value) ?? ""
            case "port": number = decoder.port(value)
            case "protocol": isTCP = decoder.string(value) ?? "TCP" == "TCP"
            case "appProtocol": break
            default: return false
            }
            return true
        }
        if isTCP, let number { slice.ports[name] = number }
    }

    /// Reads an endpoint; nil for one without an address.
    private mutating func sliceEndpoint(_ node: YAMLNode) -> EndpointSliceObject.Endpoint? {
        var addresses: [IPAddress] = []
        var endpoint = EndpointSliceObject.Endpoint(address: IPAddress(v4: 0))
        fields(node) { decoder, key, value in
            switch key {
            case "addresses":
                decoder.list(value) { decoder, element in
                    if let address = decoder.address(element) { addresses.append(address) }
                }
            case "conditions": decoder.sliceConditions(value, &endpoint)
            case "targetRef":
                if value["kind"]?.string == "Pod" { endpoint.podName = value["name"]?.string ?? "" }
            case "nodeName": endpoint.nodeName = decoder.string(value) ?? ""
            case "zone": endpoint.zone = decoder.string(value) ?? ""
            case "hostname", "hints", "deprecatedTopology": break
            default: return false
            }
            return true
        }
        guard let address = addresses.first else { return nil }
        endpoint.address = address
        return endpoint
    }

    private mutating func sliceConditions(_ node: YAMLNode, _ endpoint: inout EndpointSliceObject.Endpoint) {
        var isServing: Bool?
        fields(node) { decoder, key, value in
            switch key {
            case "ready": endpoint.isReady = decoder.boolean(value) ?? true
            case "serving": isServing = decoder.boolean(value)
            case "terminating": endpoint.isTerminating = decoder.boolean(value) ?? false
            default: return false
            }
            return true
        }
        endpoint.isServing = isServing ?? endpoint.isReady
    }
}
