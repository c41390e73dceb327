// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// Builds the X.509 extensions that our certificates and requests carry.
enum CertificateExtensions {
    /// A critical subject alternative name with one URI (X509-SVID §2; critical because the subject is empty:
    /// RFC 5280 §4.2.1.6).
    ///
    /// - Returns: an extension the caller owns.
    @unsafe
    static func uriName(_ uri: String, critical: Bool = true) -> OpaquePointer? {
        unsafe names([(GEN_URI, Array(uri.utf8))], critical: critical)
    }

    /// A subject alternative name of these entries, by OpenSSL's `GEN_*`: URI, DNS name or address.
    ///
    /// Built from parts, never from text that OpenSSL would parse.
    ///
    /// - Returns: an extension the caller owns.
    @unsafe
    static func names(_ entries: [(kind: CInt, octets: [UInt8])], critical: Bool) -> OpaquePointer? {
        guard let names = unsafe COpenSSL_GENERAL_NAMES_new() else { return nil }
        defer { unsafe GENERAL_NAMES_free(names) }
        for entry in entries {
            guard let name = unsafe GENERAL_NAME_new() else { return nil }
            guard unsafe COpenSSL_sk_GENERAL_NAME_push(names, name) > 0 else {
                unsafe GENERAL_NAME_free(name)
                return nil
            }
            let made = unsafe entry.kind == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new()
            guard let text = unsafe made else { return nil }
            // Safety: ASN1_STRING_set copies the octets; the name then owns the string, the names own the name.
            let isSet = unsafe ASN1_STRING_set(text, entry.octets, CInt(clamping: entry.octets.count))
            unsafe GENERAL_NAME_set0_value(name, entry.kind, text)
            guard isSet == 1 else { return nil }
        }
        return unsafe X509V3_EXT_i2d(NID_subject_alt_name, critical ? 1 : 0, UnsafeMutableRawPointer(names))
    }

    /// Adds the extension `nid` with a value in OpenSSL's configuration syntax; only constants are passed.
    ///
    /// - Parameter issuer: needed by the key identifiers; nil for a self-signed certificate.
    @unsafe
    static func add(
        _ nid: CInt, _ value: StaticString, to certificate: OpaquePointer, issuer: OpaquePointer?
    ) throws(IdentityError) {
        var context = unsafe X509V3_CTX()
        // Safety: both certificates outlive the call; the extension made is copied into the certificate.
        unsafe X509V3_set_ctx(&context, issuer ?? certificate, certificate, nil, nil, 0)
        let text = value.description
        let made = unsafe text.withCString { unsafe X509V3_EXT_nconf_nid(nil, &context, nid, $0) }
        guard let made = unsafe made else { throw .cryptography }
        defer { unsafe X509_EXTENSION_free(made) }
        guard unsafe X509_add_ext(certificate, made, -1) == 1 else { throw .cryptography }
    }
}

extension CertificateFacts {
    /// Reads the facts that a request's extensions hold.
    @unsafe
    mutating func read(requested extensions: OpaquePointer) {
        var criticality: CInt = 0
        let decoded = unsafe X509V3_get_d2i(extensions, NID_subject_alt_name, &criticality, nil)
        unsafe read(decodedNames: decoded, criticality: criticality)
        let constraints = unsafe X509V3_get_d2i(extensions, NID_basic_constraints, &criticality, nil)
        if let constraints = unsafe constraints?.assumingMemoryBound(to: BASIC_CONSTRAINTS.self) {
            isAuthority = unsafe constraints.pointee.ca != 0
            unsafe BASIC_CONSTRAINTS_free(constraints)
        } else if criticality != -1 {
            hasMalformedExtension = true
        }
    }

    /// The identity a request asks for: what `leafID()` checks, without the extensions that the CA adds itself.
    func requestedID() throws(SVIDError) -> SPIFFEID {
        var completed = self
        completed.keyUsage = .digitalSignature
        completed.isKeyUsageCritical = true
        return try completed.leafID()
    }
}
