// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A point in time that never goes backwards: nanoseconds of CLOCK_MONOTONIC.
///
/// Protocol cores get it as a parameter.
package struct MonotonicTime: Hashable, Sendable, Comparable {
    /// Nanoseconds since an arbitrary start.
    package var nanoseconds: UInt64

    /// Wraps a clock reading.
    @inlinable
    package init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// A time no timer reaches.
    @inlinable
    package static var distantFuture: MonotonicTime { MonotonicTime(nanoseconds: .max) }

    @inlinable
    package static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Saturates at `distantFuture`.
    @inlinable
    package static func + (time: MonotonicTime, duration: Nanoseconds) -> MonotonicTime {
        let (sum, overflow) = time.nanoseconds.addingReportingOverflow(UInt64(max(0, duration.count)))
        return MonotonicTime(nanoseconds: overflow ? .max : sum)
    }

    /// How long after `earlier` this is; negative when it is before, and the longest there is when this is `distantFuture`.
    @inlinable
    package static func - (later: MonotonicTime, earlier: MonotonicTime) -> Nanoseconds {
        // Else what is never due would be due at once.
        guard later != .distantFuture else { return Nanoseconds(.max) }
        return Nanoseconds(Int64(bitPattern: later.nanoseconds &- earlier.nanoseconds))
    }
}

/// A length of time in nanoseconds: 8 bytes and plain arithmetic, where `Duration` takes 16 and 128-bit sums.
package struct Nanoseconds: Hashable, Sendable, Comparable {
    /// The number of nanoseconds.
    package var count: Int64

    /// Wraps a number of nanoseconds.
    @inlinable
    package init(_ count: Int64) {
        self.count = count
    }

    /// `count` microseconds.
    @inlinable
    package static func microseconds(_ count: Int64) -> Nanoseconds { Nanoseconds(count * 1_000) }

    /// `count` milliseconds.
    @inlinable
    package static func milliseconds(_ count: Int64) -> Nanoseconds { Nanoseconds(count * 1_000_000) }

    /// `count` seconds.
    @inlinable
    package static func seconds(_ count: Int64) -> Nanoseconds { Nanoseconds(count * 1_000_000_000) }

    /// Whole milliseconds, rounded down.
    @inlinable
    package var milliseconds: Int64 { count / 1_000_000 }

    /// Both, one after the other.
    @inlinable
    package static func + (left: Nanoseconds, right: Nanoseconds) -> Nanoseconds {
        Nanoseconds(left.count + right.count)
    }

    /// Orders by length.
    @inlinable
    package static func < (left: Nanoseconds, right: Nanoseconds) -> Bool { left.count < right.count }
}
