// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Identity
import Testing

@testable import CertificateService

@Suite("When a root is rotated")
struct RotationScheduleTests {
    private static let day: Int64 = 86_400

    /// One day of certificates, a hundred seconds of margin, roots of a thousand days from 0.
    private var schedule: RotationSchedule {
        var schedule = RotationSchedule()
        schedule.margin = 100
        return schedule
    }

    private func state(
        _ phase: RootRotation.Phase, since: Int64? = nil, isServed: Bool = true, isPublished: Bool = true,
        isRequested: Bool = false, isRoot: Bool = true
    ) -> RotationSchedule.State {
        RotationSchedule.State(
            phase: phase, since: since.map { UnixTime(seconds: $0) }, isServed: isServed, isPublished: isPublished,
            isRequested: isRequested, isRoot: isRoot, notBefore: UnixTime(seconds: 0),
            notAfter: UnixTime(seconds: 1_000 * Self.day))
    }

    private func step(_ state: RotationSchedule.State, _ schedule: RotationSchedule, at now: Int64)
        -> RotationSchedule.Step
    {
        schedule.step(state, now: UnixTime(seconds: now))
    }

    @Test("A root is rotated at its share of life, or when there is little time left, and an intermediate never")
    func due() {
        #expect(step(state(.stable), schedule, at: 800 * Self.day - 1) == .none)
        #expect(step(state(.stable), schedule, at: 800 * Self.day) == .begin)
        #expect(step(state(.stable, isRoot: false), schedule, at: 800 * Self.day) == .hold(.foreignRoot))
        var late = schedule
        late.percentOfLife = 99
        late.longestValidity = 100 * Self.day
        // Four waits of a hundred days and a margin before the end.
        #expect(step(state(.stable), late, at: 600 * Self.day - 401) == .none)
        #expect(step(state(.stable), late, at: 600 * Self.day - 400) == .begin)
        late.percentOfLife = 100
        #expect(step(state(.stable), late, at: 999 * Self.day) == .none)
    }

    @Test("An operator who asks gets a rotation at any time, whatever the share is")
    func requested() {
        var never = schedule
        never.percentOfLife = 100
        #expect(step(state(.stable, isRequested: true), never, at: 1) == .begin)
        #expect(step(state(.stable, isRequested: true, isRoot: false), never, at: 1) == .hold(.foreignRoot))
        // One that is under way is not begun again.
        #expect(step(state(.distributing, since: 1, isRequested: true), never, at: 2) != .begin)
    }

    @Test(
        "A phase lasts for one life of a certificate and the margin, from when its change had arrived",
        arguments: [(RootRotation.Phase.distributing, RotationSchedule.Step.switchSigner), (.retiring, .finish)])
    func waits(_ phase: RootRotation.Phase, _ next: RotationSchedule.Step) {
        let end = 1_000 + Self.day + 100
        #expect(step(state(phase, isServed: false), schedule, at: 1_000) == .hold(.notServed))
        #expect(step(state(phase, isPublished: false), schedule, at: 1_000) == .hold(.notPublished))
        #expect(step(state(phase), schedule, at: 1_000) == .stamp)
        #expect(step(state(phase, since: 1_000), schedule, at: 1_000) == .wait(until: UnixTime(seconds: end)))
        #expect(step(state(phase, since: 1_000), schedule, at: end - 1) == .wait(until: UnixTime(seconds: end)))
        #expect(step(state(phase, since: 1_000), schedule, at: end) == next)
        // What is not published any more holds it up, however long it has waited; the wait is not lost.
        #expect(step(state(phase, since: 1_000, isPublished: false), schedule, at: end) == .hold(.notPublished))
        // A leader that is behind has given out older bundles: the wait begins again.
        #expect(step(state(phase, since: 1_000, isServed: false), schedule, at: end) == .unstamp)
    }

    @Test("A time to come, written by a clock that was ahead, begins the wait again instead of making it long")
    func clocks() {
        #expect(step(state(.distributing, since: 500 * Self.day), schedule, at: 1_000) == .stamp)
    }
}
