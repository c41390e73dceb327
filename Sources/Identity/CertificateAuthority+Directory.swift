// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import Glibc

extension CertificateAuthority {
    /// The names of the files in a CA directory.
    enum DirectoryFile {
        static let key = "ca.key"
        static let certificate = "ca.crt"
        static let roots = "roots.crt"
        static let lock = "ca.lock"
    }

    /// Opens the CA in `directory`, and makes it first when there is none (when `create`).
    ///
    /// Files: `ca.key` (PKCS #8 PEM, mode 0600), `ca.crt` (PEM: the signing certificate, then what is above it), and
    /// optionally `roots.crt` (PEM: further roots to trust). Two processes may do this at once: the first to lock
    /// `ca.lock` makes the CA, the other then loads it. The key is put in place last, so it marks a complete CA; a
    /// process that dies before leaves `ca.key.new` and `ca.crt.new`, which the next one replaces.
    ///
    /// - Throws: `.file`, `.fileMode` and `.fileOwner` for a key that others could read, `.incomplete`, and what
    ///   `init(trustDomain:certificates:key:roots:now:)` throws; `.trustDomainMismatch` when the CA was made for
    ///   another trust domain.
    package static func open(
        directory: String, trustDomain: TrustDomain, create: Bool = true, now: UnixTime
    ) throws(IdentityError) -> CertificateAuthority {
        // Without the lock first: a directory may be mounted read-only, and a complete CA never changes in part.
        do throws(IdentityError) {
            if let complete = try load(directory, trustDomain, now) { return complete }
        } catch {
            // Half of it: another process may be making it right now, which the lock tells.
            guard create, case .incomplete = error else { throw error }
        }
        if create {
            try makeDirectory(directory)
            let lock = try lock(directory)
            defer { close(lock) }
            let hasKey = exists("\(directory)/\(DirectoryFile.key)")
            let hasCertificate = exists("\(directory)/\(DirectoryFile.certificate)")
            if !hasKey, !hasCertificate || exists("\(directory)/\(DirectoryFile.key).new") {
                let root = try makeRoot(trustDomain: trustDomain, now: now)
                try store(certificates: [root.certificate], key: root.key, in: directory)
            }
        }
        guard let authority = try load(directory, trustDomain, now) else {
            throw .file(.authorityKey, .open, errno: ENOENT)
        }
        return authority
    }

    /// Puts a signing certificate with its chain, and its key, into `directory`, replacing what is there.
    ///
    /// - Throws: `.file`, `.cryptography`.
    package static func store(
        certificates: [Certificate], key: PrivateKey, in directory: String
    ) throws(IdentityError) {
        var text: [UInt8] = []
        for certificate in certificates { text += try certificate.pem() }
        let keyPath = "\(directory)/\(DirectoryFile.key)"
        let temporaryKey = keyPath + ".new"
        unsafe unlink(temporaryKey)
        try key.withPEM { (pem) throws(IdentityError) in
            try FileAccess.write(pem, to: temporaryKey, as: .authorityKey, mode: 0o600)
        }
        try FileAccess.replace(
            "\(directory)/\(DirectoryFile.certificate)", with: text.span, as: .authorityCertificate, mode: 0o644)
        guard unsafe rename(temporaryKey, keyPath) == 0 else { throw .file(.authorityKey, .rename, errno: errno) }
        FileAccess.synchronise(directory: directory)
    }

    /// - Returns: nil when there is neither key nor certificate.
    private static func load(
        _ directory: String, _ trustDomain: TrustDomain, _ now: UnixTime
    ) throws(IdentityError) -> CertificateAuthority? {
        let certificateText = try FileAccess.read(
            "\(directory)/\(DirectoryFile.certificate)", as: .authorityCertificate,
            limit: Certificate.maximumPEMLength, isSecret: false)
        let keyText = try FileAccess.read(
            "\(directory)/\(DirectoryFile.key)", as: .authorityKey, limit: PrivateKey.maximumPEMLength,
            isSecret: true)
        let rootsText = try FileAccess.read(
            "\(directory)/\(DirectoryFile.roots)", as: .bundle, limit: Certificate.maximumPEMLength, isSecret: false)
        guard var keyText else {
            guard certificateText == nil else { throw .incomplete(missing: .authorityKey) }
            return nil
        }
        defer { wipe(&keyText) }
        guard let certificateText else { throw .incomplete(missing: .authorityCertificate) }
        let certificates = try Certificate.parse(pem: certificateText.span)
        let key = try PrivateKey(pem: keyText.span)
        let roots = try rootsText.map { (text) throws(IdentityError) in try Certificate.parse(pem: text.span) } ?? []
        for certificate in certificates {
            // A signing certificate that names a trust domain must name ours (X509-SVID §4.1).
            guard certificate.facts.uriNames.allSatisfy({ $0 == Array(trustDomain.uri.utf8) }) else {
                throw .trustDomainMismatch
            }
        }
        return try CertificateAuthority(
            trustDomain: trustDomain, certificates: certificates, key: key, roots: roots, now: now)
    }

    private static func exists(_ path: String) -> Bool {
        unsafe access(path, F_OK) == 0
    }

    private static func makeDirectory(_ path: String) throws(IdentityError) {
        guard unsafe mkdir(path, 0o700) != 0 else { return }
        guard errno == EEXIST else { throw .file(.directory, .create, errno: errno) }
    }

    private static func lock(_ directory: String) throws(IdentityError) -> CInt {
        let descriptor = unsafe Glibc.open(
            "\(directory)/\(DirectoryFile.lock)", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .file(.lock, .open, errno: errno) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                let code = errno
                close(descriptor)
                throw .file(.lock, .lock, errno: code)
            }
        }
        return descriptor
    }
}
