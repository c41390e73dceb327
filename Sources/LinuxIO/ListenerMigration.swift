// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Lets the kernel hand connections of a closing listener to another one on the same port (net.ipv4.tcp_migrate_req).
///
/// Without it a connection whose handshake ends while its SO_REUSEPORT listener closes is reset, though a successor listens.
package enum ListenerMigration {
    /// Turns it on in the network namespace of the calling thread.
    ///
    /// - Returns: false when the kernel lacks it (before 5.14) or the file cannot be written.
    @discardableResult
    package static func enable() -> Bool {
        // Safety: the C string is a constant.
        let fd = unsafe open("/proc/sys/net/ipv4/tcp_migrate_req", O_WRONLY | O_CLOEXEC)
        guard fd >= 0 else { return false }
        let descriptor = OwnedDescriptor(adopting: fd)
        var digit = UInt8(ascii: "1")
        return withExtendedLifetime(descriptor) { unsafe write(fd, &digit, 1) == 1 }
    }
}
