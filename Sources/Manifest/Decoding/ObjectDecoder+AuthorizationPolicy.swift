// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

extension ObjectDecoder {
    /// Reads an AuthorizationPolicy into what the node can enforce (design §3: what cannot be understood fails closed).
    ///
    /// - An unknown or wrong field of the policy itself makes it unreadable: an ALLOW matches nothing, a DENY everything.
    /// - An unknown or wrong field inside a rule is left out and flagged: the ALLOW rule matches nothing, the DENY rule is
    ///   enforced without it.
    /// - An unknown action denies. CUSTOM, whose provider only a waypoint can ask, denies what its rules match.
    mutating func authorizationPolicy(
        _ node: YAMLNode, _ key: ObjectKey, _ metadata: ObjectMetadata
    ) -> AuthorizationPolicyObject {
        var object = AuthorizationPolicyObject(
            policy: AuthorizationPolicy(namespace: key.namespace, name: key.name, action: .allow))
        switch metadata.annotations["istio.io/dry-run"] {
        case nil, "false", "": break
        case "true": object.policy.isDryRun = true
        default:
            report(.warning, at: node, "annotation istio.io/dry-run must be true or false; the policy is enforced")
        }
        fields(node) { decoder, key, value in
            switch key {
            case "apiVersion", "kind", "metadata", "status": break
            case "spec":
                if !value.isNull, value.kind != .mapping { object.policy.isUnreadable = true }
                decoder.policySpec(value, &object)
            default: return false
            }
            return true
        }
        if object.policy.isUnreadable, !object.isForWaypoints {
            let effect = object.policy.action == .allow ? "it allows nothing" : "it denies everything it selects"
            report(.error, at: node, "the policy cannot be understood: \(effect)")
        }
        return object
    }

    private mutating func policySpec(_ node: YAMLNode, _ object: inout AuthorizationPolicyObject) {
        // What a rule's fields mean depends on these two, wherever they stand.
        field("action", of: node) { decoder, value in decoder.action(value, &object) }
        object.isForWaypoints = hasItems(node["targetRef"]) || hasItems(node["targetRefs"])
        fields(node) { decoder, key, value in
            switch key {
            case "action", "targetRef", "provider": break
            case "targetRefs":
                if !value.isNull, value.kind != .sequence {
                    decoder.reportType(value, expected: "a list")
                    object.policy.isUnreadable = true
                }
            case "selector":
                let mistakesBefore = decoder.errorCount + decoder.unknownCount
                object.policy.selector = decoder.workloadSelector(value)
                if decoder.errorCount + decoder.unknownCount > mistakesBefore { object.policy.isUnreadable = true }
                if object.isForWaypoints, !value.isNull {
                    decoder.report(.error, at: value, "a policy has either a selector or targetRefs; remove one")
                    object.isForWaypoints = false
                    object.policy.isUnreadable = true
                }
            case "rules":
                if !value.isNull, value.kind != .sequence || value.elements.contains(where: \.isNull) {
                    object.policy.isUnreadable = true
                }
                decoder.list(value) { decoder, element in
                    let rule = decoder.rule(element, object)
                    object.policy.rules.append(rule)
                }
            default:
                object.policy.isUnreadable = true
                return false
            }
            return true
        }
    }

    private func hasItems(_ node: YAMLNode?) -> Bool {
        guard let node else { return false }
        return node.count > 0
    }

    private mutating func action(_ node: YAMLNode, _ object: inout AuthorizationPolicyObject) {
        switch node.string {
        case "ALLOW": break
        case "DENY": object.policy.action = .deny
        case "AUDIT":
            object.isAudit = true
            report(.warning, at: node, "AUDIT is not supported; the policy has no effect")
        case "CUSTOM":
            object.policy.action = .deny
            report(
                .warning, at: node,
                "only a waypoint can ask the provider: the node denies what the rules match; bind it with targetRefs")
        default:
            object.policy.action = .deny
            object.policy.isUnreadable = true
            report(.error, at: node, "must be ALLOW, DENY, AUDIT or CUSTOM")
        }
    }

