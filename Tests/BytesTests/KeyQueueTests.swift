// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Bytes

@Suite("KeyQueue")
struct KeyQueueTests {
    @Test("Elements come out in the order they went in, also while it never empties")
    func order() {
        var queue = KeyQueue<Int>()
        var next = 0
        var expected = 0
        for round in 0..<1000 {
            for _ in 0..<(round % 7 + 1) {
                queue.append(next)
                next += 1
            }
            for _ in 0..<(round % 5) where !queue.isEmpty {
                #expect(queue.popFirst() == expected)
                expected += 1
            }
            #expect(queue.count == next - expected)
        }
        while let element = queue.popFirst() {
            #expect(element == expected)
            expected += 1
        }
        #expect(expected == next)
    }
}
