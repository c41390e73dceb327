// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A latch that any thread sets and one thread waits for (eventfd(2)).
///
/// ## Concurrency model
/// `signal` may be called by any thread and never blocks; signals before a wait are not lost, and several make one.
package final class WakeSignal: Sendable {
    private let event: OwnedDescriptor

    /// Opens the eventfd.
    package init() throws(SystemError) {
        let fd = eventfd(0, CInt(EFD_NONBLOCK) | CInt(EFD_CLOEXEC))
        guard fd >= 0 else { throw .current("eventfd") }
        event = OwnedDescriptor(adopting: fd)
    }

    /// Readable while a signal is pending, for a `Poller`.
    package var descriptor: CInt { event.rawValue }

    /// Wakes the waiting thread, or the next that waits.
    package func signal() {
        _ = eventfd_write(event.rawValue, 1)
    }

    /// Takes a pending signal back without waiting.
    package func clear() {
        var value: eventfd_t = 0
        _ = unsafe eventfd_read(event.rawValue, &value)
    }

    /// Waits for a signal and takes it.
    ///
    /// - Parameter milliseconds: how long; negative waits without end.
    /// - Returns: false when the time is over.
    package func wait(milliseconds: CInt) -> Bool {
        var entry = pollfd(fd: event.rawValue, events: Int16(POLLIN), revents: 0)
        while true {
            let count = unsafe poll(&entry, 1, milliseconds)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            clear()
            return true
        }
    }
}
