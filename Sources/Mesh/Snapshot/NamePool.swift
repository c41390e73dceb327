// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The names of a snapshot while it is built, each once.
struct NamePool {
    private(set) var all = ChunkedArray<String>()
    private var positions: [String: NameIndex] = [:]

    /// How many names are shared by those who have them: they stay when nobody has them any more.
    var internedCount: Int { positions.count }

    /// A name by its position.
    subscript(_ index: NameIndex) -> String { all[index.position] }

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

    /// Gives the place of an appended name to another.
    mutating func replace(_ position: NameIndex, with name: String) {
        if all[position.position] != name { all[position.position] = name }
    }
}
