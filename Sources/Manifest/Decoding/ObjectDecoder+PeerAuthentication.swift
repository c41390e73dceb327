// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

extension ObjectDecoder {
    /// Reads a PeerAuthentication; what cannot be understood in it becomes STRICT.
    mutating func peerAuthentication(
        _ node: YAMLNode, _ key: ObjectKey, _ metadata: ObjectMetadata
    ) -> PeerAuthentication {
        var policy = PeerAuthentication(namespace: key.namespace, name: key.name, mode: .unset)
        policy.creationTimestamp = metadata.creationTimestamp
        let mistakesBefore = errorCount + unknownCount
        fields(node) { decoder, key, value in
            switch key {
            case "apiVersion", "kind", "metadata", "status": break
            case "spec": decoder.peerAuthenticationSpec(value, &policy)
            default: return false
            }
            return true
        }
        if errorCount + unknownCount > mistakesBefore {
            policy.mode = .strict
            policy.portLevelMTLS = [:]
            report(.error, at: node, "the policy cannot be understood: what it selects takes mutual TLS only (STRICT)")
        } else if !policy.portLevelMTLS.isEmpty, policy.selector.isEmpty {
            report(.warning, at: node, "portLevelMtls counts only together with a selector; ignored")
        }
        return policy
    }

    private mutating func peerAuthenticationSpec(_ node: YAMLNode, _ policy: inout PeerAuthentication) {
        fields(node) { decoder, key, value in
            switch key {
            case "selector": policy.selector = decoder.workloadSelector(value)
            case "mtls": policy.mode = decoder.mtlsMode(value) ?? .unset
            case "portLevelMtls":
                decoder.fields(value) { decoder, port, value in
                    guard let number = decoder.port(text: port, at: value) else { return true }
                    policy.portLevelMTLS[number] = decoder.mtlsMode(value) ?? .unset
                    return true
                }
            default: return false
            }
            return true
        }
    }

    private mutating func mtlsMode(_ node: YAMLNode) -> PeerAuthentication.Mode? {
        var mode: PeerAuthentication.Mode?
        fields(node) { decoder, key, value in
            guard key == "mode" else { return false }
            mode = decoder.word(
                value, ["UNSET": .unset, "PERMISSIVE": .permissive, "STRICT": .strict, "DISABLE": .disable])
            return true
        }
        return mode
    }

    /// Reads Istio's selector: `matchLabels` only.
    mutating func workloadSelector(_ node: YAMLNode) -> [String: String] {
        var labels: [String: String] = [:]
        fields(node) { decoder, key, value in
            guard key == "matchLabels" else { return false }
            labels = decoder.stringMap(value)
            return true
        }
        return labels
    }
}
