// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Keeps what is in this process's memory from others of the same user, and from the disk.
package enum ProcessPrivacy {
    /// No core file, no debugger of the same user, no reading of /proc/PID/mem (prctl(2), PR_SET_DUMPABLE).
    ///
    /// To be called before a private key is in memory. Root can still do all of that.
    /// - Returns: false when the kernel refuses.
    @discardableResult
    package static func forbidDumps() -> Bool {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        // Safety: the structure lives for the call.
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        return CLinux_forbid_dumps() == 0
    }
}
