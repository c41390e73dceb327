// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

extension CertificateFacts {
    /// Reads the facts of an `X509`, which the caller keeps alive for the call.
    @unsafe
    package init(reading certificate: OpaquePointer) {
        self.init()
        // Safety: every call reads the certificate only; what is returned is owned and freed here or lent by it.
        let flags = unsafe X509_get_extension_flags(certificate)
        hasMalformedExtension = flags & UInt32(EXFLAG_INVALID) != 0
        isAuthority = flags & UInt32(EXFLAG_CA) != 0
        if flags & UInt32(EXFLAG_KUSAGE) != 0 {
            keyUsage = unsafe KeyUsage(rawValue: X509_get_key_usage(certificate))
            let position = unsafe X509_get_ext_by_NID(certificate, NID_key_usage, -1)
            isKeyUsageCritical = unsafe X509_EXTENSION_get_critical(X509_get_ext(certificate, position)) == 1
        }
        if flags & UInt32(EXFLAG_XKUSAGE) != 0 {
            extendedKeyUsage = unsafe ExtendedKeyUsage(rawValue: X509_get_extended_key_usage(certificate))
        }
        var criticality: CInt = 0
        let decoded = unsafe X509_get_ext_d2i(certificate, NID_subject_alt_name, &criticality, nil)
        unsafe read(decodedNames: decoded, criticality: criticality)
    }

    /// Takes over the names that OpenSSL decoded from a subject alternative name extension.
    ///
    /// - Parameter criticality: what the decoder left there: -1 for "no such extension", -2 for "several".
    @unsafe
    mutating func read(decodedNames: UnsafeMutableRawPointer?, criticality: CInt) {
        guard let names = unsafe decodedNames.map({ OpaquePointer($0) }) else {
            if criticality != -1 { hasMalformedExtension = true }
            return
        }
        defer { unsafe GENERAL_NAMES_free(names) }
        for index in 0..<(unsafe COpenSSL_sk_GENERAL_NAME_num(names)) {
            guard let name = unsafe COpenSSL_sk_GENERAL_NAME_value(names, index),
                let uri = unsafe COpenSSL_GENERAL_NAME_uri(name)
            else { continue }
            uriNames.append(unsafe ASN1Octets.copy(of: uri))
        }
    }
}
