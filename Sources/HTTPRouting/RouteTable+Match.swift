// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import Mesh
internal import RegularExpressions

extension RouteTable {
    /// The first entry, in the order of the rules, that a request meets; a position in `entries`.
    func firstEntry(
        in group: Int, _ head: borrowing RequestHead, _ client: RouteClient, _ scratch: inout RouteScratch
    ) -> UInt32? {
        let record = groups[group]
        var best = UInt32.max
        if !record.slots.isEmpty {
            searchPaths(record, head, client, &scratch, &best)
            if record.headerNames != 0 { searchHeaders(record, head, client, &scratch, &best) }
        }
        search(record.others, head, client, &scratch, &best)
        return best == .max ? nil : best
    }

    /// Evaluates a list of entries, ascending, down to the best one found so far.
    @inline(__always)
    private func search(
        _ list: IndexRange, _ head: borrowing RequestHead, _ client: RouteClient, _ scratch: inout RouteScratch,
        _ best: inout UInt32
    ) {
        for position in list.positions {
            let entry = lists[position]
            if entry >= best { return }
            if isMet(entry, head, client, &scratch) {
                best = entry
                return
            }
        }
    }

    @inline(__always)
    private func list(_ record: GroupRecord, _ hash: UInt64) -> IndexRange {
        let mask = Int(record.slots.count) - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while true {
            let found = keySlots[Int(record.slots.start) + slot]
            if found.list.isEmpty || found.hash == hash { return found.list }
            slot = (slot + 1) & mask
        }
    }

    private func searchPaths(
        _ record: GroupRecord, _ head: borrowing RequestHead, _ client: RouteClient,
        _ scratch: inout RouteScratch, _ best: inout UInt32
    ) {
        let path = head.path
        if record.prefixLengths != 0 || record.hasExactPaths {
            var prefix = KeyHash(.prefix, seed: seed)
            var exact = KeyHash(.exactPath, seed: seed)
            for length in 0...path.count {
                if record.prefixLengths >> UInt64(min(length, 63)) & 1 == 1 {
                    search(list(record, prefix.finished), head, client, &scratch, &best)
                }
                if length == path.count { break }
                prefix.combine(path[length])
                exact.combine(path[length])
            }
            if record.hasExactPaths { search(list(record, exact.finished), head, client, &scratch, &best) }
        }
        if record.foldedPrefixLengths != 0 || record.hasFoldedPaths {
            var prefix = KeyHash(.foldedPrefix, seed: seed)
            var exact = KeyHash(.foldedExactPath, seed: seed)
            for length in 0...path.count {
                if record.foldedPrefixLengths >> UInt64(min(length, 63)) & 1 == 1 {
                    search(list(record, prefix.finished), head, client, &scratch, &best)
                }
                if length == path.count { break }
                prefix.combine(path[length].lowercased)
                exact.combine(path[length].lowercased)
            }
            if record.hasFoldedPaths { search(list(record, exact.finished), head, client, &scratch, &best) }
        }
    }

    private func searchHeaders(
        _ record: GroupRecord, _ head: borrowing RequestHead, _ client: RouteClient,
        _ scratch: inout RouteScratch, _ best: inout UInt32
    ) {
        for index in 0..<head.fields.count {
            let name = head.fields.name(index)
            let nameHash = FieldList.hash(of: name)
            guard record.headerNames >> UInt64(nameHash & 63) & 1 == 1,
                head.fields.firstIndex(of: name, hash: nameHash) == index
            else { continue }
            var hash = KeyHash(.header, seed: seed)
            hash.combine(name)
            hash.combine(0)
            hash.combine(head.fields.value(index))
            var last = index
            while let next = head.fields.firstIndex(of: name, hash: nameHash, after: last) {
                if name.equals("cookie") {
                    hash.combine(StaticString("; ").bytes)
                } else {
                    hash.combine(UInt8(ascii: ","))
                }
                hash.combine(head.fields.value(next))
                last = next
            }
            search(list(record, hash.finished), head, client, &scratch, &best)
        }
    }

    // MARK: One entry

