// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import CLinux

/// How much of a core the calling thread takes, measured when it is asked for: nothing runs in between.
///
/// One per thread, used by that thread alone. Time in which others had the core does not count as the thread's own, so
/// threads that share a core do not all look busy.
package struct BusyShare {
    private var since: MonotonicTime
    private var spent: Int64
    private var percent = 0

    /// Shorter times say little of what a thread does.
    private static let window = Nanoseconds.milliseconds(20)

    /// Begins to measure.
    package init(now: MonotonicTime) {
        since = now
        spent = Self.threadTime()
    }

    /// Percent of a core since the last question, or before it when that was a moment ago.
    ///
    /// It takes a system call, at most one every 20 ms.
    package mutating func percent(now: MonotonicTime) -> Int {
        let passed = now - since
        guard passed >= Self.window else { return percent }
        let total = Self.threadTime()
        percent = Int((total - spent) * 100 / passed.count)
        since = now
        spent = total
        return percent
    }

    /// What the thread has worked, in nanoseconds.
    private static func threadTime() -> Int64 {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
