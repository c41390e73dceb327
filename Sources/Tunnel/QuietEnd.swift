// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// How connections that drain are ended between two exchanges, rather than in the middle of one at the deadline.
///
/// A client that keeps its connection, as those of HTTP do, would go on to use it until it is cut under a request. What tells the
/// end of an exchange from here is silence after an answer, and nobody knows how long a server may think between two pieces of
/// one. So most of the time is the applications' alone, and shows how long a connection's answers pause; then the
/// silence that is asked for shrinks with the time that is left, but stays twice that pause. (A server that writes header and
/// body apart pauses for 40 ms, the kernel's delayed acknowledgement.) Who is never silent, or waits for an answer, is cut at
/// the deadline.
struct QuietEnd {
    let deadline: MonotonicTime
    private let begin: MonotonicTime
    /// Pieces of one write may be this far apart when processors are busy.
    private static let least = Nanoseconds.milliseconds(5)

    init(now: MonotonicTime, deadline: MonotonicTime) {
        self.deadline = deadline
        begin = now + Nanoseconds((deadline - now).count / 5 * 4)
    }

    /// How long a connection must have been silent after an answer to be ended now; nil: it is not time yet.
    func silence(at now: MonotonicTime) -> Nanoseconds? {
        now < begin ? nil : max(Self.least, Nanoseconds((deadline - now).count / 8))
    }

    /// Whether a connection has been silent for that long, and for twice as long as its answers pause.
    func isQuiet(_ clock: ConnectionClock, silence: Nanoseconds, now: MonotonicTime) -> Bool {
        clock.isAnswered && now - clock.lastActivity >= max(silence, clock.longestPause + clock.longestPause)
    }

    /// When to look again: often enough for the silence that is asked for by then.
    func next(after now: MonotonicTime) -> MonotonicTime {
        if now < begin { return begin }
        return min(deadline, now + max(.milliseconds(2), Nanoseconds((deadline - now).count / 64)))
    }
}
