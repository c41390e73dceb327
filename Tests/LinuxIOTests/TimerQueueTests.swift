// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import LinuxIO

@Suite("TimerQueue")
struct TimerQueueTests {
    @Test("Deadlines come up in their order, none before its time")
    func order() {
        var queue = TimerQueue()
        var random = RandomSource(seed: 11)
        for index in 0..<500 {
            let deadline = MonotonicTime(nanoseconds: UInt64.random(in: 0..<1000, using: &random))
            queue.arm(EventToken(kind: 1, index: UInt32(index), generation: 1), at: deadline)
        }
        var last: UInt64 = 0
        while let next = queue.next {
            let early = queue.takeDue(MonotonicTime(nanoseconds: next.nanoseconds &- (next.nanoseconds > 0 ? 1 : 0)))
            #expect(next.nanoseconds == 0 || early == nil)
            #expect(next.nanoseconds >= last)
            last = next.nanoseconds
            _ = queue.takeDue(next)
        }
        #expect(queue.count == 0)
    }

    @Test("A token carries kind, generation and index through 64 bits")
    func token() {
        let token = EventToken(kind: 15, index: .max, generation: 0x0FFF_FFFF)
        let back = EventToken(bits: token.bits)
        #expect(back.kind == 15)
        #expect(back.index == .max)
        #expect(back.generation == 0x0FFF_FFFF)
    }
}
