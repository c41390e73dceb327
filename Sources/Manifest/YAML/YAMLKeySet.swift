// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The keys of one mapping, to find duplicates: a list for the usual few, a table for many.
struct YAMLKeySet {
    private static let listLimit = 12
    private var list: [UInt32] = []
    private var table: [[UInt8]: UInt32] = [:]

    /// Remembers the key at `index`.
    ///
    /// - Returns: the key of the same text that was there before; nil when there was none.
    mutating func insert(_ builder: borrowing YAMLTreeBuilder, _ index: UInt32) -> UInt32? {
        let text = builder.scalarText(index)
        if table.isEmpty {
            for other in list where builder.scalarText(other) == text { return other }
            if list.count < Self.listLimit {
                list.append(index)
                return nil
            }
            for other in list { table[Array(builder.scalarText(other))] = other }
        }
        let key = Array(text)
        if let other = table[key] { return other }
        table[key] = index
        return nil
    }
}