    private mutating func rule(
        _ node: YAMLNode, _ object: AuthorizationPolicyObject
    ) -> AuthorizationPolicy.Rule {
        let scope = PolicyScope(object)
        var rule = AuthorizationPolicy.Rule()
        var isReadable = node.kind == .mapping
        fields(node) { decoder, key, value in
            let clause: AuthorizationPolicy.Clause
            switch key {
            case "from": clause = decoder.clause(value) { $0.wrapped("source", $1, scope, Self.readSource) }
            case "to": clause = decoder.clause(value) { $0.wrapped("operation", $1, scope, Self.readOperation) }
            case "when":
                // Conditions are a clause each: all of them must hold.
                let conditions = decoder.clause(value) { $0.condition($1, scope) }
                rule.clauses += conditions.matches.map { AuthorizationPolicy.Clause(matches: [$0]) }
                return true
            default:
                isReadable = false
                return false
            }
            // An empty list asks for nothing, as if it were absent.
            if !clause.matches.isEmpty { rule.clauses.append(clause) }
            return true
        }
        if !isReadable { rule.clauses.append(AuthorizationPolicy.Clause(matches: [Self.unreadableMatch])) }
        let isAffected = rule.clauses.contains { $0.matches.contains { $0.omits.contains(.unreadable) } }
        if isAffected, !object.isForWaypoints {
            report(
                .error, at: node,
                object.policy.action == .allow
                    ? "this rule cannot be understood: it allows nothing"
                    : "this rule cannot be understood: it denies without regard to what is wrong in it")
        }
        return rule
    }

    private static var unreadableMatch: AuthorizationPolicy.Match {
        var match = AuthorizationPolicy.Match()
        match.omits = .unreadable
        return match
    }

    /// Reads a list of alternatives; what is no proper item becomes a match that is flagged.
    private mutating func clause(
        _ node: YAMLNode, _ read: (inout ObjectDecoder, YAMLNode) -> AuthorizationPolicy.Match
    ) -> AuthorizationPolicy.Clause {
        var clause = AuthorizationPolicy.Clause()
        if !node.isNull, node.kind != .sequence || node.elements.contains(where: \.isNull) {
            clause.matches.append(Self.unreadableMatch)
        }
        list(node) { decoder, element in
            let match = read(&decoder, element)
            clause.matches.append(match)
        }
        return clause
    }

    /// Reads `{source: {…}}` or `{operation: {…}}`, which may not be empty.
    private mutating func wrapped(
        _ name: String, _ node: YAMLNode, _ scope: PolicyScope,
        _ read: (inout ObjectDecoder, String, YAMLNode, PolicyScope, inout AuthorizationPolicy.Match) -> Bool
    ) -> AuthorizationPolicy.Match {
        var match = AuthorizationPolicy.Match()
        let mistakesBefore = errorCount + unknownCount
        var isEmpty = true
        fields(node) { decoder, key, value in
            guard key == name else { return false }
            decoder.fields(value) { decoder, key, value in
                isEmpty = false
                return read(&decoder, key, value, scope, &match)
            }
            return true
        }
        if errorCount + unknownCount > mistakesBefore {
            match.omits.insert(.unreadable)
        } else if isEmpty {
            report(.error, at: node, "\(name) must not be empty")
            match.omits.insert(.unreadable)
        }
        return match
    }
}

/// What the reading of a rule must know about its policy.
struct PolicyScope {
    let namespace: String
    private let isForWaypoints: Bool
    private let action: AuthorizationPolicy.Action

    init(_ object: AuthorizationPolicyObject) {
        namespace = object.policy.namespace
        isForWaypoints = object.isForWaypoints
        action = object.policy.action
    }

    /// What to say about a field that needs HTTP; nil when a waypoint, which reads HTTP, has the policy.
    var layer7Text: String? {
        if isForWaypoints { return nil }
        return action == .allow
            ? "needs HTTP, which the node does not read: the rule allows nothing; bind the policy with targetRefs"
            : "needs HTTP, which the node does not read: the rule denies without it; bind the policy with targetRefs"
    }
}
