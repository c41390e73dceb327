// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The time limits of one connection: the end of the phase it is in, then silence and the lines of long connections.
///
/// One timer serves all of them: it is armed for the earliest, and whoever it wakes asks what is due.
struct ConnectionClock {
    /// When the phase before bytes can move is over at the latest; `.distantFuture` once they can.
    var phaseEnd: MonotonicTime
    /// When a byte last moved.
    var lastActivity: MonotonicTime
    /// Whether the last byte went to who opened the connection, or none has moved yet.
    var isAnswered = true
    /// The longest silence between two pieces of an answer; since the drain began, while there is one.
    var longestPause = Nanoseconds(0)
    /// When the next line of a long connection is due.
    var nextLine: MonotonicTime = .distantFuture
    /// One side has finished, the other has not.
    var isHalfClosed = false

    /// What has become of the time.
    enum Due {
        case nothing
        case phaseEnded
        case silent(afterHalfClose: Bool)
        case line
    }

    init(phaseEnd: MonotonicTime, now: MonotonicTime) {
        self.phaseEnd = phaseEnd
        lastActivity = now
    }

    /// Bytes can move from now on.
    mutating func establish(_ configuration: TunnelConfiguration, now: MonotonicTime) {
        phaseEnd = .distantFuture
        lastActivity = now
        if configuration.logInterval.count > 0 { nextLine = now + configuration.logInterval }
    }

    /// A byte has moved.
    @inline(__always)
    mutating func moved(isAnswer: Bool, now: MonotonicTime) {
        if isAnswer, isAnswered { longestPause = max(longestPause, now - lastActivity) }
        lastActivity = now
        isAnswered = isAnswer
    }

    /// When to look next; `.distantFuture` when nothing is limited.
    func next(_ configuration: TunnelConfiguration) -> MonotonicTime {
        min(phaseEnd, min(silenceEnd(configuration), nextLine))
    }

    /// What is due now; a line that is due is taken as written.
    mutating func take(_ configuration: TunnelConfiguration, now: MonotonicTime) -> Due {
        if phaseEnd <= now { return .phaseEnded }
        guard phaseEnd == .distantFuture else { return .nothing }
        if silenceEnd(configuration) <= now { return .silent(afterHalfClose: isHalfClosed) }
        guard nextLine <= now else { return .nothing }
        nextLine = now + configuration.logInterval
        return .line
    }

    private func silenceEnd(_ configuration: TunnelConfiguration) -> MonotonicTime {
        guard phaseEnd == .distantFuture else { return .distantFuture }
        var limit = configuration.idleTimeout
        if isHalfClosed, configuration.halfCloseTimeout.count > 0 {
            limit = limit.count > 0 ? min(limit, configuration.halfCloseTimeout) : configuration.halfCloseTimeout
        }
        return limit.count > 0 ? lastActivity + limit : .distantFuture
    }
}
