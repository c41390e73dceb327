// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Testing

@testable internal import Manifest

@Suite("ChangeDebouncer")
struct ChangeDebouncerTests {
    private func at(_ milliseconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: 0) + .milliseconds(milliseconds)
    }

    @Test("A change counts after the quiet time, and at the latest after the longest delay")
    func quietTime() {
        var debouncer = ChangeDebouncer()
        #expect(debouncer.deadline == nil)
        debouncer.note(now: at(1000))
        #expect(debouncer.deadline == at(1100))
        for step in 1...6 { debouncer.note(now: at(1000 + Int64(step) * 90)) }
        #expect(debouncer.deadline == at(1400))
        debouncer.reset(now: at(1400))
        #expect(debouncer.deadline == nil)
    }

    @Test("A file that is being written is left alone until it is closed or the patience is over")
    func writers() {
        var debouncer = ChangeDebouncer()
        debouncer.beginWrite("a", now: at(0))
        debouncer.beginWrite("a", now: at(300))
        #expect(debouncer.isBeingWritten("a", now: at(499)) && !debouncer.isBeingWritten("b", now: at(0)))
        #expect(debouncer.deadline == at(500))
        debouncer.note(now: at(10))
        #expect(debouncer.deadline == at(110))
        debouncer.reset(now: at(110))
        #expect(debouncer.isBeingWritten("a", now: at(110)) && debouncer.deadline == at(500))
        debouncer.endWrite("a", now: at(200))
        #expect(!debouncer.isBeingWritten("a", now: at(200)) && debouncer.deadline == at(300))
        debouncer.beginWrite("c", now: at(1000))
        #expect(!debouncer.isBeingWritten("c", now: at(1500)))
        debouncer.reset(now: at(1500))
        #expect(debouncer.deadline == nil)
    }

    @Test("From a change to its effect it takes less than a second")
    func oneSecond() {
        let debouncer = ChangeDebouncer()
        #expect(debouncer.patience.count + debouncer.longestDelay.count < Nanoseconds.seconds(1).count)
    }
}
