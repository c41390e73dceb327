// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Identity
package import LinuxIO
internal import Manifest
internal import Redirection

/// Why the tunnel cannot start: one line that says what is wrong and what to do.
package enum StartError: Error, CustomStringConvertible {
    case privilege
    case configuration(String)
    case authority(directory: String, IdentityError)
    case system(SystemError, String)
    case listen(String)

    package var description: String {
        switch self {
        case .privilege:
            "not permitted to enter network namespaces and to mark packets; run as root or with CAP_SYS_ADMIN, "
                + "CAP_NET_ADMIN and CAP_NET_RAW"
        case .configuration(let text): text
        case .authority(let directory, let error): "CA in \(directory): \(error)"
        case .system(let error, let what): "\(what): \(error)"
        case .listen(let text): text
        }
    }
}
