// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
internal import Glibc

/// One certificate revocation list (RFC 5280 §5) as its authority signed it.
///
/// Its signature is checked against the issuer's certificate in each handshake, where that certificate is known.
///
/// ## Concurrency model
/// As for `Certificate`: never changed after `init`.
@safe
package final class RevocationList: @unchecked Sendable {
    /// The `X509_CRL`, lent: valid as long as this object.
    @unsafe package let handle: OpaquePointer
    /// When the authority promised the next one; nil when it does not say.
    package let nextUpdate: UnixTime?
    let issuer: CertificateKey.Issuer
    let serialNumbers: Set<[UInt8]>

    /// Takes over one reference to an `X509_CRL`.
    @unsafe
    init(adopting handle: OpaquePointer) {
        unsafe self.handle = handle
        // Safety: what is asked for is lent by the list, except the key identifier, which is freed here.
        let identifier = unsafe X509_CRL_get_ext_d2i(handle, NID_authority_key_identifier, nil, nil)?
            .assumingMemoryBound(to: AUTHORITY_KEYID.self)
        defer { unsafe AUTHORITY_KEYID_free(identifier) }
        issuer = unsafe CertificateKey.Issuer(
            name: X509_CRL_get_issuer(handle), keyIdentifier: identifier?.pointee.keyid)
        nextUpdate = unsafe X509_CRL_get0_nextUpdate(handle).map { unsafe Certificate.time($0) }
        var serials: Set<[UInt8]> = []
        if let revoked = unsafe X509_CRL_get_REVOKED(handle) {
            for index in 0..<(unsafe COpenSSL_sk_X509_REVOKED_num(revoked)) {
                let entry = unsafe COpenSSL_sk_X509_REVOKED_value(revoked, index)
                serials.insert(unsafe ASN1Octets.copy(of: X509_REVOKED_get0_serialNumber(entry)))
            }
        }
        serialNumbers = serials
    }

    deinit {
        unsafe X509_CRL_free(handle)
    }

    /// How many certificates it revokes.
    package var count: Int { serialNumbers.count }

    /// Whether it revokes the certificate of `key`.
    package func revokes(_ key: CertificateKey) -> Bool {
        serialNumbers.contains(key.serialNumber) && issuer.mayBe(key.issuer)
    }
}
