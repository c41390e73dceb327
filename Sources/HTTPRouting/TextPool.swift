// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Texts one behind the other, each once.
struct TextPool {
    private(set) var octets: ContiguousArray<UInt8> = []
    private var known: [String: TextRange] = [:]

    /// Where a text stands; it is added when it is new.
    mutating func intern(_ text: String) -> TextRange {
        if text.isEmpty { return .empty }
        if let range = known[text] { return range }
        let range = TextRange(start: UInt32(octets.count), count: UInt32(text.utf8.count))
        octets.append(contentsOf: text.utf8)
        known[text] = range
        return range
    }
}
