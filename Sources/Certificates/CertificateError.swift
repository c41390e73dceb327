// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import GRPC
package import HBONE
package import Identity
package import LinuxIO
package import TLS

/// Why there is no certificate for an identity.
package enum CertificateError: Error, Sendable, CustomStringConvertible {
    /// The CA, or what it answered, breaks a rule.
    case identity(IdentityError)
    /// OpenSSL does not take the certificate.
    case tls(TLSError)
    /// The CA service cannot be reached.
    case connection(HBONEError)
    /// The address of the CA service cannot be found, or no socket be had.
    case system(SystemError)
    /// The CA service refused.
    case refused(GRPCStatus)
    /// The CA service answered with a certificate for somebody else.
    case wrongIdentity(SPIFFEID)
    /// The CA service's answer has no certificate, or no root.
    case emptyChain
    /// The token file cannot be read, or holds no token.
    case token

    package var description: String {
        switch self {
        case .identity(let error): error.description
        case .tls(let error): error.description
        case .connection(.timedOut(.connect)): "CA service cannot be reached: connecting took too long"
        case .connection(let error): "CA service: \(error)"
        case .system(let error): "CA service: \(error)"
        case .refused(let status): "CA service refused: \(status)"
        case .wrongIdentity(let id): "CA service answered with a certificate for somebody else: \(id)"
        case .emptyChain: "CA service answered without certificate or without root"
        case .token: "token file for the CA service cannot be read or holds no token"
        }
    }
}
