// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

extension ObjectDecoder {
    private static let ignoredSpec: Set<String> = ["location", "exportTo"]

    /// Reads a WorkloadEntry.
    mutating func workloadEntry(_ node: YAMLNode) -> WorkloadEntryObject {
        var entry = WorkloadEntryObject()
        fields(node) { decoder, key, value in
            switch key {
            case "apiVersion", "kind", "metadata", "status": break
            case "spec": entry = decoder.workloadEntrySpec(value)
            default: return false
            }
            return true
        }
        return entry
    }

    private mutating func workloadEntrySpec(_ node: YAMLNode) -> WorkloadEntryObject {
        var entry = WorkloadEntryObject()
        fields(node) { decoder, key, value in
            switch key {
            case "address":
                guard let text = decoder.string(value), !text.isEmpty else { break }
                entry.address = IPAddress(text)
                if entry.address == nil {
                    decoder.report(
                        .warning, at: value, "is no IP address; the mesh does not resolve names, so it is not used")
                }
            case "ports":
                decoder.fields(value) { decoder, name, value in
                    if let port = decoder.port(value) { entry.ports[name] = port }
                    return true
                }
            case "labels": entry.labels = decoder.stringMap(value)
            case "network": entry.network = decoder.string(value) ?? ""
            case "locality":
                let parts = (decoder.string(value) ?? "").split(separator: "/", omittingEmptySubsequences: false)
                entry.locality = Locality(
                    region: String(parts.first ?? ""), zone: parts.count > 1 ? String(parts[1]) : "",
                    subzone: parts.count > 2 ? String(parts[2]) : "")
            case "weight":
                let weight = decoder.integer(value, in: 0...Int64(UInt32.max)) ?? 0
                entry.weight = weight == 0 ? 1 : UInt32(weight)
            case "serviceAccount":
                guard let name = decoder.string(value), !name.isEmpty else { break }
                if !Self.isName(name) { decoder.report(.error, at: value, "must be a DNS name") }
                entry.serviceAccount = name
            default: return false
            }
            return true
        }
        return entry
    }

    /// Reads a ServiceEntry.
    mutating func serviceEntry(_ node: YAMLNode, _ metadata: ObjectMetadata) -> ServiceEntryObject {
        var entry = ServiceEntryObject()
        fields(node) { decoder, key, value in
            switch key {
            case "apiVersion", "kind", "metadata", "status": break
            case "spec": decoder.serviceEntrySpec(value, &entry)
            default: return false
            }
            return true
        }
        if entry.hosts.isEmpty { report(.error, at: node, "needs at least one host (spec.hosts)") }
        if entry.resolution == .dns, !entry.addresses.isEmpty, entry.workloadSelector == nil,
            !entry.endpoints.contains(where: { $0.address != nil })
        {
            report(
                .warning, at: node,
                "resolution DNS needs names resolved, which the mesh does not do: list endpoints by IP address")
        }
        return entry
    }

    private mutating func serviceEntrySpec(_ node: YAMLNode, _ entry: inout ServiceEntryObject) {
        fields(node) { decoder, key, value in
            switch key {
            case "hosts": entry.hosts = decoder.strings(value)
            case "addresses":
                decoder.list(value) { decoder, element in
                    guard let text = decoder.string(element) else { return }
                    if let block = CIDR(text) {
                        entry.addresses.append(block)
                    } else {
                        decoder.report(.error, at: element, "must be an IP address or CIDR block")
                    }
                }
            case "ports":
                decoder.list(value) { decoder, element in
                    if let port = decoder.serviceEntryPort(element) { entry.ports.append(port) }
                }
            case "resolution":
                entry.resolution =
                    decoder.word(
                        value,
                        [
                            "NONE": .none, "STATIC": .static, "DNS": .dns, "DNS_ROUND_ROBIN": .dns, "DYNAMIC_DNS": .dns,
                        ]) ?? .none
            case "endpoints":
                decoder.list(value) { decoder, element in entry.endpoints.append(decoder.workloadEntrySpec(element)) }
            case "workloadSelector":
                if value.isNull { break }
                decoder.fields(value) { decoder, key, value in
                    guard key == "labels" else { return false }
                    entry.workloadSelector = decoder.stringMap(value)
                    return true
                }
            case "subjectAltNames": entry.subjectAltNames = decoder.strings(value)
            case "exportTo": if decoder.strings(value) == ["."] { entry.visibility = .namespace }
            default: return Self.ignoredSpec.contains(key)
            }
            return true
        }
    }

    private mutating func serviceEntryPort(_ node: YAMLNode) -> ServiceEntryObject.Port? {
        var number: UInt16?
        var name = ""
        var target: UInt16?
        var isTCP = true
        var application: ApplicationProtocol?
        let errorsBefore = errorCount
        fields(node) { decoder, key, value in
            switch key {
            case "number": number = decoder.port(value)
            case "name": name = decoder.string(value) ?? ""
            case "targetPort": if value.integer != 0 { target = decoder.port(value) }
            case "protocol":
                let word = decoder.string(value) ?? ""
                isTCP = word != "UDP"
                application = ApplicationProtocol(appProtocol: word)
            default: return false
            }
            return true
        }
        guard let number else {
            if errorCount == errorsBefore { report(.error, at: node, "the port has no number") }
            return nil
        }
        guard isTCP else { return nil }
        return ServiceEntryObject.Port(
            name: name, number: number, targetPort: target,
            applicationProtocol: application ?? ApplicationProtocol(portName: name))
    }
}
