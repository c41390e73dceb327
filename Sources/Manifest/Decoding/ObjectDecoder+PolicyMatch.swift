// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

extension ObjectDecoder {
    typealias Match = AuthorizationPolicy.Match

    /// Reads a field of `from.source`.
    static func readSource(
        _ decoder: inout ObjectDecoder, _ key: String, _ value: YAMLNode, _ scope: PolicyScope, _ match: inout Match
    ) -> Bool {
        switch key {
        case "principals": match.principals = decoder.values(value, principal)
        case "notPrincipals": match.notPrincipals = decoder.values(value, principal)
        case "namespaces": match.namespaces = decoder.values(value, pattern)
        case "notNamespaces": match.notNamespaces = decoder.values(value, pattern)
        case "ipBlocks": match.sourceIPs = decoder.values(value, block)
        case "notIpBlocks": match.notSourceIPs = decoder.values(value, block)
        case "serviceAccounts": match.serviceAccounts = decoder.values(value) { serviceAccount($0, scope) }
        case "notServiceAccounts": match.notServiceAccounts = decoder.values(value) { serviceAccount($0, scope) }
        case "requestPrincipals", "notRequestPrincipals", "remoteIpBlocks", "notRemoteIpBlocks":
            decoder.omitLayer7(value, scope, &match)
        default: return false
        }
        return true
    }

    /// Reads a field of `to.operation`.
    static func readOperation(
        _ decoder: inout ObjectDecoder, _ key: String, _ value: YAMLNode, _ scope: PolicyScope, _ match: inout Match
    ) -> Bool {
        switch key {
        case "ports": match.destinationPorts = decoder.values(value, portValue)
        case "notPorts": match.notDestinationPorts = decoder.values(value, portValue)
        case "hosts", "notHosts", "methods", "notMethods", "paths", "notPaths":
            decoder.omitLayer7(value, scope, &match)
        default: return false
        }
        return true
    }

    /// Reads one condition of `when`.
    mutating func condition(_ node: YAMLNode, _ scope: PolicyScope) -> Match {
        var match = Match()
        let mistakesBefore = errorCount + unknownCount
        let key = node["key"]?.string ?? ""
        var hasValues = false
        fields(node) { decoder, field, value in
            switch field {
            case "key":
                if value.string == nil { decoder.reportType(value, expected: "a string") }
            case "values", "notValues":
                hasValues = hasValues || value.count > 0
                decoder.conditionValues(key, value, isNot: field == "notValues", scope, &match)
            default: return false
            }
            return true
        }
        if errorCount + unknownCount == mistakesBefore {
            if !hasValues {
                report(.error, at: node, "a condition needs values or notValues")
            } else if !Self.isConditionKey(key) {
                report(.error, at: node, "unknown condition key \(printable(key))")
            }
        }
        if errorCount + unknownCount > mistakesBefore { match.omits.insert(.unreadable) }
        return match
    }

    private static func isConditionKey(_ key: String) -> Bool {
        switch key {
        case "source.ip", "source.namespace", "source.principal", "source.serviceAccount", "destination.ip",
            "destination.port":
            true
        default: isLayer7Key(key)
        }
    }

    private static func isLayer7Key(_ key: String) -> Bool {
        key == "remote.ip" || key == "connection.sni" || key == "source.trustDomain" || key.hasPrefix("request.")
            || key.hasPrefix("experimental.")
    }

    private mutating func conditionValues(
        _ key: String, _ node: YAMLNode, isNot: Bool, _ scope: PolicyScope, _ match: inout Match
    ) {
        switch (key, isNot) {
        case ("source.ip", false): match.sourceIPs = values(node, Self.block)
        case ("source.ip", true): match.notSourceIPs = values(node, Self.block)
        case ("source.namespace", false): match.namespaces = values(node, Self.pattern)
        case ("source.namespace", true): match.notNamespaces = values(node, Self.pattern)
        case ("source.principal", false): match.principals = values(node, Self.principal)
        case ("source.principal", true): match.notPrincipals = values(node, Self.principal)
        case ("source.serviceAccount", false):
            match.serviceAccounts = values(node) { Self.serviceAccount($0, scope) }
        case ("source.serviceAccount", true):
            match.notServiceAccounts = values(node) { Self.serviceAccount($0, scope) }
        case ("destination.ip", false): match.destinationIPs = values(node, Self.block)
        case ("destination.ip", true): match.notDestinationIPs = values(node, Self.block)
        case ("destination.port", false): match.destinationPorts = values(node, Self.portValue)
        case ("destination.port", true): match.notDestinationPorts = values(node, Self.portValue)
        case (_, _) where Self.isLayer7Key(key): omitLayer7(node, scope, &match)
        default: break
        }
    }

    // MARK: - Values

    /// Reads a list of strings that `parse` must understand, all of them: one that is wrong makes the field void.
    ///
    /// The caller sees from `errorCount` that something was wrong, and flags the match.
    private mutating func values<Value>(_ node: YAMLNode, _ parse: (String) -> Value?) -> [Value] {
        var result: [Value] = []
        let errorsBefore = errorCount
        list(node) { decoder, element in
            guard let text = decoder.string(element) else { return }
            if let value = parse(text) {
                result.append(value)
            } else {
                decoder.report(.error, at: element, "this value cannot be understood: \"\(printable(text))\"")
            }
        }
        return errorCount == errorsBefore ? result : []
    }

    /// Leaves out a field that says something about HTTP.
    private mutating func omitLayer7(_ node: YAMLNode, _ scope: PolicyScope, _ match: inout Match) {
        // An empty list asks for nothing.
        let errorsBefore = errorCount
        guard !strings(node).isEmpty || errorCount > errorsBefore else { return }
        match.omits.insert(.layer7)
        if let text = scope.layer7Text { report(.warning, at: node, text) }
    }

    private static func pattern(_ text: String) -> StringMatch? {
        text.isEmpty ? nil : StringMatch(pattern: text)
    }

    /// A SPIFFE ID without its scheme; who writes the scheme means the same.
    private static func principal(_ text: String) -> StringMatch? {
        pattern(text.hasPrefix("spiffe://") ? String(text.dropFirst("spiffe://".count)) : text)
    }

    private static func block(_ text: String) -> CIDR? { CIDR(text) }

    private static func portValue(_ text: String) -> UInt16? { port(text) }

    /// `namespace/name`, or a name in the policy's namespace.
    private static func serviceAccount(_ text: String, _ scope: PolicyScope) -> ServiceAccountMatch? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2, parts.allSatisfy(isName) else { return nil }
        return ServiceAccountMatch(
            namespace: parts.count == 2 ? parts[0] : scope.namespace, name: parts[parts.count - 1])
    }
}
