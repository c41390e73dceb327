// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The rule of the X.509-SVID specification that a leaf certificate breaks, in the order in which they are checked.
package enum SVIDError: Error, Hashable, Sendable, CustomStringConvertible {
    /// An extension does not parse or occurs twice (RFC 5280 §4.2).
    case malformedExtension
    /// Basic constraints say CA (X509-SVID §4.1, §5.2).
    case authority
    /// Key usage is missing or not critical (X509-SVID §4.3).
    case keyUsageMissing
    /// Key usage allows signing certificates or CRLs (X509-SVID §4.3, §5.2).
    case keyUsageSigns
    /// Key usage does not allow digital signatures (X509-SVID §4.3).
    case keyUsageWithoutDigitalSignature
    /// Extended key usage is there without server or without client authentication (X509-SVID §4.4).
    case extendedKeyUsage
    /// There is no URI name (X509-SVID §2).
    case noURIName
    /// There are several URI names (X509-SVID §2).
    case severalURINames
    /// The URI name is no SPIFFE ID.
    case invalidID(SPIFFEIDError)
    /// The SPIFFE ID has no path, so it names a trust domain and no workload (X509-SVID §4.1).
    case noPath

    package var description: String {
        switch self {
        case .malformedExtension: "certificate holds a malformed extension"
        case .authority: "certificate is a CA certificate, not that of a workload"
        case .keyUsageMissing: "certificate has no critical key usage extension"
        case .keyUsageSigns: "key usage of the certificate allows signing certificates or CRLs"
        case .keyUsageWithoutDigitalSignature: "key usage of the certificate does not allow digital signatures"
        case .extendedKeyUsage: "extended key usage of the certificate lacks server or client authentication"
        case .noURIName: "certificate has no SPIFFE ID (no URI name)"
        case .severalURINames: "certificate has several URI names, an SVID has exactly one"
        case .invalidID(let reason): "certificate has no valid SPIFFE ID: \(reason)"
        case .noPath: "SPIFFE ID of the certificate names a trust domain, not a workload"
        }
    }
}
