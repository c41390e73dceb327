// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import CLinux

/// Reads CLOCK_MONOTONIC.
package enum MonotonicClock {
    /// The time now (a vDSO call, no system call).
    package static func now() -> MonotonicTime {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec))
    }

    /// Does nothing for a time: for commands that wait for something that cannot tell; never for a worker.
    package static func sleep(_ time: Nanoseconds) {
        var left = timespec(tv_sec: Int(time.count / 1_000_000_000), tv_nsec: Int(time.count % 1_000_000_000))
        var rest = timespec()
        while unsafe clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &rest) == EINTR { left = rest }
    }
}

/// Reads CLOCK_REALTIME, for certificates and logs.
package enum WallClock {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    package static func now() -> Int64 {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}
