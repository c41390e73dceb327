// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import Mesh

/// Conditions on one connection that is not HTTP: numbers only.
struct StreamMatchRecord: Sendable {
    /// In `RouteTable.serverNames`; empty: no condition.
    let serverNames: IndexRange
    /// In `RouteTable.addressBlocks`; empty: no condition.
    let destinations: IndexRange
    /// In `RouteTable.addressBlocks`; empty: no condition.
    let sources: IndexRange
    /// 0: no condition.
    let namespace: UInt32
    /// Whether `namespace` is a condition.
    let hasNamespace: Bool
    /// In `RouteTable.labelSets`; nil: no condition.
    let labels: UInt32?
}

/// What is known of a connection that is not HTTP.
package struct StreamFacts: Sendable {
    /// Who made it.
    package var client: RouteClient
    /// The address it comes from.
    package var source: IPAddress
    /// The address it was made to.
    package var destination: IPAddress

    /// Puts them together.
    package init(client: RouteClient, source: IPAddress, destination: IPAddress) {
        self.client = client
        self.source = source
        self.destination = destination
    }
}

extension RouteTable {
    /// Whether the routes for a client's connections ask for the server name of a ClientHello.
    ///
    /// - Complexity: O(rules of the scope); does not allocate.
    package func needsServerName(in scope: RouteScope, _ client: RouteClient) -> Bool {
        guard let range = streams(scope, client) else { return false }
        for position in range.positions {
            for match in streamRules[position].matches.positions where !streamMatches[match].serverNames.isEmpty {
                return true
            }
        }
        return false
    }

    /// Decides about one connection that is not HTTP.
    ///
    /// - Parameter serverName: that of the ClientHello, in lower case; empty when there is none.
    /// - Complexity: O(rules of the scope); does not allocate.
    package func decideStream(
        serverName: Span<UInt8>, in scope: RouteScope, _ facts: StreamFacts, random: inout RandomSource
    ) -> StreamDecision {
        guard let range = streams(scope, facts.client) else {
            return .forward(scopes[scope.position].cluster, rule: nil)
        }
        for position in range.positions {
            let rule = streamRules[position]
            guard isMet(rule, serverName, facts) else { continue }
            guard let backend = draw(rule.backends, rule.totalWeight, &random),
                let cluster = backends[backend.position].cluster
            else { return .invalidBackend }
            return .forward(cluster, rule: rule.origin)
        }
        return .noRoute
    }

    private func streams(_ scope: RouteScope, _ client: RouteClient) -> IndexRange? {
        var found: IndexRange?
        for position in scopes[scope.position].bindings.positions {
            guard let streams = bindings[position].streams else { continue }
            if bindings[position].namespace == 0 {
                if found == nil { found = streams }
            } else if bindings[position].namespace == client.namespace {
                return streams
            }
        }
        return found
    }

    private func isMet(_ rule: StreamRuleRecord, _ serverName: Span<UInt8>, _ facts: StreamFacts) -> Bool {
        if rule.matches.isEmpty { return true }
        for position in rule.matches.positions where isMet(streamMatches[position], serverName, facts) { return true }
        return false
    }

    private func isMet(_ match: StreamMatchRecord, _ serverName: Span<UInt8>, _ facts: StreamFacts) -> Bool {
        if match.hasNamespace, match.namespace != facts.client.namespace { return false }
        if let labels = match.labels {
            guard let workload = facts.client.workload else { return false }
            let word = workload.position >> 6
            let bits = labelSets[Int(labels)]
            guard word < bits.count, bits[word] >> UInt64(workload.position & 63) & 1 == 1 else { return false }
        }
        guard isIn(match.destinations, facts.destination), isIn(match.sources, facts.source) else { return false }
        if match.serverNames.isEmpty { return true }
        for position in match.serverNames.positions where names(octets(serverNames[position]), serverName) {
            return true
        }
        return false
    }

    /// Whether an address is in one of the blocks, if there are any.
    private func isIn(_ blocks: IndexRange, _ address: IPAddress) -> Bool {
        blocks.isEmpty || blocks.positions.contains { addressBlocks[$0].contains(address) }
    }

    /// Whether a name is one of a pattern: the same, or `*.` and a suffix of whole labels.
    private func names(_ pattern: Span<UInt8>, _ name: Span<UInt8>) -> Bool {
        if name.isEmpty { return false }
        guard pattern.count > 0, pattern[0] == UInt8(ascii: "*") else { return pattern.equals(name) }
        let suffix = pattern.extracting(droppingFirst: 1)
        return name.count > suffix.count && name.extracting(last: suffix.count).equals(suffix)
    }
}
