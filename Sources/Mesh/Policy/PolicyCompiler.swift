// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Turns authorization policies into a `PolicyTable`.
///
/// Owns the meaning of a policy: what is dropped, what always holds, and what fails closed. Refuses to know workloads:
/// which policies bind which workload is `SnapshotBuilder`'s.
struct PolicyCompiler {
    private(set) var table = PolicyTable()
    /// The rules of each policy, in `table.rules`.
    private(set) var rules: [IndexRange] = []
    /// A digest of each policy.
    private(set) var fingerprints: [UInt64] = []

    /// Adds a policy; policies come in the order of their namespace and name.
    mutating func add(
        _ policy: AuthorizationPolicy, namespace: NameIndex, name: NameIndex, scope: PolicyRecord.Scope
    ) {
        let index = PolicyIndex(UInt32(table.records.count))
        let outcome: PolicyOutcome =
            switch (policy.action, policy.isDryRun) {
            case (.deny, false): .deny
            case (.deny, true): .dryRunDeny
            case (.allow, false): .allow
            case (.allow, true): .dryRunAllow
            }
        table.records.append(PolicyRecord(namespace: namespace, name: name, outcome: outcome, scope: scope))
        let start = table.rules.count
        if policy.isUnreadable {
            if policy.action == .deny { addRule(clauses: [], of: index) }
        } else {
            for rule in policy.rules {
                guard let clauses = Self.effectiveClauses(of: rule, action: policy.action) else { continue }
                addRule(clauses: clauses, of: index)
            }
        }
        rules.append(IndexRange(start: start, count: table.rules.count - start))
        fingerprints.append(Self.fingerprint(policy))
    }

    /// What is left of a rule's clauses; nil when the rule can never match.
    ///
    /// - Returns: the clauses that do not hold for everything, each with the matches that do not hold for nothing.
    private static func effectiveClauses(
        of rule: AuthorizationPolicy.Rule, action: AuthorizationPolicy.Action
    ) -> [[AuthorizationPolicy.Match]]? {
        var clauses: [[AuthorizationPolicy.Match]] = []
        for clause in rule.clauses {
            if action == .allow, clause.matches.contains(where: { !$0.omits.isEmpty }) { return nil }
            if clause.matches.isEmpty { continue }
            if clause.matches.contains(where: { $0.isEmpty && !$0.omits.isEmpty }) { continue }
            let matches = clause.matches.filter { !$0.isEmpty }
            if matches.isEmpty { return nil }
            clauses.append(matches)
        }
        return clauses
    }

    private mutating func addRule(clauses: [[AuthorizationPolicy.Match]], of policy: PolicyIndex) {
        var ranges: [IndexRange] = []
        for matches in clauses {
            var compiled: [IndexRange] = []
            for match in matches { compiled.append(addMatch(match)) }
            ranges.append(IndexRange(start: table.matches.count, count: compiled.count))
            table.matches += compiled
        }
        let range = IndexRange(start: table.clauses.count, count: ranges.count)
        table.clauses += ranges
        table.rules.append(RuleRecord(policy: policy, clauses: range))
    }

    /// Cheap conditions come first: the first that fails ends the evaluation of a match.
    private mutating func addMatch(_ match: AuthorizationPolicy.Match) -> IndexRange {
        let start = table.conditions.count
        addPorts(match.destinationPorts, isNegated: false)
        addPorts(match.notDestinationPorts, isNegated: true)
        addBlocks(match.sourceIPs, of: .sourceIP, isNegated: false)
        addBlocks(match.notSourceIPs, of: .sourceIP, isNegated: true)
        addBlocks(match.destinationIPs, of: .destinationIP, isNegated: false)
        addBlocks(match.notDestinationIPs, of: .destinationIP, isNegated: true)
        addTexts(match.namespaces, of: .namespace, isNegated: false)
        addTexts(match.notNamespaces, of: .namespace, isNegated: true)
        addTexts(match.serviceAccounts.map(Self.text), of: .serviceAccount, isNegated: false)
        addTexts(match.notServiceAccounts.map(Self.text), of: .serviceAccount, isNegated: true)
        addTexts(match.principals, of: .principal, isNegated: false)
        addTexts(match.notPrincipals, of: .principal, isNegated: true)
        return IndexRange(start: start, count: table.conditions.count - start)
    }

