// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import HTTP
internal import Mesh
internal import RegularExpressions

extension RouteTable {
    /// Changes the head of a request as its rule and its backend say: header fields, authority, path.
    ///
    /// Once per request, before the first try; mirrors get a copy of what comes out.
    ///
    /// - Complexity: does not allocate once head and `scratch` have grown, but for rewrites by a regular expression.
    package func applyRequestFilters(
        _ decision: RouteDecision, to head: inout RequestHead, scratch: inout RouteScratch
    ) {
        let own = rules[decision.rule.position].filters
        let prefix = prefixLength(of: decision, head)
        apply(own.request, to: &head)
        rewrite(own, prefix, &head, &scratch)
        guard case .forward(let backend) = decision.outcome else { return }
        let other = backends[backend.position].filters
        if other.isEmpty { return }
        apply(other.request, to: &head)
        rewrite(other, prefix, &head, &scratch)
    }

    /// Changes the head of a response as the rule and the backend say.
    ///
    /// - Parameter origin: value of the request's Origin field; empty when it has none.
    package func applyResponseFilters(
        _ decision: RouteDecision, origin: Span<UInt8>, to head: inout ResponseHead
    ) {
        let own = rules[decision.rule.position].filters
        if let cors = own.cors { apply(corsPolicies[Int(cors)], origin: origin, to: &head.fields) }
        apply(own.response, to: &head.fields)
        guard case .forward(let backend) = decision.outcome else { return }
        apply(backends[backend.position].filters.response, to: &head.fields)
    }

    /// Whether `applyResponseFilters` can change anything: when not, the Origin field need not be kept.
    package func hasResponseFilters(_ decision: RouteDecision) -> Bool {
        let own = rules[decision.rule.position].filters
        if own.cors != nil || !own.response.isEmpty { return true }
        guard case .forward(let backend) = decision.outcome else { return false }
        return !backends[backend.position].filters.response.isEmpty
    }

    // MARK: Header fields

    private func apply(_ operations: IndexRange, to head: inout RequestHead) {
        for position in operations.positions {
            let operation = headerOperations[position]
            if operation.kind == .setAuthority {
                head.setAuthority(octets(operation.value))
            } else {
                apply(operation, to: &head.fields)
            }
        }
    }

    private func apply(_ operations: IndexRange, to fields: inout FieldList) {
        for position in operations.positions { apply(headerOperations[position], to: &fields) }
    }

    private func apply(_ operation: HeaderOperation, to fields: inout FieldList) {
        switch operation.kind {
        case .remove: fields.remove(octets(operation.name))
        case .set: fields.set(name: octets(operation.name), value: octets(operation.value))
        case .add: fields.append(name: octets(operation.name), value: octets(operation.value))
        case .setAuthority: break
        }
    }

    // MARK: Target

    /// How many octets of the path the request's condition was about.
    private func prefixLength(of decision: RouteDecision, _ head: borrowing RequestHead) -> Int {
        guard let entry = decision.entry, let length = entries[Int(entry)].prefixLength else { return head.path.count }
        return min(Int(length), head.path.count)
    }

    private func rewrite(
        _ filters: FilterRecord, _ prefixLength: Int, _ head: inout RequestHead, _ scratch: inout RouteScratch
    ) {
        if let host = filters.host { head.setAuthority(octets(host)) }
        guard let path = filters.path else { return }
        scratch.built.removeAll(keepingCapacity: true)
        append(path, of: head.path, prefixLength: min(prefixLength, head.path.count), to: &scratch.built)
        if head.hasQuery {
            scratch.built.append(UInt8(ascii: "?"))
            scratch.built.append(copying: head.query)
        }
        head.setTarget(scratch.built.span)
    }

    /// Appends the path that a rewrite makes of `path`.
    func append(
        _ rewrite: PathRewriteRecord, of path: Span<UInt8>, prefixLength: Int, to built: inout [UInt8]
    ) {
        switch rewrite {
        case .full(let range): built.append(copying: octets(range))
        case .matched(let range):
            built.append(copying: octets(range))
            built.append(copying: path.extracting(droppingFirst: prefixLength))
        case .elements(let range):
            var value = octets(range)
            if value.count > 0, value[value.count - 1] == UInt8(ascii: "/") {
                value = value.extracting(droppingLast: 1)
            }
            let rest = path.extracting(droppingFirst: prefixLength)
            built.append(copying: value)
            if rest.count > 0, rest[0] != UInt8(ascii: "/") { built.append(UInt8(ascii: "/")) }
            built.append(copying: rest)
            if value.count + rest.count == 0 { built.append(UInt8(ascii: "/")) }
        case .regex(let expression, let substitution):
            expressions[Int(expression)].replaceAll(in: path, with: octets(substitution), into: &built)
        }
        if built.isEmpty { built.append(UInt8(ascii: "/")) }
    }
}

