// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Identity
package import LinuxIO
package import Manifest
internal import Redirection

/// Why the tunnel cannot start: one line that says what is wrong and what to do.
package enum StartError: Error, CustomStringConvertible {
    case privilege([String])
    case configuration(String)
    /// At the first look at the folder something that may forbid connections cannot be read.
    case policiesUnknown(source: String, Finding, others: Int)
    case authority(directory: String, IdentityError)
    case system(SystemError, String)
    case listen(String)
    case forward(String)

    package var description: String {
        switch self {
        case .privilege(let missing): "missing privilege: \(missing.joined(separator: ", ")); run as root or grant it"
        case .configuration(let text): text
        case .policiesUnknown(let source, let finding, let others):
            "\(source)\(finding): not started, for it may hold policies that nothing stands for; correct it"
                + (others > 0 ? " and \(others) more (`ambit-tunnel check` names them)" : "")
        case .authority(let directory, let error): "CA in \(directory): \(error); see ca.crt and ca.key there"
        case .system(let error, let what): "\(what): \(error)"
        case .listen(let text): text
        case .forward(let text): "--listen: \(text)"
        }
    }
}
