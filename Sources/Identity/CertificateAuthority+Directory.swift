// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import Glibc

extension CertificateAuthority {
    /// The names of the files in a CA directory.
    enum DirectoryFile {
        static let key = "ca.key"
        static let certificate = "ca.crt"
        static let roots = "roots.crt"
        static let rotation = "rotation.crt"
        static let lock = "ca.lock"
    }

    /// Opens the CA in `directory`, and makes it first when there is none (when `create`).
    ///
    /// Files: `ca.key` (PKCS #8 PEM, mode 0600), `ca.crt` (PEM: the signing certificate, then what is above it), and
    /// optionally `roots.crt` (PEM: further roots to trust) and `rotation.crt` (the same, while a root is rotated). Two processes may do this at once: the first to lock
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
            // Half of it, or halves that do not match: another process may be at it right now, which the lock tells.
            switch error {
            case .incomplete where create: break
            case .keyMismatch:
                let locked = try withLock(directory) { () throws(IdentityError) in
                    try load(directory, trustDomain, now)
                }
                if let locked { return locked }
            default: throw error
            }
        }
        if create {
            try makeDirectory(directory)
            try withLock(directory) { () throws(IdentityError) in
                let hasKey = exists("\(directory)/\(DirectoryFile.key)")
                let hasCertificate = exists("\(directory)/\(DirectoryFile.certificate)")
                guard !hasKey, !hasCertificate || exists("\(directory)/\(DirectoryFile.key).new") else { return }
                let root = try makeRoot(trustDomain: trustDomain, now: now)
                try store(certificates: [root.certificate], key: root.key, in: directory)
            }
        }
        guard let authority = try load(directory, trustDomain, now) else {
            throw .file(.authorityKey, .open, errno: ENOENT)
        }
        return authority
    }

    /// Whether `directory` holds a CA, complete or not.
    package static func exists(in directory: String) -> Bool {
        exists("\(directory)/\(DirectoryFile.key)") || exists("\(directory)/\(DirectoryFile.certificate)")
    }

    /// The signing certificate and what is above it, then further roots, without looking at the key.
    ///
    /// - Throws: `.file(.authorityCertificate, …)`, `.malformed(.certificate)`.
    package static func publicCertificates(in directory: String) throws(IdentityError) -> [Certificate] {
        var certificates: [Certificate] = []
        for name in [DirectoryFile.certificate, DirectoryFile.roots, DirectoryFile.rotation] {
            let text = try FileAccess.read(
                "\(directory)/\(name)", as: name == DirectoryFile.certificate ? .authorityCertificate : .bundle,
                limit: Certificate.maximumPEMLength, isSecret: false)
            guard let text else { continue }
            certificates += try Certificate.parse(pem: text.span).filter { !certificates.contains($0) }
        }
        guard !certificates.isEmpty else { throw .file(.authorityCertificate, .open, errno: ENOENT) }
        return certificates
    }

    /// Makes an authority that was made elsewhere, a root or an intermediate, the CA of `directory`.
    ///
    /// - Parameter certificates: PEM text: the signing certificate first, then what is above it.
    /// - Parameter key: PEM text of its private key.
    /// - Parameter roots: PEM text of the roots to trust, needed when `certificates` ends below its root; else empty.
    /// - Throws: `.malformed`, `.keyNotAccepted`, `.notAuthority`, `.keyMismatch`, `.authorityValidity`, `.chain`,
    ///   `.trustDomainMismatch`; `.file(.authorityKey, .create, errno: EEXIST)` when the directory has a CA.
    package static func adopt(
        certificates: Span<UInt8>, key: Span<UInt8>, roots: Span<UInt8>, directory: String, trustDomain: TrustDomain,
        now: UnixTime
    ) throws(IdentityError) -> CertificateAuthority {
        let chain = try Certificate.parse(pem: certificates)
        let signingKey = try PrivateKey(pem: key)
        let anchors = roots.isEmpty ? [] : try Certificate.parse(pem: roots)
        try check(chain, trustDomain)
        let authority = try CertificateAuthority(
            trustDomain: trustDomain, certificates: chain, key: signingKey, roots: anchors, now: now)
        try makeDirectory(directory)
        try withLock(directory) { () throws(IdentityError) in
            guard !exists("\(directory)/\(DirectoryFile.key)") else {
                throw .file(.authorityKey, .create, errno: EEXIST)
            }
            if !anchors.isEmpty {
                var text: [UInt8] = []
                for anchor in anchors { text += try anchor.pem() }
                try FileAccess.replace(
                    "\(directory)/\(DirectoryFile.roots)", with: text.span, as: .bundle, mode: 0o644)
            }
            try store(certificates: chain, key: signingKey, in: directory)
        }
        return authority
    }

    /// A signing certificate that names a trust domain must name ours (X509-SVID §4.1).
    private static func check(_ certificates: [Certificate], _ trustDomain: TrustDomain) throws(IdentityError) {
        let name = Array(trustDomain.uri.utf8)
        for certificate in certificates where certificate.facts.uriNames.contains(where: { $0 != name }) {
            throw .trustDomainMismatch
        }
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
    static func load(
        _ directory: String, _ trustDomain: TrustDomain, _ now: UnixTime
    ) throws(IdentityError) -> CertificateAuthority? {
        let certificateText = try FileAccess.read(
            "\(directory)/\(DirectoryFile.certificate)", as: .authorityCertificate,
            limit: Certificate.maximumPEMLength, isSecret: false)
        let keyText = try FileAccess.read(
            "\(directory)/\(DirectoryFile.key)", as: .authorityKey, limit: PrivateKey.maximumPEMLength,
            isSecret: true)
        var roots: [Certificate] = []
        for name in [DirectoryFile.roots, DirectoryFile.rotation] {
            let text = try FileAccess.read(
                "\(directory)/\(name)", as: .bundle, limit: Certificate.maximumPEMLength, isSecret: false)
            if let text { roots += try Certificate.parse(pem: text.span) }
        }
        guard var keyText else {
            guard certificateText == nil else { throw .incomplete(missing: .authorityKey) }
            return nil
        }
        defer { wipe(&keyText) }
        guard let certificateText else { throw .incomplete(missing: .authorityCertificate) }
        let certificates = try Certificate.parse(pem: certificateText.span)
        let key = try PrivateKey(pem: keyText.span)
        try check(certificates, trustDomain)
        return try CertificateAuthority(
            trustDomain: trustDomain, certificates: certificates, key: key, roots: roots, now: now)
    }

    static func exists(_ path: String) -> Bool {
        unsafe access(path, F_OK) == 0
    }

    private static func makeDirectory(_ path: String) throws(IdentityError) {
        guard unsafe mkdir(path, 0o700) != 0 else { return }
        guard errno == EEXIST else { throw .file(.directory, .create, errno: errno) }
    }

    /// Runs `body` while no other process, or thread, does so for the same directory.
    ///
    /// - Throws: `.file(.lock, …)`, and what `body` throws.
    static func withLock<Result>(
        _ directory: String, _ body: () throws(IdentityError) -> Result
    ) throws(IdentityError) -> Result {
        let descriptor = try lock(directory)
        defer { close(descriptor) }
        return try body()
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
