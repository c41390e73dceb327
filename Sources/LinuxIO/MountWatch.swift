// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Tells when something was mounted or unmounted: among that is every namespace that gets or loses a name such as
/// `/run/netns/NAME`.
///
/// Names of namespaces are mounts, and no file system tells of them by inotify(7); the list of mounts does (proc(5),
/// /proc/PID/mountinfo: POLLPRI). It is that of the thread's own mount namespace, where these mounts must arrive for the
/// namespaces to be entered at all. Used by one thread.
package final class MountWatch: Sendable {
    private let list: OwnedDescriptor

    /// Watches from now on.
    package init() throws(SystemError) {
        // Safety: the literal lives for ever.
        let fd = unsafe open("/proc/thread-self/mountinfo", O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw .current("open") }
        list = OwnedDescriptor(adopting: fd)
    }

    /// Has POLLPRI once after a change.
    ///
    /// It is always readable, so reading is not to be waited for. Valid for as long as this value lives.
    package var descriptor: CInt { list.rawValue }
}
