// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
internal import Glibc

/// An X.509 certificate.
///
/// ## Concurrency model
/// The OpenSSL object is never changed after `init`, which also makes OpenSSL fill its caches; its reference count is
/// atomic. All stored properties are constants.
@safe
package final class Certificate: @unchecked Sendable {
    /// The largest PEM text of certificates that is read, in octets: a chain or bundle of some two hundred.
    package static let maximumPEMLength = 262_144

    /// The `X509`, lent: valid as long as this object.
    @unsafe package let handle: OpaquePointer
    /// The first second of validity.
    package let notBefore: UnixTime
    /// The last second of validity.
    package let notAfter: UnixTime
    /// The octets of the serial number, big-endian, as in the certificate.
    package let serialNumber: [UInt8]
    /// What the rules of X.509-SVID look at.
    package let facts: CertificateFacts

    /// Takes over one reference to an `X509`.
    @unsafe
    package init(adopting handle: OpaquePointer) {
        unsafe self.handle = handle
        unsafe X509_check_purpose(handle, -1, 0)  // fills the caches
        notBefore = unsafe Self.time(X509_get0_notBefore(handle))
        notAfter = unsafe Self.time(X509_get0_notAfter(handle))
        serialNumber = unsafe ASN1Octets.copy(of: X509_get0_serialNumber(handle))
        facts = unsafe CertificateFacts(reading: handle)
    }

    deinit {
        unsafe X509_free(handle)
    }

    /// Parses one certificate; octets behind it are an error.
    ///
    /// - Throws: `.tooLarge(.certificate)`, `.malformed(.certificate)`.
    package convenience init(der: Span<UInt8>) throws(IdentityError) {
        guard der.count <= Self.maximumPEMLength else { throw .tooLarge(.certificate) }
        let parsed = unsafe der.withUnsafeBufferPointer { (region) -> OpaquePointer? in
            // Safety: d2i reads region only, and moves its own copy of the pointer.
            var cursor = region.baseAddress
            let certificate = unsafe d2i_X509(nil, &cursor, region.count)
            guard unsafe cursor == region.baseAddress.map({ unsafe $0 + region.count }) else {
                unsafe X509_free(certificate)
                return nil
            }
            return unsafe certificate
        }
        guard let handle = unsafe parsed else {
            ERR_clear_error()
            throw .malformed(.certificate)
        }
        unsafe self.init(adopting: handle)
    }

    /// Parses all certificates of a PEM text, in their order; other blocks are skipped.
    ///
    /// - Throws: `.tooLarge(.certificate)`; `.malformed(.certificate)` when one does not parse or there is none.
    package static func parse(pem: Span<UInt8>) throws(IdentityError) -> [Certificate] {
        guard pem.count <= maximumPEMLength else { throw .tooLarge(.certificate) }
        ERR_clear_error()
        var certificates: [Certificate] = []
        _ = unsafe OpenSSLMemory.reading(pem) { bio in
            while let certificate = unsafe PEM_read_bio_X509(bio, nil, { _, _, _, _ in -1 }, nil) {
                certificates.append(unsafe Certificate(adopting: certificate))
            }
        }
        // The loop ends well only with "no start line": every block was read.
        let last = ERR_peek_last_error()
        ERR_clear_error()
        let atEnd = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE
        guard atEnd, !certificates.isEmpty else { throw .malformed(.certificate) }
        return certificates
    }

    /// Whether basic constraints say CA and key usage allows signing certificates.
    package var isAuthority: Bool {
        facts.isAuthority && (facts.keyUsage?.contains(.certificateSign) ?? true)
    }

    /// Whether subject and issuer are the same name: a root.
    package var isSelfIssued: Bool {
        // Safety: both names are lent by the certificate.
        unsafe X509_NAME_cmp(X509_get_subject_name(handle), X509_get_issuer_name(handle)) == 0
    }

    /// The issuer and serial number.
    package var key: CertificateKey { unsafe CertificateKey(of: handle) }

    /// The serial number as upper-case hexadecimal digits, as `openssl x509 -serial` prints it.
    package var serialText: String {
        let digits = Array("0123456789ABCDEF".utf8)
        var text: [UInt8] = []
        for byte in serialNumber {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    @unsafe
    static func time(_ time: UnsafePointer<ASN1_TIME>?) -> UnixTime {
        var fields = unsafe tm()
        // A time that does not parse becomes the epoch: as start it says nothing, as end it says expired.
        guard let time = unsafe time, unsafe ASN1_TIME_to_tm(time, &fields) == 1 else { return UnixTime(seconds: 0) }
        return UnixTime(seconds: Int64(unsafe timegm(&fields)))
    }
}

extension Certificate {
    /// The DER encoding.
    ///
    /// - Throws: `.cryptography`.
    package func der() throws(IdentityError) -> [UInt8] {
        let written = unsafe OpenSSLMemory.collecting { bio in unsafe i2d_X509_bio(bio, handle) }
        guard let written else { throw .cryptography }
        return written
    }

    /// The PEM text.
    ///
    /// - Throws: `.cryptography`.
    package func pem() throws(IdentityError) -> [UInt8] {
        let written = unsafe OpenSSLMemory.collecting { bio in unsafe PEM_write_bio_X509(bio, handle) }
        guard let written else { throw .cryptography }
        return written
    }
}

extension Certificate: Hashable {
    package static func == (left: Certificate, right: Certificate) -> Bool {
        // Safety: compares the DER digests of two live certificates.
        left === right || (unsafe X509_cmp(left.handle, right.handle)) == 0
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(serialNumber) }
}
