// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// The revocation lists of all authorities that publish one.
package struct RevocationSet: Sendable {
    /// The largest input that is read, in octets: some 400,000 revoked certificates.
    package static let maximumLength = 16 << 20

    /// The lists, in the order of the input.
    package let lists: [RevocationList]

    /// No lists.
    package init() { lists = [] }

    /// The lists of several sets.
    package init(joining sets: [RevocationSet]) { lists = sets.flatMap(\.lists) }

    /// Reads one list in DER, or one or more in PEM.
    ///
    /// - Throws: `.tooLarge(.revocationList)`; `.malformed(.revocationList)` also when there is none.
    package init(_ bytes: Span<UInt8>) throws(IdentityError) {
        guard bytes.count <= Self.maximumLength else { throw .tooLarge(.revocationList) }
        ERR_clear_error()
        defer { ERR_clear_error() }
        if let list = unsafe Self.decode(der: bytes) {
            lists = [unsafe RevocationList(adopting: list)]
            return
        }
        ERR_clear_error()
        var parsed: [RevocationList] = []
        _ = unsafe OpenSSLMemory.reading(bytes) { bio in
            while let list = unsafe PEM_read_bio_X509_CRL(bio, nil, { _, _, _, _ in -1 }, nil) {
                parsed.append(unsafe RevocationList(adopting: list))
            }
        }
        // The loop ends well only with "no start line": every block was read.
        let last = ERR_peek_last_error()
        let atEnd = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE
        guard atEnd, !parsed.isEmpty else { throw .malformed(.revocationList) }
        lists = parsed
    }

    /// Reads lists from a file.
    ///
    /// - Throws: `.file(.revocationList, …)`, `.fileTooLarge`, and what `init(_:)` throws.
    package init(path: String) throws(IdentityError) {
        guard
            let bytes = try FileAccess.read(path, as: .revocationList, limit: Self.maximumLength, isSecret: false)
        else { throw .file(.revocationList, .open, errno: FileAccess.noSuchFile) }
        try self.init(bytes.span)
    }

    /// Whether any list revokes one of `path`, which are the certificates of a connection's verified chain.
    package func revokes(anyOf path: [CertificateKey]) -> Bool {
        path.contains { key in lists.contains { $0.revokes(key) } }
    }

    /// When the first of the lists goes out of date; nil when none says.
    package var expiry: UnixTime? { lists.compactMap(\.nextUpdate).min() }

    private static func decode(der: Span<UInt8>) -> OpaquePointer? {
        unsafe der.withUnsafeBufferPointer { region in
            // Safety: d2i reads region only, and moves its own copy of the pointer.
            var cursor = region.baseAddress
            let list = unsafe d2i_X509_CRL(nil, &cursor, region.count)
            guard unsafe cursor == region.baseAddress.map({ unsafe $0 + region.count }) else {
                unsafe X509_CRL_free(list)
                return nil
            }
            return unsafe list
        }
    }
}
