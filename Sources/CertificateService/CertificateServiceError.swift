// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Identity
package import LinuxIO

/// Why the CA service cannot start: one line that says what is wrong and what to do.
package enum CertificateServiceError: Error, CustomStringConvertible {
    /// The CA cannot be used.
    case authority(directory: String, IdentityError)
    /// The port cannot be had.
    case listen(SocketAddress, SystemError)
    /// A `--dns-name` is none.
    case name
    /// A `--node-account` is none.
    case account(String)
    /// An `--audience` is none.
    case audience(String)
    /// OpenSSL does not take the service's certificate.
    case tls(String)

    package var description: String {
        switch self {
        case .authority(let directory, let error): "CA in \(directory): \(error)"
        case .listen(let address, let error): "\(address): \(error)"
        case .name: "--dns-name must be a DNS name or an address"
        case .account(let text): "--node-account \"\(text)\" is not NAMESPACE/NAME"
        case .audience(let text): "--audience \"\(text)\" has a character that no audience has"
        case .tls(let text): "certificate of the service: \(text)"
        }
    }
}
