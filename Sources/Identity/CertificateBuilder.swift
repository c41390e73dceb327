// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// Fills and signs one certificate: the parts that roots, intermediates and leaves have in common.
@safe
struct CertificateBuilder: ~Copyable {
    /// Octets of a serial number; RFC 5280 §4.1.2.2 allows 20, CA/Browser baseline asks for 8 random ones.
    static let serialLength = 16

    private let certificate: OpaquePointer

    /// Starts a version 3 certificate with a random serial number.
    init(publicKey: borrowing PublicKey, notBefore: UnixTime, notAfter: UnixTime) throws(IdentityError) {
        guard let made = unsafe X509_new() else { throw .cryptography }
        // Safety: the certificate is ours; it copies or references what is set.
        guard unsafe X509_set_version(made, Int(X509_VERSION_3)) == 1,
            unsafe X509_set_pubkey(made, publicKey.handle) == 1,
            unsafe ASN1_TIME_set(X509_getm_notBefore(made), Int(notBefore.seconds)) != nil,
            unsafe ASN1_TIME_set(X509_getm_notAfter(made), Int(notAfter.seconds)) != nil,
            unsafe Self.setRandomSerial(of: made)
        else {
            unsafe X509_free(made)
            throw .cryptography
        }
        unsafe certificate = made
    }

    deinit {
        unsafe X509_free(certificate)
    }

    private static func setRandomSerial(of certificate: OpaquePointer) -> Bool {
        var octets = [UInt8](repeating: 0, count: serialLength)
        let filled = unsafe octets.withUnsafeMutableBufferPointer { region in
            unsafe RAND_bytes(region.baseAddress, CInt(region.count))
        }
        guard filled == 1 else { return false }
        // Positive and never zero, with a fixed length.
        octets[0] = octets[0] & 0x3F | 0x40
        guard let number = unsafe BN_bin2bn(octets, CInt(octets.count), nil) else { return false }
        defer { unsafe BN_free(number) }
        return unsafe BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil
    }

    /// Sets the subject to an organisation and a common name, each cut to the 64 characters of X.520.
    func setSubject(organisation: String, commonName: String) throws(IdentityError) {
        guard let name = unsafe X509_get_subject_name(certificate) else { throw .cryptography }
        for (field, value) in [("O", organisation), ("CN", commonName)] {
            let octets = Array(value.utf8.prefix(64))
            guard
                unsafe X509_NAME_add_entry_by_txt(
                    name, field, MBSTRING_UTF8, octets, CInt(octets.count), -1, 0) == 1
            else { throw .cryptography }
        }
    }

    /// Adds an extension whose value is one of our constants.
    func add(_ nid: CInt, _ value: StaticString, issuer: Certificate? = nil) throws(IdentityError) {
        // Safety: the issuer outlives the call.
        try unsafe CertificateExtensions.add(nid, value, to: certificate, issuer: issuer?.handle)
    }

    /// Adds the subject alternative name with one URI.
    func addURIName(_ uri: String, critical: Bool) throws(IdentityError) {
        guard let name = unsafe CertificateExtensions.uriName(uri, critical: critical) else { throw .cryptography }
        defer { unsafe X509_EXTENSION_free(name) }
        guard unsafe X509_add_ext(certificate, name, -1) == 1 else { throw .cryptography }
    }

    /// Adds the subject alternative name, critical because the subject is empty, with the names of a server.
    func addServerNames(_ names: [ServerName]) throws(IdentityError) {
        let entries = names.map { name -> (kind: CInt, octets: [UInt8]) in
            switch name {
            case .dns(let name): (GEN_DNS, Array(name.utf8))
            case .address(let address): (GEN_IPADD, ServerName.octets(of: address))
            }
        }
        guard let name = unsafe CertificateExtensions.names(entries, critical: true) else { throw .cryptography }
        defer { unsafe X509_EXTENSION_free(name) }
        guard unsafe X509_add_ext(certificate, name, -1) == 1 else { throw .cryptography }
    }

    /// Names the issuer (nil: the certificate itself), signs with its key, and hands the certificate over.
    func sign(issuer: Certificate?, key: PrivateKey) throws(IdentityError) -> Certificate {
        let issuerName = unsafe X509_get_subject_name(issuer?.handle ?? certificate)
        guard unsafe X509_set_issuer_name(certificate, issuerName) == 1,
            let kind = unsafe KeyKind(key.handle),
            unsafe X509_sign(certificate, key.handle, kind.digest) > 0,
            // Safety: the new reference is handed to Certificate; ours goes in deinit, and nothing is changed after.
            unsafe X509_up_ref(certificate) == 1
        else { throw .cryptography }
        return unsafe Certificate(adopting: certificate)
    }
}
