// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// What an operator wants to see of a certificate; plain values, to be printed as a table or as JSON.
package struct CertificateDescription: Sendable, Hashable {
    /// The URI names, normally one SPIFFE ID.
    package let uriNames: [String]
    /// The rule of X.509-SVID that it breaks as a leaf; nil when it breaks none, or is a CA certificate.
    package let defect: SVIDError?
    /// Upper-case hexadecimal digits.
    package let serialNumber: String
    /// The issuer's name in the notation of RFC 2253.
    package let issuer: String
    /// The subject's name in the notation of RFC 2253; empty for an SVID.
    package let subject: String
    /// The first second of validity.
    package let notBefore: UnixTime
    /// The last second of validity.
    package let notAfter: UnixTime
    /// Whether it is a CA certificate.
    package let isAuthority: Bool
    /// For instance `EC P-256`, `RSA 2048`.
    package let key: String

    /// Describes `certificate`.
    package init(_ certificate: Certificate) {
        uriNames = certificate.facts.uriNames.map { String(decoding: $0, as: UTF8.self) }
        var defect: SVIDError?
        if !certificate.facts.isAuthority {
            do throws(SVIDError) { _ = try certificate.facts.leafID() } catch { defect = error }
        }
        self.defect = defect
        serialNumber = certificate.serialText
        // Safety: names and key are lent by the certificate, which outlives this call.
        issuer = unsafe Self.text(of: X509_get_issuer_name(certificate.handle))
        subject = unsafe Self.text(of: X509_get_subject_name(certificate.handle))
        notBefore = certificate.notBefore
        notAfter = certificate.notAfter
        isAuthority = certificate.isAuthority
        key = unsafe Self.kind(of: X509_get0_pubkey(certificate.handle))
    }

    private static func text(of name: OpaquePointer?) -> String {
        guard let name = unsafe name else { return "" }
        let bytes = unsafe OpenSSLMemory.collecting { bio in
            unsafe X509_NAME_print_ex(bio, name, 0, COpenSSL_XN_FLAG_RFC2253) >= 0 ? 1 : 0
        }
        return String(decoding: bytes ?? [], as: UTF8.self)
    }

    private static func kind(of key: OpaquePointer?) -> String {
        guard let key = unsafe key else { return "unknown" }
        let bits = unsafe EVP_PKEY_get_bits(key)
        switch unsafe EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_EC: return "EC P-\(bits)"
        case EVP_PKEY_RSA: return "RSA \(bits)"
        default: return "other, \(bits) bits"
        }
    }
}
