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
    private var heads = UniqueArray<UInt32>()

    init() {}

    /// Memory of the buckets.
    var memoryBytes: Int { heads.capacity * MemoryLayout<UInt32>.stride }

    /// A hash of length and of up to 24 octets from start, middle and end; what it does not tell apart, comparison does.
    ///
    /// The first multiplier is one of those for which the names of `HPACKStaticTable` differ in the seven highest bits.
    @inline(__always)
    static func hash(_ bytes: Span<UInt8>) -> UInt32 {
        let count = bytes.count
        var first: UInt64
        var second = UInt64(truncatingIfNeeded: count)
        if count >= 8 {
            let middle = bytes.readUInt64BigEndian(at: (count &- 8) &>> 1)
            first = bytes.readUInt64BigEndian(at: 0) ^ (middle &<< 29 | middle &>> 35)
            second ^= bytes.readUInt64BigEndian(at: count &- 8)
        } else if count >= 4 {
            first = UInt64(bytes.readUInt32BigEndian(at: 0))
            second = UInt64(bytes.readUInt32BigEndian(at: count &- 4)) ^ second &<< 32
        } else {
            guard count > 0 else { return 0 }
            first = UInt64(bytes[0]) | UInt64(bytes[count &>> 1]) &<< 8 | UInt64(bytes[count &- 1]) &<< 16
        }
        first &*= 0x0AA4_A4BA_0676_A745
        second &*= 0x9E37_79B9_7F4A_7C15
        return UInt32(truncatingIfNeeded: (first ^ (second &<< 32 | second &>> 32)) &>> 32)
    }

    /// The hash of a field, from those of its parts.
    static func hash(name: UInt32, value: UInt32) -> UInt32 { (name &* 31) ^ value &* 0x2545_F491 }

    private static func bucket(_ hash: UInt32) -> Int { Int((hash ^ hash >> 16) & UInt32(bucketCount - 1)) }

    /// Position in `table` of the field, nil when it is not there.
    @inline(__always)
    func find(
        _ hash: UInt32, name: Span<UInt8>, value: Span<UInt8>, in table: borrowing HPACKDynamicTable
    ) -> Int? {
        guard !heads.isEmpty else { return nil }
        var number = heads[Self.bucket(hash)]
        while table.contains(number) {
            if table.hash(of: number) == hash, table.isField(number, name: name, value: value) {
                return table.index(of: number)
            }
            number = table.previousField(of: number)
        }
        return nil
    }

    /// Position in `table` of the newest field of that name, nil when there is none.
    func find(nameHash: UInt32, name: Span<UInt8>, in table: borrowing HPACKDynamicTable) -> Int? {
        guard !heads.isEmpty else { return nil }
        var number = heads[Self.bucketCount + Self.bucket(nameHash)]
        while table.contains(number) {
            if table.isName(number, name) { return table.index(of: number) }
            number = table.previousName(of: number)
        }
        return nil
    }

    /// Inserts a field into `table` and makes it known here.
    mutating func insert(
        _ hash: UInt32, nameHash: UInt32, name: Span<UInt8>, value: Span<UInt8>, into table: inout HPACKDynamicTable
    ) {
        if heads.isEmpty { for _ in 0..<(2 * Self.bucketCount) { heads.append(0) } }
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
        heads.releaseMemory()
    }
}
