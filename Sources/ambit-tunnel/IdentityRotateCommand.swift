// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console
internal import Identity
internal import LinuxIO

/// `ambit-tunnel identity rotate`.
enum IdentityRotateCommand {
    enum Step: String, CaseIterable {
        case status
        case start
        case `switch`
        case finish
    }

    struct Settings {
        var directory = "/var/lib/ambit/ca"
        var trustDomain = TrustDomain.clusterLocal
        var step = Step.status
    }

    static var command: Command<Settings> {
        Command(
            "ambit-tunnel identity rotate", summary: "Replace the root of a CA, step by step, while traffic runs.",
            details: """
                start makes a new root, which everybody learns to trust while the old one signs; switch lets the new one
                sign; finish withdraws the old one. Wait one life of a certificate (--svid-ttl) after start and after
                switch. status says how far it is.
                """,
            options: [
                IdentityCommand.directoryOption(\.directory), IdentityCommand.trustDomainOption(\.trustDomain),
                .choice("step", \.step, "What to do now."),
            ],
            examples: [
                ("ambit-tunnel identity rotate --ca-dir ca --step start", "Make a new root and distribute it"),
                ("ambit-tunnel identity rotate --ca-dir ca", "Say how far the rotation is"),
            ])
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var settings = Settings()
        // The step reads best as a word of its own: rotate start.
        var words = words
        if let first = words.first, Step(rawValue: first) != nil { words.insert("--step", at: 0) }
        guard try command.read(words, into: &settings, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: Settings()))
            return .success
        }
        guard CertificateAuthority.exists(in: settings.directory) else {
            throw IdentityError.file(.authorityKey, .open, errno: FileAccess.noSuchFile)
        }
        let before = try RootRotation.phase(directory: settings.directory)
        let after: RootRotation.Phase
        switch (settings.step, before) {
        case (.status, _): after = before
        case (.start, .stable):
            after = try RootRotation.begin(
                directory: settings.directory, trustDomain: settings.trustDomain, now: .now())
        case (.switch, .distributing): after = try RootRotation.switchSigner(directory: settings.directory)
        case (.finish, .retiring): after = try RootRotation.finish(directory: settings.directory)
        default:
            Terminal.complain("ambit-tunnel identity rotate", "nothing done: \(advice(before))")
            return .failure
        }
        Terminal.print("\(advice(after))\n")
        return .success
    }

    private static func advice(_ phase: RootRotation.Phase) -> String {
        switch phase {
        case .stable: "no rotation is going on"
        case .distributing:
            "the new root is in the bundle and the old one signs; when all bundles are renewed: rotate switch"
        case .retiring:
            "the new root signs and the old one is still trusted; when all certificates are renewed: rotate finish"
        }
    }
}
