// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console
internal import Identity
internal import LinuxIO

/// `ambit-tunnel identity init`.
enum IdentityInitCommand {
    struct Settings {
        var directory = "/var/lib/ambit/ca"
        var trustDomain = TrustDomain.clusterLocal
        var certificate = ""
        var key = ""
        var roots = ""
    }

    static var command: Command<Settings> {
        Command(
            "ambit-tunnel identity init", summary: "Make a new CA in a folder, or adopt one made elsewhere.",
            details: """
                Without --certificate and --key it makes a new root, valid for ten years. With them it adopts a root or an
                intermediate: FILE holds the signing certificate first, then what is above it.
                """,
            options: [
                IdentityCommand.directoryOption(\.directory), IdentityCommand.trustDomainOption(\.trustDomain),
                .text("certificate", "FILE", \.certificate, "Signing certificate to adopt, with its chain, PEM."),
                .text("key", "FILE", \.key, "Key of that certificate, PEM, not encrypted, mode 0600."),
                .text("roots", "FILE", \.roots, "Roots to trust, when the chain ends below its root, PEM."),
            ],
            examples: [
                ("ambit-tunnel identity init --ca-dir ca", "Make a new root"),
                (
                    "ambit-tunnel identity init --ca-dir ca --certificate int.pem --key int.key --roots root.pem",
                    "Adopt an intermediate of a company's root"
                ),
            ])
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var settings = Settings()
        guard try command.read(words, into: &settings, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: Settings()))
            return .success
        }
        guard settings.certificate.isEmpty == settings.key.isEmpty else {
            throw UsageError("--certificate and --key belong together; give both or none")
        }
        let authority = try settings.key.isEmpty ? create(settings) : adopt(settings)
        let signer = CertificateDescription(authority.certificates[0])
        Terminal.print("CA of \(authority.trustDomain) in \(settings.directory): \(signer.subject)\n")
        Terminal.print("serial \(signer.serialNumber), valid until \(signer.notAfter)\n")
        return .success
    }

    private static func create(_ settings: Settings) throws(IdentityError) -> CertificateAuthority {
        guard !CertificateAuthority.exists(in: settings.directory) else {
            throw .file(.authorityKey, .create, errno: FileAccess.fileExists)
        }
        return try CertificateAuthority.open(
            directory: settings.directory, trustDomain: settings.trustDomain, now: .now())
    }

    private static func adopt(_ settings: Settings) throws(IdentityError) -> CertificateAuthority {
        let limit = Certificate.maximumPEMLength
        func read(_ path: String, _ file: IdentityError.File, isSecret: Bool = false) throws(IdentityError) -> [UInt8] {
            guard let bytes = try FileAccess.read(path, as: file, limit: limit, isSecret: isSecret) else {
                throw .file(file, .open, errno: FileAccess.noSuchFile)
            }
            return bytes
        }
        let certificates = try read(settings.certificate, .certificate)
        var key = try read(settings.key, .privateKey, isSecret: true)
        defer { FileAccess.wipe(&key) }
        let roots = try settings.roots.isEmpty ? [] : read(settings.roots, .bundle)
        return try CertificateAuthority.adopt(
            certificates: certificates.span, key: key.span, roots: roots.span, directory: settings.directory,
            trustDomain: settings.trustDomain, now: .now())
    }
}
