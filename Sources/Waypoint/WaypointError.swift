// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Identity
internal import LinuxIO

/// Why a waypoint cannot start.
package enum WaypointError: Error, CustomStringConvertible {
    /// A setting or the folder is not usable.
    case configuration(String)
    /// The CA is not usable.
    case authority(directory: String, String)
    /// The kernel refuses.
    case system(String, String)
    /// A port is taken.
    case listen(String)

    package var description: String {
        switch self {
        case .configuration(let text): text
        case .authority(let directory, let error): "CA in \(directory): \(error); see ca.crt and ca.key there"
        case .system(let error, let what): "\(what): \(error)"
        case .listen(let text): text
        }
    }
}
