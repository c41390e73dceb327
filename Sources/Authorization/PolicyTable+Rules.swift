// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

/// The keys under which rules about a connection's peer and port are listed (see `RuleIndexRecord`).
struct ConnectionKeys {
    private(set) var principal: UInt64 = 0
    private(set) var principalNamespace: UInt64?
    private(set) var principalTail: UInt64?
    private(set) var namespace: UInt64 = 0
    private(set) var serviceAccount: UInt64 = 0
    private(set) var destinationPort: UInt64 = 0

    /// Makes the keys of the kinds that are looked up.
    init(_ facts: borrowing ConnectionFacts, kinds: RuleIndexRecord.Keys) {
        if kinds.contains(.destinationPort) { destinationPort = BucketKey.destinationPort(facts.destination.port) }
        if kinds.contains(.namespace) { namespace = BucketKey.namespace(facts.namespace.utf8.span) }
        guard facts.hasIdentity else { return }
        if kinds.contains(.serviceAccount) {
            serviceAccount = BucketKey.serviceAccount(
                namespace: facts.namespace.utf8.span, name: facts.serviceAccount.utf8.span)
        }
        let identity = facts.identity.utf8.span
        let text = identity.extracting(ConnectionFacts.schemeLength..<identity.count)
        if kinds.contains(.principal) { principal = BucketKey.principal(text) }
        if kinds.contains(.principalNamespace) { principalNamespace = BucketKey.principalNamespace(text) }
        if kinds.contains(.principalTail) { principalTail = BucketKey.principalTail(text) }
    }
}

/// What a search among the rules of one outcome found.
struct RuleMatch {
    /// The first policy that matches, by position.
    var policy: PolicyIndex?
    /// How many policies of the outcome bind the workload.
    var policyCount: UInt32 = 0
}

extension PolicyTable {
    /// The kinds of key that occur in the sets that bind a workload.
    func keyKinds(_ workload: WorkloadRecord) -> RuleIndexRecord.Keys {
        var kinds: RuleIndexRecord.Keys = []
        if let set = meshRules { kinds.formUnion(ruleSetKeys[set.position]) }
        if let set = workload.namespaceRules { kinds.formUnion(ruleSetKeys[set.position]) }
        if let set = workload.selectorRules { kinds.formUnion(ruleSetKeys[set.position]) }
        return kinds
    }

    /// Searches the rules of one outcome in all sets that bind a workload.
    func firstMatch(
        _ workload: WorkloadRecord, _ outcome: PolicyOutcome, _ facts: borrowing ConnectionFacts, _ keys: ConnectionKeys
    ) -> RuleMatch {
        var match = RuleMatch()
        if let set = meshRules { search(set, outcome, facts, keys, &match) }
        if let set = workload.namespaceRules { search(set, outcome, facts, keys, &match) }
        if let set = workload.selectorRules { search(set, outcome, facts, keys, &match) }
        return match
    }

    private func search(
        _ set: RuleSetIndex, _ outcome: PolicyOutcome, _ facts: borrowing ConnectionFacts, _ keys: ConnectionKeys,
        _ match: inout RuleMatch
    ) {
        let position = Self.position(of: outcome, in: set)
        if ruleIndexes[position].policyCount == 0 { return }
        let index = ruleIndexes[position]
        match.policyCount += index.policyCount
        evaluate(index.unanchored, facts, &match)
        if index.buckets.isEmpty { return }
        if index.keys.contains(.destinationPort) { look(up: keys.destinationPort, in: index, facts, &match) }
        if index.keys.contains(.namespace) { look(up: keys.namespace, in: index, facts, &match) }
        if facts.hasIdentity {
            if index.keys.contains(.principal) { look(up: keys.principal, in: index, facts, &match) }
            if index.keys.contains(.serviceAccount) { look(up: keys.serviceAccount, in: index, facts, &match) }
            if index.keys.contains(.principalNamespace), let key = keys.principalNamespace {
                look(up: key, in: index, facts, &match)
            }
            if index.keys.contains(.principalTail), let key = keys.principalTail {
                look(up: key, in: index, facts, &match)
            }
        }
        for position in index.prefixes.positions {
            let prefix = prefixes[position]
            let address = prefix.isSource ? facts.sourceIP : facts.destination.ip
            guard prefix.isIPv4 == address.isIPv4, let block = CIDR(address, prefixLength: Int(prefix.length)) else {
                continue
            }
            look(up: BucketKey.block(block, isSource: prefix.isSource), in: index, facts, &match)
        }
    }

    private func look(
        up hash: UInt64, in index: RuleIndexRecord, _ facts: borrowing ConnectionFacts, _ match: inout RuleMatch
    ) {
        let size = Int(index.buckets.count)
        var slot = BucketKey.slot(hash, size: size)
        while true {
            let bucket = buckets[Int(index.buckets.start) + slot]
            if bucket.references.isEmpty { return }
            if bucket.hash == hash {
                evaluate(bucket.references, facts, &match)
                return
            }
            slot = (slot + 1) & (size - 1)
        }
    }

    /// Evaluates rules in order until one matches, or those left belong to a policy behind the one found already.
    private func evaluate(_ references: IndexRange, _ facts: borrowing ConnectionFacts, _ match: inout RuleMatch) {
        for position in references.positions {
            let rule = rules[Int(self.references[position])]
            if let found = match.policy, rule.policy.rawValue >= found.rawValue { return }
            if holds(rule, facts) {
                match.policy = rule.policy
                return
            }
        }
    }

    private func holds(_ rule: RuleRecord, _ facts: borrowing ConnectionFacts) -> Bool {
        for clause in rule.clauses.positions {
            var isMet = false
            for match in clauses[clause].positions where holds(matches[match], facts) {
                isMet = true
                break
            }
            if !isMet { return false }
        }
        return true
    }

    private func holds(_ match: IndexRange, _ facts: borrowing ConnectionFacts) -> Bool {
        for position in match.positions {
            let condition = conditions[position]
            if matchesAny(condition, facts) == condition.isNegated { return false }
        }
        return true
    }

    private func matchesAny(_ condition: ConditionRecord, _ facts: borrowing ConnectionFacts) -> Bool {
        switch condition.subject {
        case .destinationPort:
            for position in condition.values.positions where ports[position] == facts.destination.port {
                return true
            }
            return false
        case .sourceIP:
            return contains(facts.sourceIP, in: condition.values)
        case .destinationIP:
            return contains(facts.destination.ip, in: condition.values)
        case .namespace:
            return matches(facts.namespace.utf8.span, condition)
        case .serviceAccount:
            return facts.hasServiceAccount && matchesServiceAccount(condition, facts)
        case .principal:
            guard facts.hasIdentity else { return false }
            let identity = facts.identity.utf8.span
            return matches(identity.extracting(ConnectionFacts.schemeLength..<identity.count), condition)
        }
    }

    private func contains(_ address: IPAddress, in blocks: IndexRange) -> Bool {
        for position in blocks.positions where self.blocks[position].contains(address) { return true }
        return false
    }
}