    /// Whether a request meets every condition of an entry.
    func isMet(
        _ entry: UInt32, _ head: borrowing RequestHead, _ client: RouteClient, _ scratch: inout RouteScratch
    ) -> Bool {
        for position in entries[Int(entry)].conditions.positions {
            if !isMet(conditions[position], head, client, &scratch) { return false }
        }
        return true
    }

    private func isMet(
        _ condition: Condition, _ head: borrowing RequestHead, _ client: RouteClient, _ scratch: inout RouteScratch
    ) -> Bool {
        switch condition.subject {
        case .path: return holds(condition, head.path)
        case .method: return holds(condition, head.methodName)
        case .authority: return holds(condition, head.authority) != condition.isInverted
        case .scheme: return holds(condition, head.scheme)
        case .header: return isMet(condition, head.fields, &scratch) != condition.isInverted
        case .query:
            guard let value = head.query.range(ofParameter: octets(condition.name)) else { return false }
            return holds(condition, head.query.extracting(value))
        case .namespace: return client.namespace == condition.number
        case .labels:
            guard let workload = client.workload else { return false }
            let bits = labelSets[Int(condition.number)]
            let word = workload.position >> 6
            return word < bits.count && bits[word] >> UInt64(workload.position & 63) & 1 == 1
        }
    }

    private func isMet(
        _ condition: Condition, _ fields: borrowing FieldList, _ scratch: inout RouteScratch
    ) -> Bool {
        let name = octets(condition.name)
        guard let index = fields.firstIndex(of: name, hash: condition.nameHash) else { return false }
        if condition.test == .presence { return true }
        guard fields.firstIndex(of: name, hash: condition.nameHash, after: index) != nil else {
            return holds(condition, fields.value(index))
        }
        scratch.joined.removeAll(keepingCapacity: true)
        let separator: StaticString = condition.isCookie ? "; " : ","
        _ = fields.appendJoined(name, hash: condition.nameHash, separator: separator, into: &scratch.joined)
        return holds(condition, scratch.joined.span)
    }

    func holds(_ condition: Condition, _ text: Span<UInt8>) -> Bool {
        let value = octets(condition.value)
        switch condition.test {
        case .exact: return text.equals(value)
        case .prefix: return text.count >= value.count && text.extracting(first: value.count).equals(value)
        case .suffix: return text.count >= value.count && text.extracting(last: value.count).equals(value)
        case .regex: return expressions[Int(condition.number)].matches(text)
        case .presence: return true
        case .elements:
            return text.count >= value.count && text.extracting(first: value.count).equals(value)
                && (text.count == value.count || text[value.count] == UInt8(ascii: "/"))
        case .exactFolded: return text.count == value.count && text.begins(withFolded: value)
        case .prefixFolded: return text.begins(withFolded: value)
        case .elementsFolded:
            return text.begins(withFolded: value)
                && (text.count == value.count || text[value.count] == UInt8(ascii: "/"))
        case .never: return false
        }
    }
}

extension UInt8 {
    /// The octet, an ASCII letter in lower case.
    var lowercased: UInt8 { self >= 0x41 && self <= 0x5A ? self | 0x20 : self }
}

extension Span where Element == UInt8 {
    /// Whether the octets begin with `value`, which is in lower case, without regard to ASCII case.
    func begins(withFolded value: Span<UInt8>) -> Bool {
        guard count >= value.count else { return false }
        for index in 0..<value.count where self[index].lowercased != value[index] { return false }
        return true
    }

    /// Where the value of the first parameter of a name stands in a query; empty for a parameter without `=`.
    func range(ofParameter name: Span<UInt8>) -> Range<Int>? {
        var start = 0
        while start <= count {
            var end = start
            while end < count, self[end] != UInt8(ascii: "&") { end += 1 }
            let after = start + name.count
            if after <= end, extracting(start..<after).equals(name) {
                if after == end, !(name.isEmpty && count == 0) { return end..<end }
                if after < end, self[after] == UInt8(ascii: "=") { return (after + 1)..<end }
            }
            start = end + 1
        }
        return nil
    }
}
