// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The environment of the process.
package enum ProcessEnvironment {
    /// The value of variable `name`, nil when it is not set; to be read before other threads start.
    package static func value(_ name: String) -> String? {
        // Safety: the C library returns a string that lives as long as the environment is not changed, and we never do.
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    /// The name of the host, which the kubelet uses as the node's name unless told otherwise.
    package static var hostName: String {
        SmallFile.read("/proc/sys/kernel/hostname").map { String($0.prefix { $0 != "\n" }) } ?? ""
    }
}