    /// A slash is in no namespace and no service account, so the joined text stands for one pair only.
    private static func text(_ serviceAccount: ServiceAccountMatch) -> StringMatch {
        .exact("\(serviceAccount.namespace)/\(serviceAccount.name)")
    }

    private mutating func addPorts(_ ports: [UInt16], isNegated: Bool) {
        guard !ports.isEmpty else { return }
        let range = IndexRange(start: table.ports.count, count: ports.count)
        table.ports += ports.sorted()
        table.conditions.append(
            ConditionRecord(subject: .destinationPort, isNegated: isNegated, values: range, exactCount: 0))
    }

    private mutating func addBlocks(_ blocks: [CIDR], of subject: ConditionRecord.Subject, isNegated: Bool) {
        guard !blocks.isEmpty else { return }
        let range = IndexRange(start: table.blocks.count, count: blocks.count)
        table.blocks += blocks
        table.conditions.append(
            ConditionRecord(subject: subject, isNegated: isNegated, values: range, exactCount: 0))
    }

    private mutating func addTexts(_ matches: [StringMatch], of subject: ConditionRecord.Subject, isNegated: Bool) {
        guard !matches.isEmpty else { return }
        var texts = matches.map { addText($0, of: subject) }
        let others = texts.partition { $0.kind != .exact }
        texts[..<others].sort { $0.hash < $1.hash }
        let range = IndexRange(start: table.texts.count, count: texts.count)
        table.texts += texts
        table.conditions.append(
            ConditionRecord(subject: subject, isNegated: isNegated, values: range, exactCount: UInt32(others)))
    }

    private mutating func addText(_ match: StringMatch, of subject: ConditionRecord.Subject) -> TextRecord {
        let (kind, text): (TextRecord.Kind, String) =
            switch match {
            case .exact(let text): (.exact, text)
            case .prefix(let text): (.prefix, text)
            case .suffix(let text): (.suffix, text)
            case .presence: (.presence, "")
            }
        let range = IndexRange(start: table.octets.count, count: text.utf8.count)
        table.octets += text.utf8
        let hash = Self.hash(text, of: subject)
        return TextRecord(kind: kind, octets: range, hash: hash)
    }

    private static func hash(_ text: String, of subject: ConditionRecord.Subject) -> UInt64 {
        switch subject {
        case .principal: BucketKey.principal(text.utf8.span)
        case .namespace: BucketKey.namespace(text.utf8.span)
        case .serviceAccount: BucketKey.serviceAccount(text.utf8.span)
        case .sourceIP, .destinationIP, .destinationPort: 0
        }
    }

    /// `Hasher` is keyed by a secret of the process, so nobody can write two policies of one digest.
    private static func fingerprint(_ policy: AuthorizationPolicy) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(policy.namespace)
        hasher.combine(policy.name)
        hasher.combine(policy.action)
        hasher.combine(policy.isDryRun)
        hasher.combine(policy.isUnreadable)
        hasher.combine(policy.rules)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    /// Compiles the set of the given policies.
    ///
    /// - Parameter policies: ascending.
    mutating func addRuleSet(_ policies: [PolicyIndex]) -> RuleSetIndex {
        var keys: RuleIndexRecord.Keys = []
        for outcome in PolicyOutcome.allCases {
            let index = index(policies.filter { table.records[$0.position].outcome == outcome })
            keys.formUnion(index.keys)
            table.ruleIndexes.append(index)
        }
        table.ruleSetKeys.append(keys)
        table.ruleSetPolicies.append(IndexRange(start: table.ruleSetMembers.count, count: policies.count))
        table.ruleSetMembers += policies
        return RuleSetIndex(UInt32(table.ruleSetKeys.count - 1))
    }

    private mutating func index(_ members: [PolicyIndex]) -> RuleIndexRecord {
        guard !members.isEmpty else { return .empty }
        var indexer = RuleIndexer(policyCount: members.count)
        for policy in members {
            for rule in rules[policy.position].positions { indexer.add(UInt32(rule), table: table) }
        }
        return indexer.finish(into: &table)
    }

    /// A digest of a set of policies.
    func fingerprint(_ policies: [PolicyIndex]) -> UInt64 {
        var hasher = Hasher()
        for policy in policies { hasher.combine(fingerprints[policy.position]) }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    /// The parts that are not about authorization policies.
    mutating func set(meshRules: RuleSetIndex?) {
        table.meshRules = meshRules
    }
}
