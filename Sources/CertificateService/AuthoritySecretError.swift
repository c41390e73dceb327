// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Identity

/// Why a Secret is not the CA that it should be.
package enum AuthoritySecretError: Error, Hashable, CustomStringConvertible {
    /// It lacks this entry.
    case missing(String)
    /// This entry is not base64.
    case base64(String)
    /// This entry is not what its name says.
    case entry(String, IdentityError)

    package var description: String {
        switch self {
        case .missing(let name): "\(name) is missing"
        case .base64(let name): "\(name) is not base64"
        case .entry(let name, let error): "\(name): \(error)"
        }
    }
}
