// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import HTTP
internal import Mesh

/// What scripts of other origins may do: numbers only.
struct CORSRecord: Sendable {
    /// Conditions on the origin, in `RouteTable.conditions`.
    let origins: IndexRange
    /// Comma-separated lists as they are written.
    let methods: TextRange
    let headers: TextRange
    let exposed: TextRange
    /// Whether the list is `*`.
    let allowsAllMethods: Bool
    let allowsAllHeaders: Bool
    let exposesAll: Bool
    let maxAge: TextRange
    let allowsCredentials: Bool
    let forwardsUnmatchedPreflights: Bool
}

extension RouteTable {
    /// Answers a preflight (OPTIONS with Origin and Access-Control-Request-Method) if the rule has a CORS policy.
    ///
    /// Asked before the fault and the backend count.
    ///
    /// - Returns: whether `response` is the answer, without content; otherwise go on with the decision.
    package func answerPreflight(
        _ decision: RouteDecision, _ head: borrowing RequestHead, into response: inout ResponseHead
    ) -> Bool {
        guard head.method == .options, let index = rules[decision.rule.position].filters.cors,
            let origin = head.fields.firstIndex(of: "origin"),
            let method = head.fields.firstIndex(of: "access-control-request-method")
        else { return false }
        let policy = corsPolicies[Int(index)]
        guard allows(policy, origin: head.fields.value(origin)) else {
            if policy.forwardsUnmatchedPreflights { return false }
            response.status = 200
            return true
        }
        response.status = 200
        apply(policy, origin: head.fields.value(origin), to: &response.fields)
        if policy.allowsAllMethods, policy.allowsCredentials {
            response.fields.set(name: "access-control-allow-methods", value: head.fields.value(method))
        } else if !policy.methods.isEmpty {
            response.fields.set(name: "access-control-allow-methods", value: octets(policy.methods))
        }
        if policy.allowsAllHeaders, policy.allowsCredentials {
            if let wanted = head.fields.firstIndex(of: "access-control-request-headers") {
                response.fields.set(name: "access-control-allow-headers", value: head.fields.value(wanted))
            }
        } else if !policy.headers.isEmpty {
            response.fields.set(name: "access-control-allow-headers", value: octets(policy.headers))
        }
        if !policy.maxAge.isEmpty {
            response.fields.set(name: "access-control-max-age", value: octets(policy.maxAge))
        }
        return true
    }

    private func allows(_ policy: CORSRecord, origin: Span<UInt8>) -> Bool {
        for position in policy.origins.positions where holds(conditions[position], origin) { return true }
        return false
    }

    /// Tells a script's browser that it may see a response.
    func apply(_ policy: CORSRecord, origin: Span<UInt8>, to fields: inout FieldList) {
        guard !origin.isEmpty, allows(policy, origin: origin) else { return }
        // The origin is echoed, never `*`: right with and without credentials.
        fields.set(name: "access-control-allow-origin", value: origin)
        if policy.allowsCredentials {
            fields.set(name: "access-control-allow-credentials", value: StaticString("true").bytes)
        }
        // With credentials `*` is the name of a field, not all fields (Fetch standard).
        if !policy.exposed.isEmpty, !(policy.exposesAll && policy.allowsCredentials) {
            fields.set(name: "access-control-expose-headers", value: octets(policy.exposed))
        }
    }
}
