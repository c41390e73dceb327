// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Bytes

@Suite("Slab")
struct SlabTests {
    @Test("A key kept too long misses, also when its slot is taken again")
    func staleKey() throws {
        var slab = Slab<Int>(limit: 10)
        let inserted = slab.insert(1)
        let first = try #require(inserted)
        let removed = slab.remove(first)
        #expect(removed == 1)
        let insertedAgain = slab.insert(2)
        let second = try #require(insertedAgain)
        #expect(second.index == first.index)
        let stale = slab.remove(first)
        #expect(stale == nil)
        let staleElement = slab.withElement(first) { $0 }
        #expect(staleElement == nil)
        let element = slab.withElement(second) { $0 }
        #expect(element == 2)
    }

    @Test("The limit holds, and removing makes room")
    func limit() throws {
        var slab = Slab<Int>(limit: 100)
        var keys: [Slab<Int>.Key] = []
        for value in 0..<100 {
            if let key = slab.insert(value) { keys.append(key) }
        }
        #expect(keys.count == 100)
        let refused = slab.insert(100)
        #expect(refused == nil)
        let stored = slab.keys
        #expect(Set(stored) == Set(keys))
        let removed = slab.remove(keys[50])
        #expect(removed == 50)
        let key = slab.insert(100)
        #expect(key != nil)
        let count = slab.count
        #expect(count == 100)
    }
}
