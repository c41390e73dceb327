// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Chooses an anchor for each rule of one outcome in one set, and builds the hash table over the anchors.
///
/// Two passes: keys are counted first, then each rule goes under the clause whose most common key is the rarest.
struct RuleIndexer {
    /// Below this many rules a table costs more than it saves.
    private static let smallest = 4  // only moves constants: evaluating a short rule costs about as much as a look-up

    private enum Key: Hashable {
        case text(RuleIndexRecord.Keys, UInt64)
        case block(CIDR, isSource: Bool)
        case port(UInt16)

        var hash: UInt64 {
            switch self {
            case .text(_, let hash): hash
            case .block(let block, let isSource): BucketKey.block(block, isSource: isSource)
            case .port(let port): BucketKey.destinationPort(port)
            }
        }
    }

    private struct Candidate {
        var rule: UInt32
        /// For each clause that could be the anchor: for each of its matches, the keys of each field.
        var clauses: [[[[Key]]]]
    }

    private let policyCount: Int
    private var candidates: [Candidate] = []
    private var frequency: [Key: Int] = [:]

    init(policyCount: Int) {
        self.policyCount = policyCount
    }

    /// Takes a rule; rules come in ascending order.
    mutating func add(_ rule: UInt32, table: PolicyTable) {
        var candidate = Candidate(rule: rule, clauses: [])
        for clause in table.rules[Int(rule)].clauses.positions {
            var matches: [[[Key]]] = []
            for match in table.clauses[clause].positions {
                let fields = table.matches[match].positions.compactMap { Self.keys(of: $0, table: table) }
                guard !fields.isEmpty else { break }
                matches.append(fields)
            }
            guard matches.count == Int(table.clauses[clause].count) else { continue }
            candidate.clauses.append(matches)
            for key in Set(matches.joined().joined()) { frequency[key, default: 0] += 1 }
        }
        candidates.append(candidate)
    }

    /// The keys of which a connection must have one for the condition to hold; nil when there is no such list.
    private static func keys(of condition: Int, table: PolicyTable) -> [Key]? {
        let record = table.conditions[condition]
        guard !record.isNegated else { return nil }
        switch record.subject {
        case .principal, .namespace, .serviceAccount:
            let keys = record.values.positions.compactMap { key(of: table.texts[$0], record.subject, table: table) }
            return keys.count == Int(record.values.count) ? keys : nil
        case .sourceIP, .destinationIP:
            return record.values.positions.map { .block(table.blocks[$0], isSource: record.subject == .sourceIP) }
        case .destinationPort:
            return record.values.positions.map { .port(table.ports[$0]) }
        }
    }

    private static func key(of text: TextRecord, _ subject: ConditionRecord.Subject, table: PolicyTable) -> Key? {
        let octets = table.octets.span.extracting(text.octets.positions)
        switch (subject, text.kind) {
        case (.principal, .exact): return .text(.principal, text.hash)
        case (.principal, .prefix): return BucketKey.principalNamespace(octets).map { .text(.principalNamespace, $0) }
        case (.principal, .suffix): return BucketKey.principalTail(octets).map { .text(.principalTail, $0) }
        case (.namespace, .exact): return .text(.namespace, text.hash)
        case (.serviceAccount, .exact): return .text(.serviceAccount, text.hash)
        case (.namespace, _), (.serviceAccount, _), (.principal, .presence), (.sourceIP, _), (.destinationIP, _),
            (.destinationPort, _):
            return nil
        }
    }

    /// Writes the index.
    func finish(into table: inout PolicyTable) -> RuleIndexRecord {
        var unanchored: [UInt32] = []
        var rules: [Key: [UInt32]] = [:]
        for candidate in candidates {
            guard candidates.count >= Self.smallest, let anchor = anchor(of: candidate) else {
                unanchored.append(candidate.rule)
                continue
            }
            for key in anchor { rules[key, default: []].append(candidate.rule) }
        }
        let range = IndexRange(start: table.references.count, count: unanchored.count)
        table.references += unanchored
        return RuleIndexRecord(
            policyCount: UInt32(policyCount), unanchored: range, buckets: Self.addBuckets(rules, to: &table),
            keys: Self.kinds(of: rules.keys), prefixes: Self.addPrefixes(of: rules.keys, to: &table))
    }

    /// The keys of the clause whose most common key is the rarest; nil when no clause can be the anchor.
    private func anchor(of candidate: Candidate) -> Set<Key>? {
        var best: (cost: Int, keys: Set<Key>)?
        for clause in candidate.clauses {
            var cost = 0
            var keys = Set<Key>()
            for match in clause {
                let ranked = match.map { field in (field, field.reduce(0) { max($0, frequency[$1] ?? 0) }) }
                guard let field = ranked.min(by: { $0.1 < $1.1 }) else { continue }
                cost = max(cost, field.1)
                keys.formUnion(field.0)
            }
            if cost < best?.cost ?? .max { best = (cost, keys) }
        }
        return best?.keys
    }

    private static func addBuckets(_ rules: [Key: [UInt32]], to table: inout PolicyTable) -> IndexRange {
        guard !rules.isEmpty else { return .empty }
        var byHash: [UInt64: [UInt32]] = [:]
        for (key, references) in rules {
            byHash[key.hash, default: []] += references
        }
        var size = 2
        while size < byHash.count * 2 { size *= 2 }
        let start = table.buckets.count
        let vacant = BucketRecord(hash: 0, references: .empty)
        table.buckets += ContiguousArray(repeating: vacant, count: size)
        for hash in byHash.keys.sorted() {
            let references = Set(byHash[hash] ?? []).sorted()
            let range = IndexRange(start: table.references.count, count: references.count)
            table.references += references
            var slot = BucketKey.slot(hash, size: size)
            while !table.buckets[start + slot].references.isEmpty { slot = (slot + 1) & (size - 1) }
            table.buckets[start + slot] = BucketRecord(hash: hash, references: range)
        }
        return IndexRange(start: start, count: size)
    }

    private static func kinds(of keys: some Sequence<Key>) -> RuleIndexRecord.Keys {
        var kinds: RuleIndexRecord.Keys = []
        for key in keys {
            switch key {
            case .text(let kind, _): kinds.insert(kind)
            case .block: break
            case .port: kinds.insert(.destinationPort)
            }
        }
        return kinds
    }

    private static func addPrefixes(of keys: some Sequence<Key>, to table: inout PolicyTable) -> IndexRange {
        var prefixes = Set<PrefixRecord>()
        for case .block(let block, let isSource) in keys {
            let length = UInt8(truncatingIfNeeded: block.prefixLength)
            prefixes.insert(PrefixRecord(isSource: isSource, isIPv4: block.network.isIPv4, length: length))
        }
        let range = IndexRange(start: table.prefixes.count, count: prefixes.count)
        table.prefixes += prefixes.sorted { ($0.length, $0.isIPv4 ? 0 : 1) < ($1.length, $1.isIPv4 ? 0 : 1) }
        return range
    }
}
