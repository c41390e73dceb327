// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Finds entries of an encoder's dynamic table by field and by name, without going through the table.
///
/// Two hash tables hold the number of the newest entry of each bucket; entries of the same bucket are chained from new to
/// old through `HPACKDynamicTable.Entry`. Numbers only grow and eviction takes the oldest, so a chain ends at the first
/// number that has left the table, and nothing has to be unlinked. Holds no memory before the first insertion.
struct HPACKSearchIndex: ~Copyable {
    /// Buckets of each of the two tables; a full table of 4 096 octets holds some 60 fields.
    private static var bucketCount: Int { 64 }

    /// Buckets by field, then buckets by name; 0 is empty.
    private var heads: [UInt32] = []

    init() {}

    /// A hash of length and up to twelve octets; what it does not tell apart, comparison does.
    @inline(__always)
    static func hash(_ bytes: Span<UInt8>) -> UInt32 {
        let count = bytes.count
        var hash = UInt32(truncatingIfNeeded: count) &* 0x9E37_79B1
        if count >= 4 {
            hash ^= bytes.readUInt32BigEndian(at: 0) &* 0x85EB_CA6B
            hash = (hash << 13 | hash >> 19) ^ bytes.readUInt32BigEndian(at: (count - 4) / 2) &* 0xC2B2_AE35
            hash = (hash << 13 | hash >> 19) ^ bytes.readUInt32BigEndian(at: count - 4) &* 0x27D4_EB2F
        } else {
            for index in 0..<count { hash = (hash ^ UInt32(bytes[index])) &* 0x0100_0193 }
        }
        return hash ^ hash >> 15
    }

    /// The hash of a field, from those of its parts.
    static func hash(name: UInt32, value: UInt32) -> UInt32 { (name &* 31) ^ value &* 0x2545_F491 }

    private static func bucket(_ hash: UInt32) -> Int { Int((hash ^ hash >> 16) & UInt32(bucketCount - 1)) }

    /// Position in `table` of the field, nil when it is not there.
    func find(
        _ hash: UInt32, name: Span<UInt8>, value: Span<UInt8>, in table: borrowing HPACKDynamicTable
    ) -> Int? {
        guard !heads.isEmpty else { return nil }
        var number = heads[Self.bucket(hash)]
        while let index = table.index(of: number) {
            let entry = table.entry(index)
            if entry.hash == hash, table.value(of: entry).equals(value), table.name(of: entry).equals(name) {
                return index
            }
            number = entry.previousField
        }
        return nil
    }

    /// Position in `table` of the newest field of that name, nil when there is none.
    func find(nameHash: UInt32, name: Span<UInt8>, in table: borrowing HPACKDynamicTable) -> Int? {
        guard !heads.isEmpty else { return nil }
        var number = heads[Self.bucketCount + Self.bucket(nameHash)]
        while let index = table.index(of: number) {
            let entry = table.entry(index)
            if table.name(of: entry).equals(name) { return index }
            number = entry.previousName
        }
        return nil
    }

    /// Inserts a field into `table` and makes it known here.
    mutating func insert(
        _ hash: UInt32, nameHash: UInt32, name: Span<UInt8>, value: Span<UInt8>, into table: inout HPACKDynamicTable
    ) {
        if heads.isEmpty { heads = Array(repeating: 0, count: 2 * Self.bucketCount) }
        let field = Self.bucket(hash)
        let names = Self.bucketCount + Self.bucket(nameHash)
        let isIn = table.insert(
            name: name, value: value, hash: hash, previousField: heads[field], previousName: heads[names])
        guard isIn else { return }
        heads[field] = table.newest
        heads[names] = table.newest
    }

    /// Gives the memory back; the table is empty.
    mutating func releaseMemory() {
        heads = []
    }
}

extension HPACKDynamicTable {
    /// Position of the entry with this number, nil when it has left the table or never was.
    @inline(__always)
    func index(of number: UInt32) -> Int? {
        let index = Int(newest &- number)
        return number != 0 && index < count ? index : nil
    }
}
