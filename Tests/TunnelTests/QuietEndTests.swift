// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import Tunnel

@Suite("The end between two exchanges")
struct QuietEndTests {
    private static let end = QuietEnd(now: at(0), deadline: at(16_000))

    private static func at(_ milliseconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: 0) + .milliseconds(milliseconds)
    }

    @Test("Four fifths of the time are the applications' alone")
    func before() {
        #expect(Self.end.silence(at: Self.at(0)) == nil)
        #expect(Self.end.silence(at: Self.at(12_799)) == nil)
        #expect(Self.end.next(after: Self.at(0)) == Self.at(12_800))
    }

    @Test(
        "From then on an eighth of the time that is left must have been silent",
        arguments: [(12_800, 400), (14_400, 200), (15_200, 100), (15_960, 5), (16_000, 5)] as [(Int64, Int64)])
    func silence(now: Int64, expected: Int64) {
        #expect(Self.end.silence(at: Self.at(now)) == .milliseconds(expected))
    }

    @Test("Looks come several times in each silence, and end at the deadline")
    func looks() {
        var now = Self.at(12_800)
        var count = 0
        while now < Self.end.deadline {
            let next = Self.end.next(after: now)
            let silence = Self.end.silence(at: now) ?? Nanoseconds(0)
            #expect(next > now && (next - now <= max(silence, .milliseconds(2))))
            now = next
            count += 1
        }
        #expect(now == Self.end.deadline && count < 400)
    }

    @Test("A time of nothing is over at once")
    func nothing() {
        let end = QuietEnd(now: Self.at(5), deadline: Self.at(5))
        #expect(end.silence(at: Self.at(5)) == .milliseconds(5) && end.next(after: Self.at(5)) == Self.at(5))
    }

    @Test("A connection whose answers pause must be silent for twice as long; one that waits for an answer never is")
    func pauses() {
        var clock = ConnectionClock(phaseEnd: .distantFuture, now: Self.at(0))
        clock.moved(isAnswer: false, now: Self.at(7_000))
        #expect(!Self.end.isQuiet(clock, silence: .milliseconds(5), now: Self.at(9_000)))
        clock.moved(isAnswer: true, now: Self.at(9_000))
        #expect(clock.longestPause == Nanoseconds(0))
        #expect(Self.end.isQuiet(clock, silence: .milliseconds(5), now: Self.at(9_005)))
        clock.moved(isAnswer: true, now: Self.at(9_040))
        #expect(clock.longestPause == .milliseconds(40))
        #expect(!Self.end.isQuiet(clock, silence: .milliseconds(5), now: Self.at(9_119)))
        #expect(Self.end.isQuiet(clock, silence: .milliseconds(5), now: Self.at(9_120)))
    }
}
