// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Finds the slot of a stream by its identifier: open addressing with linear probing, eight bytes per entry.
///
/// Half empty at most times, so a look-up touches one cache line. Nothing is allocated before the first stream; removal
/// shifts the followers back, so there are no tombstones and a long-lived connection does not slow down.
struct StreamTable: ~Copyable {
    /// Identifier in the high half and slot in the low half; 0 is free (identifier 0 is never a stream).
    private var entries: [UInt64] = []
    private(set) var count = 0

    /// Memory of the entries.
    var memoryBytes: Int { entries.capacity * MemoryLayout<UInt64>.stride }

    private var mask: Int { entries.count - 1 }

    /// Fibonacci hashing (Knuth 6.4): consecutive odd numbers spread evenly.
    private func home(_ id: UInt32) -> Int {
        Int(truncatingIfNeeded: (UInt64(id) &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    }

    /// The slot of `id`, or nil.
    func find(_ id: StreamID) -> UInt32? {
        guard count > 0 else { return nil }
        var position = home(id.rawValue)
        while entries[position] != 0 {
            if UInt32(truncatingIfNeeded: entries[position] >> 32) == id.rawValue {
                return UInt32(truncatingIfNeeded: entries[position])
            }
            position = (position + 1) & mask
        }
        return nil
    }

    /// Adds `id`, which is not in the table.
    mutating func insert(_ id: StreamID, slot: UInt32) {
        if (count + 1) * 2 > entries.count { grow() }
        place(UInt64(id.rawValue) << 32 | UInt64(slot))
        count += 1
    }

    private mutating func place(_ entry: UInt64) {
        var position = home(UInt32(truncatingIfNeeded: entry >> 32))
        while entries[position] != 0 { position = (position + 1) & mask }
        entries[position] = entry
    }

    private mutating func grow() {
        let old = entries
        entries = [UInt64](repeating: 0, count: max(8, old.count * 2))
        for entry in old where entry != 0 { place(entry) }
    }

    /// Removes `id` if it is there.
    mutating func remove(_ id: StreamID) {
        guard count > 0 else { return }
        var hole = home(id.rawValue)
        while UInt32(truncatingIfNeeded: entries[hole] >> 32) != id.rawValue {
            guard entries[hole] != 0 else { return }
            hole = (hole + 1) & mask
        }
        count -= 1
        var next = (hole + 1) & mask
        while entries[next] != 0 {
            let wanted = home(UInt32(truncatingIfNeeded: entries[next] >> 32))
            // An entry may move back to the hole unless its home lies cyclically behind the hole.
            if (next - wanted) & mask >= (next - hole) & mask {
                entries[hole] = entries[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        entries[hole] = 0
    }

    /// Gives memory back when no stream is left.
    mutating func releaseMemory() {
        if count == 0 { entries = [] }
    }
}
