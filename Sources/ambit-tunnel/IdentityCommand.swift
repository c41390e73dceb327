// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Console
internal import Identity
internal import LinuxIO

/// `ambit-tunnel identity …`: the CA in a folder.
enum IdentityCommand {
    private static var commands: [(name: String, summary: String, run: ([String]) throws -> ExitCode)] {
        [
            ("init", IdentityInitCommand.command.summary, IdentityInitCommand.main),
            ("issue", IdentityIssueCommand.command.summary, IdentityIssueCommand.main),
            ("show", IdentityShowCommand.command.summary, IdentityShowCommand.main),
            ("rotate", IdentityRotateCommand.command.summary, IdentityRotateCommand.main),
            ("serve", IdentityServeCommand.command.summary, IdentityServeCommand.main),
        ]
    }

    static let summary = "Make a CA, issue and show certificates, rotate the root, serve certificates."

    static func main(_ words: [String]) throws -> ExitCode {
        guard let name = words.first else {
            throw UsageError("no command; try ambit-tunnel identity --help")
        }
        if name == "--help" || name == "-h" {
            let width = commands.map(\.name.count).max() ?? 0
            let lines = commands.map { command in
                "  \(command.name)\(String(repeating: " ", count: width - command.name.count))  \(command.summary)\n"
            }
            Terminal.print(
                "\(summary)\n\nUsage: ambit-tunnel identity COMMAND [options]\n\nCommands:\n" + lines.joined()
                    + "\nExamples:\n  ambit-tunnel identity init --ca-dir /var/lib/ambit/ca\n")
            return .success
        }
        guard let command = commands.first(where: { $0.name == name }) else {
            let nearest = Suggestion.nearest(to: name, among: commands.map(\.name))
            throw UsageError(
                "unknown command \"\(name)\"; "
                    + (nearest.map { "did you mean \($0)?" } ?? "try ambit-tunnel identity --help"))
        }
        ProcessPrivacy.forbidDumps()
        return try command.run(Array(words.dropFirst()))
    }

    // MARK: - Options that several have

    static func directoryOption<Target>(_ keyPath: WritableKeyPath<Target, String>) -> Option<Target> {
        .text("ca-dir", "DIR", keyPath, "Folder of the CA.").from("AMBIT_CA_DIR")
    }

    static func trustDomainOption<Target>(_ keyPath: WritableKeyPath<Target, TrustDomain>) -> Option<Target> {
        Option(
            "trust-domain", "DOMAIN", keyPath, "Trust domain of all identities.",
            expected: "a trust domain (lower-case letters, digits, dots, dashes, underscores)", show: { $0.name },
            read: { text in
                do { return try TrustDomain(text) } catch { return nil }
            }
        ).from("TRUST_DOMAIN")
    }

    static func validityOption<Target>(_ keyPath: WritableKeyPath<Target, Int64>, _ help: String) -> Option<Target> {
        secondsOption("svid-ttl", keyPath, atLeast: 5, help)
    }

    static func secondsOption<Target>(
        _ name: String, _ keyPath: WritableKeyPath<Target, Int64>, atLeast least: Int64, _ help: String
    ) -> Option<Target> {
        Option(
            name, "TIME", keyPath, help,
            expected: "a duration of at least \(Quantity.text(.seconds(least))); write for example 24h",
            show: { Quantity.text(.seconds($0)) },
            read: { text in
                guard let duration = Quantity.duration(text), duration >= .seconds(least) else { return nil }
                return duration.count / 1_000_000_000
            })
    }
}
