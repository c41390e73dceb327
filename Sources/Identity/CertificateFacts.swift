// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What the rules of X.509-SVID look at in a certificate, free of OpenSSL, so that they can be tested by tables.
package struct CertificateFacts: Sendable {
    /// Bits of the key usage extension (RFC 5280 §4.2.1.3) that matter here.
    package struct KeyUsage: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let digitalSignature = KeyUsage(rawValue: 0x0080)
        package static let certificateSign = KeyUsage(rawValue: 0x0004)
        package static let revocationListSign = KeyUsage(rawValue: 0x0002)
    }

    /// Bits of the extended key usage extension (RFC 5280 §4.2.1.12) that matter here.
    package struct ExtendedKeyUsage: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let serverAuthentication = ExtendedKeyUsage(rawValue: 0x1)
        package static let clientAuthentication = ExtendedKeyUsage(rawValue: 0x2)
        package static let any = ExtendedKeyUsage(rawValue: 0x100)
    }

    /// Whether an extension does not parse or occurs twice.
    package var hasMalformedExtension = false
    /// Basic constraints: cA.
    package var isAuthority = false
    /// Key usage; nil when the extension is missing.
    package var keyUsage: KeyUsage?
    /// Whether the key usage extension is marked critical.
    package var isKeyUsageCritical = false
    /// Extended key usage; nil when the extension is missing.
    package var extendedKeyUsage: ExtendedKeyUsage?
    /// The URI names of the subject alternative name extension, in their order.
    package var uriNames: [[UInt8]] = []

    /// Facts of a certificate without extensions.
    package init() {}

    /// Checks the rules for a leaf in the order of X509-SVID §5.2 and §4.
    ///
    /// - Returns: the SPIFFE ID of the workload.
    /// - Throws: the first broken rule.
    package func leafID() throws(SVIDError) -> SPIFFEID {
        guard !hasMalformedExtension else { throw .malformedExtension }
        guard !isAuthority else { throw .authority }
        guard let keyUsage, isKeyUsageCritical else { throw .keyUsageMissing }
        guard keyUsage.isDisjoint(with: [.certificateSign, .revocationListSign]) else { throw .keyUsageSigns }
        guard keyUsage.contains(.digitalSignature) else { throw .keyUsageWithoutDigitalSignature }
        if let extendedKeyUsage {
            guard extendedKeyUsage.isSuperset(of: [.serverAuthentication, .clientAuthentication]) else {
                throw .extendedKeyUsage
            }
        }
        guard let name = uriNames.first else { throw .noURIName }
        guard uriNames.count == 1 else { throw .severalURINames }
        let id: SPIFFEID
        do throws(SPIFFEIDError) {
            id = try SPIFFEID(bytes: name.span)
        } catch {
            throw .invalidID(error)
        }
        guard !id.isTrustDomain else { throw .noPath }
        return id
    }
}
