// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import LinuxIO
import Testing

@Suite("MemoryTidying")
struct MemoryTidyingTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    @Test("Without a change nothing is due; after one it is once, a quarter of a second later")
    func once() {
        var tidying = MemoryTidying()
        #expect(tidying.deadline == .distantFuture)
        tidying.changed(now: start)
        #expect(tidying.deadline == start + .milliseconds(250))
        tidying.run(now: start + .milliseconds(249))
        #expect(tidying.deadline == start + .milliseconds(250))
        tidying.run(now: start + .milliseconds(250))
        #expect(tidying.deadline == .distantFuture)
    }

    @Test("Each change puts it off, but never beyond ten seconds after the first")
    func changesWithoutEnd() {
        var tidying = MemoryTidying()
        var times: [Int64] = []
        for millisecond in stride(from: Int64(0), to: 30_000, by: 100) {
            let now = start + .milliseconds(millisecond)
            if tidying.deadline <= now { times.append(millisecond) }
            tidying.run(now: now)
            tidying.changed(now: now)
        }
        #expect(times == [10_000, 20_000])
    }
}
