// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// SIGTERM and SIGINT as something to wait for, beside one other descriptor; SIGPIPE is ignored.
///
/// To be made by the main thread before any other thread exists, so that all inherit the blocked signals.
package final class SignalQueue: Sendable {
    private let queue: OwnedDescriptor

    /// Blocks the signals and opens the queue.
    package init() throws(SystemError) {
        _ = signal(SIGPIPE, SIG_IGN)
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGTERM)
        unsafe sigaddset(&set, SIGINT)
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        let fd = unsafe signalfd(-1, &set, CInt(SFD_NONBLOCK) | CInt(SFD_CLOEXEC))
        guard fd >= 0 else { throw .current("signalfd") }
        queue = OwnedDescriptor(adopting: fd)
    }

    /// Sends SIGTERM to the own process: what the admin port does when asked to quit.
    package static func terminateSelf() {
        _ = kill(getpid(), SIGTERM)
    }

    /// Readable when a signal has come, for a `Poller`.
    package var descriptor: CInt { queue.rawValue }

    /// Takes a signal that has come; nil when there is none.
    package func take() -> CInt? {
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        guard unsafe read(queue.rawValue, &information, size) == size else { return nil }
        return CInt(information.ssi_signo)
    }

    /// What ended a wait.
    package struct Outcome {
        /// The signal that came, if one did.
        package let signal: CInt?
        /// Which of the other descriptors can be read, in their order.
        package let readable: [Bool]
        /// Whether there is urgent news at the descriptor that was asked for it.
        package let isUrgent: Bool
    }

    /// Waits for a signal or for `other` to be readable.
    ///
    /// - Parameters:
    ///   - other: -1 for none.
    ///   - milliseconds: -1 waits without end.
    package func wait(alsoFor other: CInt, milliseconds: CInt) -> Outcome {
        wait(alsoFor: [other], milliseconds: milliseconds)
    }

    /// Waits for a signal or for any of `others` to be readable.
    ///
    /// - Parameters:
    ///   - urgent: a descriptor whose urgent news (POLLPRI) count and whose bytes do not; -1 for none.
    ///   - milliseconds: -1 waits without end.
    package func wait(alsoFor others: [CInt], urgent: CInt = -1, milliseconds: CInt) -> Outcome {
        var fds = ([queue.rawValue] + others).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        fds.append(pollfd(fd: urgent, events: Int16(POLLPRI), revents: 0))
        let none = Outcome(signal: nil, readable: others.map { _ in false }, isUrgent: false)
        guard unsafe poll(&fds, nfds_t(fds.count), milliseconds) > 0 else { return none }
        let signal = fds[0].revents != 0 ? take() : nil
        let readable = fds[1..<(others.count + 1)].map { $0.revents != 0 }
        return Outcome(signal: signal, readable: readable, isUrgent: fds[others.count + 1].revents != 0)
    }
}
