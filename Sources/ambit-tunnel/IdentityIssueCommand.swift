// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console
internal import Identity
internal import LinuxIO

/// `ambit-tunnel identity issue`.
enum IdentityIssueCommand {
    struct Settings {
        var directory = "/var/lib/ambit/ca"
        var trustDomain = TrustDomain.clusterLocal
        var namespace = ""
        var serviceAccount = ""
        var output = ""
        var validity: Int64 = 86_400
    }

    static var command: Command<Settings> {
        Command(
            "ambit-tunnel identity issue", summary: "Issue a certificate as files, for debugging and for machines.",
            required: "--namespace NS --service-account SA --out DIR",
            details: """
                Writes svid.pem (the certificate, then intermediates), svid.key (mode 0600) and bundle.pem (the roots)
                into DIR, each replaced as a whole.
                """,
            options: [
                IdentityCommand.directoryOption(\.directory), IdentityCommand.trustDomainOption(\.trustDomain),
                .text("namespace", "NS", \.namespace, "Namespace of the service account.").orLetter("n"),
                .text("service-account", "SA", \.serviceAccount, "The service account."),
                .text("out", "DIR", \.output, "Folder for the files; made when it is missing."),
                IdentityCommand.validityOption(\.validity, "How long the certificate is valid."),
            ],
            examples: [
                (
                    "ambit-tunnel identity issue --ca-dir ca --namespace default --service-account web --out web",
                    "Issue spiffe://cluster.local/ns/default/sa/web"
                )
            ])
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var settings = Settings()
        guard try command.read(words, into: &settings, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: Settings()))
            return .success
        }
        for (name, value) in [
            ("--namespace NS", settings.namespace), ("--service-account SA", settings.serviceAccount),
            ("--out DIR", settings.output),
        ] where value.isEmpty {
            throw UsageError("\(name) is needed; try ambit-tunnel identity issue --help")
        }
        let id: SPIFFEID
        do throws(SPIFFEIDError) {
            id = try SPIFFEID(
                trustDomain: settings.trustDomain, namespace: settings.namespace,
                serviceAccount: settings.serviceAccount)
        } catch {
            throw UsageError("--namespace, --service-account: \(error)")
        }
        let authority = try CertificateAuthority.open(
            directory: settings.directory, trustDomain: settings.trustDomain, create: false, now: .now())
        let svid = try authority.mint(for: id, validity: settings.validity, now: .now())
        try svid.write(to: settings.output, bundle: authority.bundle)
        Terminal.print(
            "\(id)\nserial \(svid.leaf.serialText), valid until \(svid.leaf.notAfter), in \(settings.output)\n")
        return .success
    }
}
