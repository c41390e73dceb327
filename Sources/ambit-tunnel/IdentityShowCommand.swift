// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Console
internal import Identity
internal import LinuxIO
internal import Telemetry

/// `ambit-tunnel identity show`.
enum IdentityShowCommand {
    struct Settings {
        var file = ""
        var directory = ""
        var query = AdminQuery()
    }

    static var command: Command<Settings> {
        Command(
            "ambit-tunnel identity show", summary: "Show certificates: of a file, of a CA, or of a running tunnel.",
            details: "Without --file and --ca-dir it asks the running tunnel at --admin.",
            options: [
                .text("file", "FILE", \.file, "File of certificates, PEM."),
                .text("ca-dir", "DIR", \.directory, "Folder of a CA: its signing certificate and its roots."),
                Option(
                    "admin", "HOST:PORT", \.query.address, "Admin port of the tunnel to ask.",
                    expected: "an address and port; write for example 127.0.0.1:15000", show: { $0.description },
                    read: { SocketAddress($0) }
                ).from("AMBIT_ADMIN"),
                .choice("output", \.query.form, "For people, or JSON for programs.").orLetter("o"),
            ],
            examples: [
                ("ambit-tunnel identity show --file svid.pem", "Show what is in a file"),
                ("ambit-tunnel identity show --ca-dir ca -o json", "Show the CA for a program"),
                ("ambit-tunnel identity show", "Ask the tunnel on this machine"),
            ])
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var settings = Settings()
        guard try command.read(words, into: &settings, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: Settings()))
            return .success
        }
        guard settings.file.isEmpty || settings.directory.isEmpty else {
            throw UsageError("--file and --ca-dir show different things; give one")
        }
        if settings.file.isEmpty, settings.directory.isEmpty {
            let asked = ["--admin", settings.query.address.description, "-o", settings.query.form.rawValue]
            return try TableCommand.certificates.main(asked)
        }
        let certificates = try settings.file.isEmpty ? authority(settings.directory) : file(settings.file)
        if settings.query.form == .json {
            var json = JSONWriter()
            json.array { json in for certificate in certificates { write(certificate, to: &json) } }
            Terminal.print(String(decoding: json.bytes, as: UTF8.self) + "\n")
        } else {
            Terminal.print(certificates.map(text).joined(separator: "\n"))
        }
        return .success
    }

    private static func file(_ path: String) throws(IdentityError) -> [CertificateDescription] {
        let bytes = try FileAccess.read(
            path, as: .certificate, limit: Certificate.maximumPEMLength, isSecret: false)
        guard let bytes else { throw .file(.certificate, .open, errno: FileAccess.noSuchFile) }
        return try Certificate.parse(pem: bytes.span).map { CertificateDescription($0) }
    }

    /// The signing chain and the roots, without the key, which whoever shows a CA need not be able to read.
    private static func authority(_ directory: String) throws(IdentityError) -> [CertificateDescription] {
        try CertificateAuthority.publicCertificates(in: directory).map { CertificateDescription($0) }
    }

    private static func write(_ certificate: CertificateDescription, to json: inout JSONWriter) {
        json.object { json in
            json.member("uris", certificate.uriNames)
            json.member("subject", certificate.subject)
            json.member("issuer", certificate.issuer)
            json.member("serialNumber", certificate.serialNumber)
            json.member("validFrom", certificate.notBefore.description)
            json.member("expirationTime", certificate.notAfter.description)
            json.member("authority", certificate.isAuthority)
            json.member("key", certificate.key)
            json.member("defect", certificate.defect?.description ?? "")
        }
    }

    private static func text(_ certificate: CertificateDescription) -> String {
        var lines = [
            ("identity", certificate.uriNames.joined(separator: ", ")), ("subject", certificate.subject),
            ("issuer", certificate.issuer), ("serial", certificate.serialNumber),
            ("valid", "\(certificate.notBefore) to \(certificate.notAfter)"),
            ("kind", "\(certificate.isAuthority ? "CA" : "leaf"), \(certificate.key)"),
        ]
        if let defect = certificate.defect { lines.append(("defect", defect.description)) }
        return lines.map { name, value in
            "\(name)\(String(repeating: " ", count: 10 - name.count))\(value.isEmpty ? "-" : value)\n"
        }.joined()
    }
}
