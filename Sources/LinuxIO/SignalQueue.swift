// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// SIGTERM and SIGINT as something to wait for, beside one other descriptor; SIGPIPE is ignored.
///
/// To be made by the main thread before any other thread exists, so that all inherit the blocked signals.
package final class SignalQueue: Sendable {
    private let descriptor: OwnedDescriptor

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
        descriptor = OwnedDescriptor(adopting: fd)
    }

    /// Sends SIGTERM to the own process: what the admin port does when asked to quit.
    package static func terminateSelf() {
        _ = kill(getpid(), SIGTERM)
    }

    /// What ended a wait.
    package struct Outcome {
        /// The signal that came, if one did.
        package let signal: CInt?
        /// Which of the other descriptors can be read, in their order.
        package let readable: [Bool]
        /// Whether the first of the other descriptors can be read.
        package var isOtherReadable: Bool { readable.first ?? false }
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
    /// - Parameter milliseconds: -1 waits without end.
    package func wait(alsoFor others: [CInt], milliseconds: CInt) -> Outcome {
        var fds = ([descriptor.rawValue] + others).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let none = Outcome(signal: nil, readable: others.map { _ in false })
        guard unsafe poll(&fds, nfds_t(fds.count), milliseconds) > 0 else { return none }
        var signal: CInt?
        if fds[0].revents != 0 {
            var information = signalfd_siginfo()
            let size = MemoryLayout<signalfd_siginfo>.size
            if unsafe read(descriptor.rawValue, &information, size) == size {
                signal = CInt(information.ssi_signo)
            }
        }
        return Outcome(signal: signal, readable: fds.dropFirst().map { $0.revents != 0 })
    }
}
