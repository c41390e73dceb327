// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The rotation of the root in a CA directory, in three steps that an operator spaces out.
///
/// ```
/// stable --begin--> distributing --switchSigner--> retiring --finish--> stable
/// ```
/// Each step is one that relying parties one step behind can live with: first everybody learns to trust the new root,
/// then leaves are signed by it, then nobody trusts the old one any more. Wait until every bundle (before
/// `switchSigner`) and every leaf (before `finish`) has been renewed.
package enum RootRotation {
    /// How far a rotation is.
    package enum Phase: String, Sendable, Hashable {
        /// None is going on.
        case stable
        /// A new root is in the bundle, the old one signs.
        case distributing
        /// The new root signs, the old one still is in the bundle.
        case retiring
    }

    private enum Name {
        static let nextKey = "next.key"
        static let nextCertificate = "next.crt"
    }

    /// How far the rotation in `directory` is.
    ///
    /// - Throws: `.file`.
    package static func phase(directory: String) throws(IdentityError) -> Phase {
        if CertificateAuthority.exists("\(directory)/\(Name.nextKey)") { return .distributing }
        return CertificateAuthority.exists("\(directory)/\(CertificateAuthority.DirectoryFile.rotation)")
            ? .retiring : .stable
    }

    /// Makes a new root and puts it into the bundle; the old root goes on signing.
    ///
    /// Does nothing when that is done.
    ///
    /// - Returns: the phase now.
    /// - Throws: `.foreignRoot` for an intermediate, `.file`, `.cryptography`, and what opening the CA throws.
    @discardableResult
    package static func begin(
        directory: String, trustDomain: TrustDomain, now: UnixTime
    ) throws(IdentityError) -> Phase {
        try CertificateAuthority.withLock(directory) { () throws(IdentityError) in
            guard try phase(directory: directory) == .stable else { return try phase(directory: directory) }
            let current = try current(directory, trustDomain, now)
            guard current.certificates[0].isSelfIssued else { throw .foreignRoot }
            let root = try CertificateAuthority.makeRoot(trustDomain: trustDomain, now: now)
            let text = try root.certificate.pem()
            let roots = try current.bundle.pem() + text
            try FileAccess.replace(
                "\(directory)/\(Name.nextCertificate)", with: text.span, as: .authorityCertificate, mode: 0o644)
            try FileAccess.replace(
                "\(directory)/\(CertificateAuthority.DirectoryFile.rotation)", with: roots.span, as: .bundle,
                mode: 0o644)
            // The key last: it marks the phase.
            try root.key.withPEM { (pem) throws(IdentityError) in
                try FileAccess.replace(
                    "\(directory)/\(Name.nextKey)", with: pem, as: .authorityKey, mode: 0o600)
            }
            FileAccess.synchronise(directory: directory)
            return .distributing
        }
    }

    /// Lets the new root sign.
    ///
    /// Does nothing unless the phase is `.distributing`.
    ///
    /// - Returns: the phase now.
    /// - Throws: `.file`.
    @discardableResult
    package static func switchSigner(directory: String) throws(IdentityError) -> Phase {
        try CertificateAuthority.withLock(directory) { () throws(IdentityError) in
            guard try phase(directory: directory) == .distributing else { return try phase(directory: directory) }
            // The bundle file holds both roots since `begin`. A reader between the two renames finds a key that does
            // not match, and waits for the lock.
            try move(Name.nextCertificate, CertificateAuthority.DirectoryFile.certificate, in: directory)
            try move(Name.nextKey, CertificateAuthority.DirectoryFile.key, in: directory)
            FileAccess.synchronise(directory: directory)
            return .retiring
        }
    }

    /// Takes the old root out of the bundle.
    ///
    /// Does nothing unless the phase is `.retiring`.
    ///
    /// - Returns: the phase now.
    /// - Throws: `.file`.
    @discardableResult
    package static func finish(directory: String) throws(IdentityError) -> Phase {
        try CertificateAuthority.withLock(directory) { () throws(IdentityError) in
            guard try phase(directory: directory) == .retiring else { return try phase(directory: directory) }
            guard unsafe unlink("\(directory)/\(CertificateAuthority.DirectoryFile.rotation)") == 0 else {
                throw .file(.bundle, .write, errno: errno)
            }
            FileAccess.synchronise(directory: directory)
            return .stable
        }
    }

    private static func current(
        _ directory: String, _ trustDomain: TrustDomain, _ now: UnixTime
    ) throws(IdentityError) -> CertificateAuthority {
        guard let authority = try CertificateAuthority.load(directory, trustDomain, now) else {
            throw .file(.authorityKey, .open, errno: FileAccess.noSuchFile)
        }
        return authority
    }

    private static func move(_ from: String, _ to: String, in directory: String) throws(IdentityError) {
        guard unsafe rename("\(directory)/\(from)", "\(directory)/\(to)") != 0 else { return }
        // Done before, by a process that died after the first of the two renames.
        guard errno == ENOENT else { throw .file(.authorityKey, .rename, errno: errno) }
    }
}
