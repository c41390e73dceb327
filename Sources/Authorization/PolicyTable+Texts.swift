// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

extension PolicyTable {
    /// Whether one of a condition's texts matches; exact ones are found by hash, the others tried one by one.
    func matches(_ text: Span<UInt8>, _ condition: ConditionRecord) -> Bool {
        if condition.exactCount > 0 {
            let hash =
                condition.subject == .principal ? BucketKey.principal(text) : BucketKey.namespace(text)
            for position in exactTexts(hash, condition) where octets(of: position).equals(text) { return true }
        }
        for position in condition.values.positions.dropFirst(Int(condition.exactCount)) {
            let octets = octets(of: position)
            switch texts[position].kind {
            case .exact: if octets.equals(text) { return true }
            case .prefix:
                if text.count >= octets.count, text.extracting(first: octets.count).equals(octets) { return true }
            case .suffix:
                if text.count >= octets.count, text.extracting(last: octets.count).equals(octets) { return true }
            case .presence: if !text.isEmpty { return true }
            }
        }
        return false
    }

    /// Whether one of a condition's service accounts, all exact, is the peer's.
    func matchesServiceAccount(_ condition: ConditionRecord, _ facts: borrowing ConnectionFacts) -> Bool {
        let namespace = facts.namespace.utf8.span
        let name = facts.serviceAccount.utf8.span
        let hash = BucketKey.serviceAccount(namespace: namespace, name: name)
        for position in exactTexts(hash, condition) {
            let octets = octets(of: position)
            guard octets.count == namespace.count + 1 + name.count else { continue }
            if octets.extracting(first: namespace.count).equals(namespace),
                octets.extracting(last: name.count).equals(name)
            {
                return true
            }
        }
        return false
    }

    @_lifetime(borrow self)
    private func octets(of text: Int) -> Span<UInt8> {
        octets.span.extracting(texts[text].octets.positions)
    }

    /// The exact texts of a condition that have a hash: they are sorted by it.
    private func exactTexts(_ hash: UInt64, _ condition: ConditionRecord) -> Range<Int> {
        let start = Int(condition.values.start)
        let end = start + Int(condition.exactCount)
        var low = start
        var high = end
        while low < high {
            let middle = (low + high) / 2
            if texts[middle].hash < hash { low = middle + 1 } else { high = middle }
        }
        var last = low
        while last < end, texts[last].hash == hash { last += 1 }
        return low..<last
    }
}
