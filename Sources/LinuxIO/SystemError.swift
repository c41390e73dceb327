// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A system call that failed: which one, and with what errno.
package struct SystemError: Error, Sendable, CustomStringConvertible {
    /// The errno value.
    package let number: CInt
    /// The call, as in its manual page.
    package let call: StaticString

    /// Wraps an errno value that is already at hand (from SO_ERROR, for instance).
    package init(_ number: CInt, _ call: StaticString) {
        self.number = number
        self.call = call
    }

    /// The errno of the call that has just failed on this thread.
    static func current(_ call: StaticString) -> SystemError { SystemError(errno, call) }

    /// The process or the system is out of descriptors or of memory for sockets; trying at once again is no use.
    package var isOutOfResources: Bool {
        number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM
    }

    /// The peer reset the connection.
    package var isReset: Bool { number == ECONNRESET || number == EPIPE }

    /// The peer's host answered that nobody listens.
    package var isRefused: Bool { number == ECONNREFUSED }

    /// No answer came within the time TCP allows.
    package var isTimeout: Bool { number == ETIMEDOUT }

    /// The privilege for the call is missing.
    package var isNotPermitted: Bool { number == EPERM || number == EACCES }

    /// There is no file of the name.
    package var isNotFound: Bool { number == ENOENT }

    /// The file has several names.
    package var isSeveralNames: Bool { number == EMLINK }

    /// The kernel, or the network namespace, lacks the address family.
    package var isFamilyUnavailable: Bool { number == EAFNOSUPPORT || number == EADDRNOTAVAIL }

    /// Memory, or room in one of our own tables, is used up.
    package static func outOfMemory(_ call: StaticString) -> SystemError { SystemError(ENOMEM, call) }

    /// Another socket has the address.
    package var isAddressInUse: Bool { number == EADDRINUSE }

    /// The host has no such address, or no such address family.
    package var isAddressUnavailable: Bool { number == EADDRNOTAVAIL || number == EAFNOSUPPORT }

    package var description: String {
        // Safety: the C library returns a constant string, or none for a number it does not know.
        guard let text = unsafe CLinux_strerrordesc(number) else { return "\(call): errno \(number)" }
        return unsafe "\(call): \(String(cString: text))"
    }
}
