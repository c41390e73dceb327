// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh

/// The objects of one kind that count, by key, in no order.
///
/// Entries lie side by side and carry their key themselves: a dictionary would hold the key twice and a third of its places free,
/// which for a hundred thousand pods is more than what is told of them.
struct ObjectTable: Sendable {
    private(set) var entries = ChunkedArray<ObjectStore.Entry>()
    private var slots = HashSlots(count: 0)

    private func position(_ key: ObjectKey) -> UInt32? {
        slots.find(hash: key.hashValue) { entries[Int($0)].object.key == key }
    }

    /// What counts of an object; setting nil removes it.
    subscript(key: ObjectKey) -> ObjectStore.Entry? {
        get { position(key).map { entries[Int($0)] } }
        set {
            switch (position(key), newValue) {
            case (let known?, let entry?): entries[Int(known)] = entry
            case (let known?, nil): remove(known, hash: key.hashValue)
            case (nil, let entry?): append(entry)
            case (nil, nil): break
            }
        }
    }

    private mutating func append(_ entry: ObjectStore.Entry) {
        let position = UInt32(entries.count)
        entries.append(entry)
        Self.insert(position, of: entries, into: &slots)
    }

    /// Takes an entry out; the last one moves to its place.
    private mutating func remove(_ position: UInt32, hash: Int) {
        Self.remove(position, hash: hash, of: entries, from: &slots)
        let last = entries.removeLast()
        guard Int(position) < entries.count else { return }
        slots.replace(UInt32(entries.count), with: position, hash: last.object.key.hashValue)
        entries[Int(position)] = last
    }

    private static func insert(
        _ position: UInt32, of entries: ChunkedArray<ObjectStore.Entry>, into slots: inout HashSlots
    ) {
        slots.insert(position, hash: entries[Int(position)].object.key.hashValue) {
            entries[Int($0)].object.key.hashValue
        }
    }

    private static func remove(
        _ position: UInt32, hash: Int, of entries: ChunkedArray<ObjectStore.Entry>, from slots: inout HashSlots
    ) {
        slots.remove(position, hash: hash) { entries[Int($0)].object.key.hashValue }
    }
}
