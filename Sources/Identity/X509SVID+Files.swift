// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import Glibc

extension X509SVID {
    /// The names of the files an issued identity consists of.
    package enum FileName {
        /// The leaf, then the intermediates.
        package static let chain = "svid.pem"
        /// The private key, PKCS #8, mode 0600.
        package static let key = "svid.key"
        /// The roots to trust.
        package static let bundle = "bundle.pem"
    }

    /// Writes chain, key and bundle as PEM files into `directory`, which is made when it is missing.
    ///
    /// Each file is replaced as a whole, the key first, so that a reader that checks whether key and certificate
    /// belong together never uses a wrong pair.
    ///
    /// - Throws: `.file`, `.cryptography`.
    package func write(to directory: String, bundle: TrustBundle) throws(IdentityError) {
        if unsafe mkdir(directory, 0o700) != 0, errno != EEXIST {
            throw .file(.directory, .create, errno: errno)
        }
        var text: [UInt8] = []
        for certificate in chain { text += try certificate.pem() }
        try privateKey.withPEM { (pem) throws(IdentityError) in
            try FileAccess.replace("\(directory)/\(FileName.key)", with: pem, as: .privateKey, mode: 0o600)
        }
        try FileAccess.replace("\(directory)/\(FileName.chain)", with: text.span, as: .certificate, mode: 0o644)
        let roots = try bundle.pem()
        try FileAccess.replace("\(directory)/\(FileName.bundle)", with: roots.span, as: .bundle, mode: 0o644)
        FileAccess.synchronise(directory: directory)
    }

    /// Reads chain and key from the files of `directory`.
    ///
    /// - Throws: `.file`, `.fileMode` and `.fileOwner` for a key that others could read, and what
    ///   `init(chain:privateKey:)` throws.
    package init(directory: String) throws(IdentityError) {
        guard
            let text = try FileAccess.read(
                "\(directory)/\(FileName.chain)", as: .certificate, limit: Certificate.maximumPEMLength,
                isSecret: false)
        else { throw .file(.certificate, .open, errno: FileAccess.noSuchFile) }
        guard
            var keyText = try FileAccess.read(
                "\(directory)/\(FileName.key)", as: .privateKey, limit: PrivateKey.maximumPEMLength, isSecret: true)
        else { throw .file(.privateKey, .open, errno: FileAccess.noSuchFile) }
        defer { wipe(&keyText) }
        try self.init(chain: Certificate.parse(pem: text.span), privateKey: PrivateKey(pem: keyText.span))
    }
}
