// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import Mesh
internal import RegularExpressions

extension RouteTableBuilder {
    /// Something that an entry can be filed under.
    private struct Key: Hashable {
        let kind: KeyHash.Kind
        let name: String
        let value: String
    }

    /// Adds the rules of one binding and files its entries.
    ///
    /// - Returns: the group's position.
    mutating func addGroup(_ routes: HTTPRoutes) -> UInt32 {
        let first = rules.count
        for rule in routes.rules { _ = add(rule) }
        let start = entries.count
        for entry in routes.entries {
            let own = conditions(of: entry.match)
            let prefix: UInt32? =
                switch entry.match.path {
                // Where nothing is said, Istio matches the prefix `/`; a rewrite replaces it.
                case .any: 1
                case .elements(let path), .prefix(let path): UInt32(path.utf8.count)
                case .exact, .regex: nil
                }
            entries.append(
                EntryRecord(
                    conditions: IndexRange(start: conditions.count, count: own.count),
                    rule: RuleIndex(first + entry.rule), prefixLength: prefix))
            conditions += own
        }
        groups.append(file(routes.entries.map(\.match), from: start))
        return UInt32(groups.count - 1)
    }

    /// Files entries that stand one behind the other from `start`.
    private mutating func file(_ matches: [RequestMatch], from start: Int) -> GroupRecord {
        let candidates = matches.map { keys(of: $0) }
        var counts: [Key: Int] = [:]
        for keys in candidates { for key in keys { counts[key, default: 0] += 1 } }
        var filed: [Key: [UInt32]] = [:]
        var order: [Key] = []
        var others: [UInt32] = []
        for (number, keys) in candidates.enumerated() {
            let entry = UInt32(start + number)
            guard let key = keys.min(by: { (counts[$0] ?? 0) < (counts[$1] ?? 0) }) else {
                others.append(entry)
                continue
            }
            if filed[key] == nil { order.append(key) }
            filed[key, default: []].append(entry)
        }
        var record = GroupRecord()
        record.others = append(list: others)
        guard !order.isEmpty else { return record }
        var size = 2
        while size < order.count * 2 { size *= 2 }
        record.slots = IndexRange(start: keySlots.count, count: size)
        keySlots += ContiguousArray(repeating: .vacant, count: size)
        // Keys whose hashes are equal share a list: entries are evaluated anyway.
        var byHash: [UInt64: [UInt32]] = [:]
        for key in order {
            note(key, in: &record)
            byHash[hash(of: key), default: []] += filed[key] ?? []
        }
        for (hash, entries) in byHash {
            var slot = Int(truncatingIfNeeded: hash) & (size - 1)
            while !keySlots[Int(record.slots.start) + slot].list.isEmpty { slot = (slot + 1) & (size - 1) }
            keySlots[Int(record.slots.start) + slot] = KeySlot(hash: hash, list: append(list: entries.sorted()))
        }
        return record
    }

    private mutating func append(list: [UInt32]) -> IndexRange {
        defer { lists += list }
        return IndexRange(start: lists.count, count: list.count)
    }

    private func note(_ key: Key, in record: inout GroupRecord) {
        let length = UInt64(min(key.value.utf8.count, 63))
        switch key.kind {
        case .exactPath: record.hasExactPaths = true
        case .foldedExactPath: record.hasFoldedPaths = true
        case .prefix: record.prefixLengths |= 1 << length
        case .foldedPrefix: record.foldedPrefixLengths |= 1 << length
        case .header:
            let hash = FieldList.hash(of: Array(key.name.utf8).span)
            record.headerNames |= 1 << UInt64(hash & 63)
        }
    }

    private func hash(of key: Key) -> UInt64 {
        var hash = KeyHash(key.kind, seed: seed)
        if key.kind == .header {
            for octet in key.name.utf8 { hash.combine(octet) }
            hash.combine(0)
        }
        for octet in key.value.utf8 { hash.combine(octet) }
        return hash.finished
    }

    /// What an entry can be filed under, what tells most first.
    private func keys(of match: RequestMatch) -> [Key] {
        var keys: [Key] = []
        let isFolded = match.ignoresPathCase
        func add(_ kind: KeyHash.Kind, _ folded: KeyHash.Kind, _ path: String) {
            keys.append(Key(kind: isFolded ? folded : kind, name: "", value: isFolded ? path.asciiLowercased : path))
        }
        switch match.path {
        case .any: break
        case .exact(let path): add(.exactPath, .foldedExactPath, path)
        case .elements(let path), .prefix(let path):
            if !path.isEmpty, path != "/" { add(.prefix, .foldedPrefix, path) }
        case .regex(let pattern):
            if let index = expressionIndexes[pattern] ?? nil {
                let prefix = expressions[Int(index)].requiredPrefix
                if prefix.count > 1 {
                    keys.append(Key(kind: .prefix, name: "", value: String(decoding: prefix, as: UTF8.self)))
                }
            }
        }
        for header in match.headers where !header.isInverted && header.name != "host" && header.name != ":authority" {
            guard case .exact(let value) = header.value else { continue }
            keys.append(Key(kind: .header, name: header.name, value: value))
        }
        return keys
    }
}
