// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// An open-addressing hash table of positions: the keys stay in the arrays that the positions point into.
///
/// Half the size of a `Dictionary` for large meshes. Callers hash with `Hasher`, whose seed is secret, so that names
/// and addresses chosen by a tenant cannot build long probe runs.
package struct HashSlots: Sendable {
    private static let vacant = UInt32.max

    private var slots: ContiguousArray<UInt32>
    private var mask: Int
    private var count = 0

    /// An empty table with room for `count` positions.
    package init(count: Int) {
        var size = 2
        while size < count + count / 2 + 1 { size *= 2 }
        slots = ContiguousArray(repeating: Self.vacant, count: size)
        mask = size - 1
    }

    /// Adds a position whose key is not in the table yet.
    ///
    /// - Parameter rehash: the hash of a position that is in the table, for the case that the table must grow.
    package mutating func insert(_ position: UInt32, hash: Int, rehash: (UInt32) -> Int) {
        if slots.count < count + count / 2 + 2 { grow(rehash) }
        put(position, hash: hash)
        count += 1
    }

    private mutating func put(_ position: UInt32, hash: Int) {
        var slot = hash & mask
        while slots[slot] != Self.vacant { slot = (slot + 1) & mask }
        slots[slot] = position
    }

    private mutating func grow(_ rehash: (UInt32) -> Int) {
        let old = slots
        slots = ContiguousArray(repeating: Self.vacant, count: old.count * 2)
        mask = slots.count - 1
        for position in old where position != Self.vacant { put(position, hash: rehash(position)) }
    }

    /// Puts `position` in the place of `old`, which has the same key.
    package mutating func replace(_ old: UInt32, with position: UInt32, hash: Int) {
        var slot = hash & mask
        while slots[slot] != old { slot = (slot + 1) & mask }
        slots[slot] = position
    }

    /// Takes a position out; those behind it that were put off by it move up, so that they are still found.
    ///
    /// - Parameter rehash: the hash of a position that is in the table.
    package mutating func remove(_ position: UInt32, hash: Int, rehash: (UInt32) -> Int) {
        var hole = hash & mask
        while slots[hole] != position { hole = (hole + 1) & mask }
        var slot = (hole + 1) & mask
        while slots[slot] != Self.vacant {
            let distance = (slot - rehash(slots[slot])) & mask
            if distance >= (slot - hole) & mask {
                slots[hole] = slots[slot]
                hole = slot
            }
            slot = (slot + 1) & mask
        }
        slots[hole] = Self.vacant
        count -= 1
    }

    /// The position whose key is equal by `isEqual`; nil when there is none.
    ///
    /// - Complexity: O(1) expected; does not allocate.
    @inline(__always)
    package func find(hash: Int, isEqual: (UInt32) -> Bool) -> UInt32? {
        var slot = hash & mask
        while slots[slot] != Self.vacant {
            if isEqual(slots[slot]) { return slots[slot] }
            slot = (slot + 1) & mask
        }
        return nil
    }
}
