// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Why something of the Identity module failed.
package enum IdentityError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A kind of input that can be malformed.
    package enum Input: String, Hashable, Sendable {
        case certificate = "certificate"
        case privateKey = "private key"
        case signingRequest = "certificate signing request"
        case bundle = "trust bundle"
        case revocationList = "certificate revocation list"
    }

    /// A file of a CA directory or of an issued identity.
    package enum File: String, Hashable, Sendable {
        case directory = "CA directory"
        case lock = "ca.lock"
        case authorityKey = "ca.key"
        case authorityCertificate = "ca.crt"
        case bundle = "bundle file"
        case certificate = "certificate file"
        case privateKey = "key file"
        case revocationList = "CRL file"
        case tokens = "token file"
    }

    /// What was tried with a file.
    package enum Operation: String, Hashable, Sendable {
        case open
        case read
        case write
        case create
        case lock
        case rename
    }

    /// A SPIFFE ID breaks a rule.
    case spiffeID(SPIFFEIDError)
    /// A leaf certificate breaks a rule of X.509-SVID.
    case svid(SVIDError)
    /// The input does not parse.
    case malformed(Input)
    /// The input is larger than its limit.
    case tooLarge(Input)
    /// The key is of a kind or strength that is not accepted: P-256, P-384 and RSA from 2048 bits are.
    case keyNotAccepted
    /// The private key is not that of the certificate.
    case keyMismatch
    /// The signature of the signing request is not made with its own key.
    case requestSignature
    /// The signing request asks for another identity than its sender may have.
    case requestIdentity
    /// The SPIFFE ID lies in another trust domain than the authority.
    case trustDomainMismatch
    /// The certificate does not verify up to its bundle.
    case chain
    /// The certificate is no CA certificate, or may not sign certificates.
    case notAuthority
    /// The CA certificate has expired or is not valid yet.
    case authorityValidity
    /// The CA is an intermediate, so its root is rotated elsewhere.
    case foreignRoot
    /// A validity that is not positive was asked for.
    case validity
    /// A file operation failed with this errno.
    case file(File, Operation, errno: CInt)
    /// The file can be read or written by others than its owner (these are its permission bits).
    case fileMode(File, mode: UInt32)
    /// The file belongs to neither this process's user nor root.
    case fileOwner(File)
    /// The file is larger than its limit.
    case fileTooLarge(File)
    /// `ca.crt` is there and `ca.key` is not, or the reverse.
    case incomplete(missing: File)
    /// OpenSSL failed for a reason of its own (out of memory, no entropy).
    case cryptography

    package var description: String {
        switch self {
        case .spiffeID(let reason): reason.description
        case .svid(let reason): reason.description
        case .malformed(let input): "\(input.rawValue) is malformed"
        case .tooLarge(let input): "\(input.rawValue) is too large"
        case .keyNotAccepted: "key is not accepted: use ECDSA P-256 or P-384, or RSA of 2048 bits or more"
        case .keyMismatch: "private key does not belong to the certificate"
        case .requestSignature: "certificate signing request is not signed with its own key"
        case .requestIdentity: "certificate signing request asks for an identity its sender may not have"
        case .trustDomainMismatch: "SPIFFE ID is not in the trust domain of the certificate authority"
        case .chain: "certificate does not verify up to the trust bundle"
        case .notAuthority: "certificate is no CA certificate that may sign certificates"
        case .authorityValidity: "CA certificate has expired or is not valid yet; check the clock or rotate the root"
        case .foreignRoot: "CA is an intermediate: rotate its root where that was made, then adopt the new intermediate"
        case .validity: "validity must be longer than zero"
        case .file(let file, let operation, let errno):
            "cannot \(operation.rawValue) \(file.rawValue): \(Self.text(errno: errno))"
        case .fileMode(let file, let mode):
            "\(file.rawValue) has mode 0\(String(mode, radix: 8)), which lets others read it: chmod 0600 it"
        case .fileOwner(let file): "\(file.rawValue) belongs to another user: chown it to the user that runs this"
        case .fileTooLarge(let file): "\(file.rawValue) is too large"
        case .incomplete(let file):
            "\(file.rawValue) is missing while its counterpart is there: restore it, or remove both for a new CA"
        case .cryptography: "OpenSSL failed"
        }
    }

    private static func text(errno code: CInt) -> String {
        // Safety: strerror returns a C string, valid until the next call on this thread.
        guard let text = unsafe strerror(code) else { return "errno \(code)" }
        return unsafe String(cString: text)
    }
}
