// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import LinuxIO

/// Why a call of the plugin failed; `code` is the number that the runtime gets (CNI specification 1.1.0, "Error").
package enum CNIError: Error, Sendable, CustomStringConvertible {
    /// cniVersion is none that we speak.
    case version
    /// An environment variable is missing or wrong: its name.
    case environment(StaticString)
    /// The configuration on standard input is no JSON object.
    case malformed
    /// A field of the configuration is missing or wrong: its name.
    case configuration(StaticString)
    /// The file of the chain cannot be changed.
    case file(SystemError)
    /// What is to be installed is no executable that can be taken elsewhere.
    case executable
    /// The directory has no list of plugins to be chained into.
    case noList
    /// Somebody else writes the file all the time.
    case busy
    /// The tunnel does not answer, and the pod may not start without.
    case away
    /// The tunnel says why the pod cannot join; the caller has the text.
    case refused

    /// The number for the runtime.
    package var code: Int {
        switch self {
        case .version: 1
        case .environment: 4
        case .file, .busy, .executable: 5
        case .malformed: 6
        case .configuration, .noList: 7
        case .away: 11
        case .refused: 100
        }
    }

    package var description: String {
        switch self {
        case .version: "cniVersion must be 0.3.1, 0.4.0, 1.0.0 or 1.1.0"
        case .environment(let name): "\(name) is missing or wrong"
        case .malformed: "the network configuration is no JSON object"
        case .configuration(let name): "\(name) in the network configuration is missing or wrong"
        case .file(let error): "\(error)"
        case .executable: "this executable does not look for its libraries beside itself (DT_RUNPATH $ORIGIN)"
        case .busy: "the list of plugins is written by somebody else all the time"
        case .noList: "there is no *.conflist to be chained into; the network plugin must be installed first"
        case .away:
            "the namespace is in the mesh and the node's tunnel does not answer; the pod is tried again"
        case .refused: "the pod cannot join the mesh"
        }
    }
}
