// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Testing

@testable import Tunnel

@Suite("The time limits of a connection")
struct ConnectionClockTests {
    private static func configuration(idle: Int64, halfClose: Int64, line: Int64) -> TunnelConfiguration {
        var configuration = TunnelConfiguration(configDirectory: "", nodeName: "", caDirectory: "")
        configuration.idleTimeout = .seconds(idle)
        configuration.halfCloseTimeout = .seconds(halfClose)
        configuration.logInterval = .seconds(line)
        return configuration
    }

    private static func at(_ seconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: 0) + .seconds(seconds)
    }

    @Test("Before bytes can move, only the end of the phase counts")
    func phase() {
        let configuration = Self.configuration(idle: 1, halfClose: 1, line: 1)
        var clock = ConnectionClock(phaseEnd: Self.at(10), now: Self.at(0))
        #expect(clock.next(configuration) == Self.at(10))
        guard case .nothing = clock.take(configuration, now: Self.at(9)) else { return #expect(Bool(false)) }
        guard case .phaseEnded = clock.take(configuration, now: Self.at(10)) else { return #expect(Bool(false)) }
    }

    @Test("Without limits nothing is ever due, so no timer is armed")
    func noLimits() {
        let configuration = Self.configuration(idle: 0, halfClose: 0, line: 0)
        var clock = ConnectionClock(phaseEnd: Self.at(10), now: Self.at(0))
        clock.establish(configuration, now: Self.at(1))
        clock.isHalfClosed = true
        #expect(clock.next(configuration) == .distantFuture)
    }

    @Test("Silence is measured from the last byte")
    func silence() {
        let configuration = Self.configuration(idle: 5, halfClose: 0, line: 0)
        var clock = ConnectionClock(phaseEnd: Self.at(10), now: Self.at(0))
        clock.establish(configuration, now: Self.at(1))
        clock.lastActivity = Self.at(4)
        #expect(clock.next(configuration) == Self.at(9))
        guard case .nothing = clock.take(configuration, now: Self.at(8)) else { return #expect(Bool(false)) }
        guard case .silent(afterHalfClose: false) = clock.take(configuration, now: Self.at(9)) else {
            return #expect(Bool(false))
        }
    }

    @Test("After a half-close the shorter of the two limits counts")
    func halfClose() {
        let configuration = Self.configuration(idle: 100, halfClose: 3, line: 0)
        var clock = ConnectionClock(phaseEnd: Self.at(10), now: Self.at(0))
        clock.establish(configuration, now: Self.at(0))
        #expect(clock.next(configuration) == Self.at(100))
        clock.isHalfClosed = true
        #expect(clock.next(configuration) == Self.at(3))
    }

    @Test("A line is due every interval, counted from the one before")
    func lines() {
        let configuration = Self.configuration(idle: 0, halfClose: 0, line: 60)
        var clock = ConnectionClock(phaseEnd: Self.at(10), now: Self.at(0))
        clock.establish(configuration, now: Self.at(0))
        guard case .line = clock.take(configuration, now: Self.at(60)) else { return #expect(Bool(false)) }
        #expect(clock.next(configuration) == Self.at(120))
    }
}
