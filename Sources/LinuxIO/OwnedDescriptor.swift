// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A file descriptor with one owner; it is closed when the owner goes away.
package struct OwnedDescriptor: ~Copyable, Sendable {
    /// The number, for system calls; valid for as long as this value lives.
    package let rawValue: CInt

    /// Takes over `rawValue`, which nobody else may close from now on.
    package init(adopting rawValue: CInt) { self.rawValue = rawValue }

    deinit { closeIgnoringInterrupt(rawValue) }

    /// Gives the descriptor up without closing it.
    ///
    /// - Returns: the number; the caller must close it.
    package consuming func relinquish() -> CInt {
        let fd = rawValue
        discard self
        return fd
    }
}

/// Closes `fd`: on Linux the descriptor is gone also when close(2) reports EINTR, so it is never tried again.
private func closeIgnoringInterrupt(_ fd: CInt) {
    _ = close(fd)
}
