// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The names of a snapshot while it is built, each once.
struct NamePool {
    private(set) var all: ContiguousArray<String> = []
    private var positions: [String: NameIndex] = [:]

    /// Makes room for names that are about to be appended.
    mutating func reserveCapacity(_ count: Int) {
        all.reserveCapacity(all.count + count)
    }

    /// The position of a name, which is added when it is new.
    mutating func intern(_ name: String) -> NameIndex {
        if let known = positions[name] { return known }
        let position = NameIndex(UInt32(all.count))
        all.append(name)
        positions[name] = position
        return position
    }

    /// The position of a name that no other object is expected to have: not looked for among the others.
    mutating func append(_ name: String) -> NameIndex {
        all.append(name)
        return NameIndex(UInt32(all.count - 1))
    }
}
