// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Tells when the wall clock was set to another time, or the machine has woken from a suspension.
///
/// A timer on CLOCK_REALTIME that nobody waits for; with TFD_TIMER_CANCEL_ON_SET the kernel cancels it when that clock jumps
/// (timerfd_create(2)). A clock that is only slewed does not count. Used by one thread.
package final class ClockWatch: Sendable {
    private let timer: OwnedDescriptor

    /// Watches from now on.
    package init() throws(SystemError) {
        let fd = timerfd_create(CLOCK_REALTIME, CInt(TFD_NONBLOCK) | CInt(TFD_CLOEXEC))
        guard fd >= 0 else { throw .current("timerfd_create") }
        timer = OwnedDescriptor(adopting: fd)
        watchOn()
    }

    /// Readable when the clock has jumped; valid for as long as this value lives.
    package var descriptor: CInt { timer.rawValue }

    /// Takes note of the jump, so that `descriptor` is readable at the next one only.
    package func watchOn() {
        var time = itimerspec()
        time.it_value.tv_sec = .max
        let flags = CInt(TFD_TIMER_ABSTIME) | CInt(TFD_TIMER_CANCEL_ON_SET)
        // ECANCELED: the clock has jumped since the last call; the timer is set all the same.
        // Safety: `time` lives on this frame for the whole call, and nothing is to be returned.
        _ = unsafe timerfd_settime(timer.rawValue, flags, &time, nil)
    }
}
