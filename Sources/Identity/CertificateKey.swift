// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// What a CRL names a certificate by: its issuer and its serial number (RFC 5280 §5.1.2.6).
///
/// Small enough to be kept with every live connection.
package struct CertificateKey: Sendable, Hashable {
    /// An issuer: its name, and its key when the document says which.
    struct Issuer: Sendable, Hashable {
        /// The first 16 octets of the SHA-256 digest of the DER name.
        let name: (UInt64, UInt64)
        /// The key identifier of the authority key identifier extension (RFC 5280 §4.2.1.1), empty when missing.
        let keyIdentifier: [UInt8]

        static func == (left: Issuer, right: Issuer) -> Bool {
            left.name == right.name && left.keyIdentifier == right.keyIdentifier
        }

        func hash(into hasher: inout Hasher) { hasher.combine(name.0) }

        /// Whether both may be the same authority: same name, and no different keys.
        func mayBe(_ other: Issuer) -> Bool {
            name == other.name
                && (keyIdentifier == other.keyIdentifier || keyIdentifier.isEmpty || other.keyIdentifier.isEmpty)
        }

        /// - Parameter name: an `X509_NAME`; `keyIdentifier` an `ASN1_OCTET_STRING` or nil; both lent for the call.
        @unsafe
        init(name: OpaquePointer?, keyIdentifier: UnsafePointer<ASN1_OCTET_STRING>?) {
            var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
            // Safety: the buffer holds the largest digest there is.
            unsafe digest.withUnsafeMutableBufferPointer { region in
                var length: UInt32 = 0
                guard let name = unsafe name, let base = region.baseAddress else { return }
                unsafe X509_NAME_digest(name, EVP_sha256(), base, &length)
            }
            func word(_ range: Range<Int>) -> UInt64 { digest[range].reduce(0) { $0 << 8 | UInt64($1) } }
            self.name = (word(0..<8), word(8..<16))
            self.keyIdentifier = unsafe keyIdentifier.map { unsafe ASN1Octets.copy(of: $0) } ?? []
        }
    }

    let issuer: Issuer
    /// The octets of the serial number.
    package let serialNumber: [UInt8]

    init(issuer: Issuer, serialNumber: [UInt8]) {
        self.issuer = issuer
        self.serialNumber = serialNumber
    }

    /// The key of an `X509`, lent for the call.
    @unsafe
    package init(of certificate: OpaquePointer) {
        // Safety: all of it is lent by the certificate.
        issuer = unsafe Issuer(
            name: X509_get_issuer_name(certificate), keyIdentifier: X509_get0_authority_key_id(certificate))
        serialNumber = unsafe ASN1Octets.copy(of: X509_get0_serialNumber(certificate))
    }
}

/// Copies the octets of OpenSSL's ASN.1 strings, integers included.
enum ASN1Octets {
    @unsafe
    static func copy(of text: UnsafePointer<ASN1_STRING>?) -> [UInt8] {
        // Safety: the caller keeps the string alive; its length is that of its data.
        guard let text = unsafe text, let data = unsafe ASN1_STRING_get0_data(text) else { return [] }
        return unsafe Array(UnsafeBufferPointer(start: data, count: Int(ASN1_STRING_length(text))))
    }
}
