// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// How often something may be done: some times at once, and at a steady rate in the long run.
///
/// Pure: time is a parameter. Kept is no number of tokens but when all of them are back (the generic cell rate algorithm,
/// ITU-T I.371), so nothing has to be filled in.
package struct TokenBucket: Sendable {
    private let interval: Nanoseconds
    private let burst: Int64
    private var full = MonotonicTime(nanoseconds: 0)

    /// A full bucket of `burst` tokens, of which one comes back each `interval`.
    package init(burst: Int, interval: Nanoseconds) {
        self.burst = Int64(max(1, burst))
        self.interval = interval
    }

    /// From when on there is a token.
    package var deadline: MonotonicTime {
        let ahead = UInt64(max(0, (burst - 1) * interval.count))
        return MonotonicTime(nanoseconds: full.nanoseconds > ahead ? full.nanoseconds - ahead : 0)
    }

    /// Whether all tokens are there.
    package func isFull(_ now: MonotonicTime) -> Bool { full <= now }

    /// Takes a token.
    ///
    /// - Returns: false when there is none.
    package mutating func take(_ now: MonotonicTime) -> Bool {
        guard deadline <= now else { return false }
        full = max(full, now) + interval
        return true
    }
}