// MARK: - Answers without a backend

extension RouteTable {
    /// Writes the answer of a decision `redirect`: status and Location.
    package func writeRedirect(
        _ decision: RouteDecision, for head: borrowing RequestHead, into response: inout ResponseHead,
        scratch: inout RouteScratch
    ) {
        guard case .redirect(let index) = rules[decision.rule.position].action else { return }
        let redirect = redirects[Int(index)]
        scratch.built.removeAll(keepingCapacity: true)
        if let scheme = redirect.scheme {
            scratch.built.append(copying: octets(scheme))
        } else {
            scratch.built.append(copying: head.scheme)
        }
        let isTLS = redirect.scheme.map { isSecure($0) } ?? head.scheme.equals("https")
        scratch.built.append(copying: StaticString("://").bytes)
        appendAuthority(redirect, isSecure: isTLS, head, port(of: decision.scope), to: &scratch.built)
        if let path = redirect.path {
            scratch.joined.removeAll(keepingCapacity: true)
            append(path, of: head.path, prefixLength: prefixLength(of: decision, head), to: &scratch.joined)
            scratch.appendJoined()
        } else {
            scratch.built.append(copying: head.path)
        }
        if head.hasQuery {
            scratch.built.append(UInt8(ascii: "?"))
            scratch.built.append(copying: head.query)
        }
        response.status = redirect.status
        response.fields.set(name: "location", value: scratch.built.span)
    }

    private func isSecure(_ scheme: TextRange) -> Bool { octets(scheme).equals("https") }

    private func appendAuthority(
        _ redirect: RedirectRecord, isSecure: Bool, _ head: borrowing RequestHead, _ requestPort: UInt16,
        to built: inout [UInt8]
    ) {
        let authority = head.authority
        let end = authority.endOfHost
        if let host = redirect.host {
            built.append(copying: octets(host))
        } else {
            built.append(copying: authority.extracting(first: end))
        }
        let standard: UInt16 = isSecure ? 443 : 80
        switch redirect.port {
        case .ofScheme: break
        case .ofRequest: built.append(port: requestPort, unless: standard)
        case .number(let port): built.append(port: port, unless: standard)
        case .keep:
            guard redirect.host == nil, end < authority.count else { break }
            // The port that went without saying for the old scheme must not stay with the new one.
            let port = authority.extracting(droppingFirst: end)
            let isOld = head.scheme.equals("https") ? port.equals(":443") : port.equals(":80")
            if redirect.scheme == nil || !isOld { built.append(copying: port) }
        }
    }

    /// Writes the answer of a decision `respond`: the status; the content is `directBody(of:)`.
    package func writeDirectResponse(_ decision: RouteDecision, into response: inout ResponseHead) {
        guard case .respond(let index) = rules[decision.rule.position].action else { return }
        response.status = responses[Int(index)].status
        if !responses[Int(index)].body.isEmpty {
            response.fields.set(name: "content-type", value: StaticString("text/plain").bytes)
        }
    }

    /// The content of the answer of a decision `respond`.
    package func directBody(of decision: RouteDecision) -> [UInt8] {
        guard case .respond(let index) = rules[decision.rule.position].action else { return [] }
        return responses[Int(index)].body
    }
}

extension Span where Element == UInt8 {
    /// Where the host of an authority ends: at the colon before its port, or at the end.
    var endOfHost: Int {
        var index = count
        while index > 0 {
            index -= 1
            if self[index] == UInt8(ascii: ":") { return index }
            if self[index] < 0x30 || self[index] > 0x39 { return count }
        }
        return count
    }
}

extension [UInt8] {
    fileprivate mutating func append(port: UInt16, unless standard: UInt16) {
        if port == standard { return }
        append(UInt8(ascii: ":"))
        var divisor: UInt16 = 10_000
        while divisor > port { divisor /= 10 }
        while divisor > 0 {
            append(UInt8(ascii: "0") + UInt8(port / divisor % 10))
            divisor /= 10
        }
    }
}
