// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A handle on a control group namespace (cgroup_namespaces(7)), which it keeps alive.
///
/// A thread in it sees /proc/PID/cgroup from its root, and the kernel counts levels of groups from there (Linux 6.11).
package struct ControlGroupNamespace: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor

    /// Opens the namespace behind a path such as `/proc/PID/ns/cgroup`.
    ///
    /// - Throws: ENOENT when the process is gone, EACCES without CAP_SYS_PTRACE, EINVAL when the file is something else.
    package init(path: String) throws(SystemError) {
        // Safety: the C string lives until the call returns, and open(2) does not keep it.
        let fd = unsafe path.withCString { unsafe open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
        guard fd >= 0 else { throw .current("open") }
        let opened = OwnedDescriptor(adopting: fd)
        guard CLinux_namespace_type(fd) == CLINUX_CLONE_NEWCGROUP else { throw SystemError(EINVAL, "open") }
        descriptor = opened
    }

    /// The namespace of the calling thread.
    package static func own() throws(SystemError) -> ControlGroupNamespace {
        try ControlGroupNamespace(path: "/proc/thread-self/ns/cgroup")
    }

    /// Runs `body` with the calling thread in this namespace.
    ///
    /// The thread is back before this returns. One that cannot return would take other groups for its own ever after: the
    /// process writes a line to standard error and aborts.
    ///
    /// - Parameter failure: turns what setns(2) says (EPERM: CAP_SYS_ADMIN is missing) into the caller's error.
    /// - Throws: what `failure` made of it, or what `body` throws.
    package func within<Value, Failure: Error>(
        returningTo own: borrowing ControlGroupNamespace, orThrow failure: (SystemError) -> Failure,
        _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        guard CLinux_setns(descriptor.rawValue, CLINUX_CLONE_NEWCGROUP) == 0 else { throw failure(.current("setns")) }
        defer {
            if CLinux_setns(own.descriptor.rawValue, CLINUX_CLONE_NEWCGROUP) != 0 {
                abortOutsideOwnNamespace("control group", errno)
            }
        }
        return try body()
    }
}
