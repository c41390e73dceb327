// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import LinuxIO

@Suite("BusyShare")
struct BusyShareTests {
    @Test("Only the thread's own time counts, and a moment does not change the answer")
    func share() {
        let start = MonotonicClock.now()
        var busy = BusyShare(now: start)
        var rounds: UInt64 = 0
        while MonotonicClock.now() - start < .milliseconds(30) { rounds += 1 }
        // The thread worked for at most all of these 30 ms: as if they had been 3 s, that is at most one percent.
        #expect(busy.percent(now: start + .seconds(3)) <= 1)
        #expect(busy.percent(now: start + .seconds(3) + .milliseconds(1)) <= 1)
        var other = BusyShare(now: start)
        while MonotonicClock.now() - start < .milliseconds(60) { rounds += 1 }
        // As if what was worked, at least a moment, had taken no time but the window.
        #expect(other.percent(now: start + .milliseconds(20)) > 0)
        #expect(rounds > 0)
    }
}
