// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import HTTP
internal import Mesh

extension RouteTable {
    /// Decides about one request.
    ///
    /// Faults, backend and mirrors are drawn independently of each other; the shares of the backends are exact in the long run, and
    /// a seed repeats them.
    ///
    /// - Parameters:
    ///   - head: its head, as the client sent it (the path normalised).
    ///   - scope: what it is addressed to; the Host field does not count (reference: the VIP decides).
    ///   - client: who sends it.
    /// - Complexity: O(length of the path and the header fields), plus the entries that share what they are filed under with the request;
    ///   does not allocate once `scratch` has grown to the longest repeated header field.
    package func decide(
        _ head: borrowing RequestHead, in scope: RouteScope, from client: RouteClient, random: inout RandomSource,
        scratch: inout RouteScratch
    ) -> RouteDecision {
        guard let group = group(scope, client) else { return draw(.default, entry: nil, scope, &random) }
        guard let entry = firstEntry(in: group, head, client, &scratch) else {
            return RouteDecision(
                outcome: .noRoute, rule: .default, entry: nil, fault: .none, mirrors: 0, scope: scope)
        }
        return draw(entries[Int(entry)].rule, entry: entry, scope, &random)
    }

    /// The rules for a client: those for its namespace, else those for everyone; nil: nothing is said.
    private func group(_ scope: RouteScope, _ client: RouteClient) -> Int? {
        var found: UInt32?
        for position in scopes[scope.position].bindings.positions {
            let binding = bindings[position]
            guard let group = binding.group else { continue }
            if binding.namespace == 0 {
                if found == nil { found = group }
            } else if binding.namespace == client.namespace {
                return Int(group)
            }
        }
        return found.map { Int($0) }
    }

    // MARK: Drawing

    private func draw(
        _ rule: RuleIndex, entry: UInt32?, _ scope: RouteScope, _ random: inout RandomSource
    ) -> RouteDecision {
        let record = rules[rule.position]
        let fault = draw(record.fault, &random)
        let outcome: RouteDecision.Outcome
        var copies: UInt32 = 0
        switch record.action {
        case .scope: outcome = .forward(BackendIndex(0))
        case .fail: outcome = .invalidBackend
        case .redirect: outcome = .redirect
        case .respond: outcome = .respond
        case .forward(let range, let total):
            if let backend = draw(range, total, &random), backends[backend.position].cluster != nil {
                outcome = .forward(backend)
                copies = draw(record.filters.mirrors, backends[backend.position].filters.mirrors, &random)
            } else {
                outcome = .invalidBackend
            }
        }
        return RouteDecision(
            outcome: outcome, rule: rule, entry: entry, fault: fault, mirrors: copies, scope: scope)
    }

    private func draw(_ fault: Fault, _ random: inout RandomSource) -> InjectedFault {
        if fault.isEmpty { return .none }
        let isDelayed = isDrawn(fault.delayPartsPerMillion, &random)
        let isAborted = isDrawn(fault.abortPartsPerMillion, &random)
        return InjectedFault(delay: isDelayed ? fault.delay : Nanoseconds(0), abort: isAborted ? fault.abort : nil)
    }

    private func isDrawn(_ partsPerMillion: UInt32, _ random: inout RandomSource) -> Bool {
        if partsPerMillion == 0 { return false }
        return partsPerMillion >= 1_000_000 || random.next(upperBound: UInt64(1_000_000)) < UInt64(partsPerMillion)
    }

    /// One of the backends by weight; nil: there is none.
    func draw(_ range: IndexRange, _ total: UInt64, _ random: inout RandomSource) -> BackendIndex? {
        if total == 0 { return nil }
        if range.count == 1 { return BackendIndex(Int(range.start)) }
        let mark = random.next(upperBound: total)
        var low = Int(range.start)
        var high = low + Int(range.count) - 1
        while low < high {
            let middle = (low + high) / 2
            if backends[middle].cumulativeWeight <= mark { low = middle + 1 } else { high = middle }
        }
        return BackendIndex(low)
    }

    private func draw(_ own: IndexRange, _ others: IndexRange, _ random: inout RandomSource) -> UInt32 {
        var bits: UInt32 = 0
        for number in 0..<min(32, Int(own.count) + Int(others.count)) {
            let isOwn = number < Int(own.count)
            let mirror = mirrors[isOwn ? Int(own.start) + number : Int(others.start) + number - Int(own.count)]
            if mirror.cluster != nil, isDrawn(mirror.partsPerMillion, &random) { bits |= 1 << UInt32(number) }
        }
        return bits
    }
}
