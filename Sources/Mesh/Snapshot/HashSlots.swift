// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// An open-addressing hash table of positions: the keys stay in the arrays that the positions point into.
///
/// Half the size of a `Dictionary` for large meshes. Callers hash with `Hasher`, whose seed is secret, so that names
/// and addresses chosen by a tenant cannot build long probe runs.
package struct HashSlots: Sendable {
    private static let vacant = UInt32.max

    private var slots: ContiguousArray<UInt32>
    private let mask: Int

    /// An empty table for at most `count` positions.
    init(count: Int) {
        var size = 2
        while size < count + count / 2 + 1 { size *= 2 }
        slots = ContiguousArray(repeating: Self.vacant, count: size)
        mask = size - 1
    }

    /// Adds a position whose key is not in the table yet.
    mutating func insert(_ position: UInt32, hash: Int) {
        var slot = hash & mask
        while slots[slot] != Self.vacant { slot = (slot + 1) & mask }
        slots[slot] = position
    }

    /// Puts `position` in the place of `old`, which has the same key.
    mutating func replace(_ old: UInt32, with position: UInt32, hash: Int) {
        var slot = hash & mask
        while slots[slot] != old { slot = (slot + 1) & mask }
        slots[slot] = position
    }

    /// The position whose key is equal by `isEqual`; nil when there is none.
    ///
    /// - Complexity: O(1) expected; does not allocate.
    @inline(__always)
    func find(hash: Int, isEqual: (UInt32) -> Bool) -> UInt32? {
        var slot = hash & mask
        while slots[slot] != Self.vacant {
            if isEqual(slots[slot]) { return slots[slot] }
            slot = (slot + 1) & mask
        }
        return nil
    }
}
