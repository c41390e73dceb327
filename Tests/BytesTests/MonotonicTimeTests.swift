// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@Suite("Times")
struct MonotonicTimeTests {
    @Test("What is never due is never due at once: from any time to the distant future is the longest length there is")
    func distantFuture() {
        for nanoseconds: UInt64 in [0, 1, 1 << 40, 1 << 62] {
            let now = MonotonicTime(nanoseconds: nanoseconds)
            #expect(MonotonicTime.distantFuture - now == Nanoseconds(.max))
            #expect(now + Nanoseconds(.max) > now)
        }
    }

    @Test("A length is negative when its end is before its beginning")
    func difference() {
        let early = MonotonicTime(nanoseconds: 5)
        let late = MonotonicTime(nanoseconds: 12)
        #expect(late - early == Nanoseconds(7))
        #expect(early - late == Nanoseconds(-7))
    }
}
