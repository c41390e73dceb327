// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import LinuxIO

/// Why the admin server could not start.
package struct AdminServerError: Error, CustomStringConvertible {
    /// What the address was for.
    package let port: AdminRoutes.Port
    /// The address.
    package let address: SocketAddress
    /// The system call and its errno.
    package let cause: SystemError

    package var description: String {
        let advice =
            if cause.isAddressInUse {
                "; another process, perhaps another ambit-tunnel, has the port: stop it or choose another with "
                    + "--\(port.name)-port"
            } else if cause.isNotPermitted {
                "; ports below 1024 need CAP_NET_BIND_SERVICE: choose another with --\(port.name)-port"
            } else {
                ""
            }
        return "cannot listen on \(address) for \(port.name): \(cause)\(advice)"
    }
}
