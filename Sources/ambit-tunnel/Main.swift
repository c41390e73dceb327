// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console
internal import Glibc

/// Finds the command and runs it.
@main
enum Main {
    private static var commands: [(name: String, summary: String, run: ([String]) throws -> ExitCode)] {
        [
            ("run", RunCommand.command.summary, RunCommand.main),
            ("forward", ForwardCommand.command.summary, ForwardCommand.main),
            ("identity", IdentityCommand.summary, IdentityCommand.main),
            ("cni", CNICommand.summary, CNICommand.main),
            ("check", CheckCommand.command.summary, CheckCommand.main),
            ("workloads", TableCommand.workloads.command.summary, TableCommand.workloads.main),
            ("services", TableCommand.services.command.summary, TableCommand.services.main),
            ("policies", TableCommand.policies.command.summary, TableCommand.policies.main),
            ("certificates", TableCommand.certificates.command.summary, TableCommand.certificates.main),
            ("connections", ConnectionsCommand.command.summary, ConnectionsCommand.main),
            ("log", LogCommand.command.summary, LogCommand.main),
            ("version", "Print the version.", VersionCommand.main),
        ]
    }

    static func main() {
        let words = Array(CommandLine.arguments.dropFirst())
        // Among a runtime's plugins we stand under the name of one, and are called without words.
        let name = CommandLine.arguments.first?.split(separator: "/").last
        if name == "ambit-cni" { exit(CNICommand.plugin().rawValue) }
        exit(run(words).rawValue)
    }

    private static func run(_ words: [String]) -> ExitCode {
        guard let name = words.first else {
            Terminal.complain("ambit-tunnel", "no command; try ambit-tunnel --help")
            return .usage
        }
        if name == "--help" || name == "-h" || name == "help" {
            Terminal.print(help)
            return .success
        }
        guard let command = commands.first(where: { $0.name == name || "--\($0.name)" == name && name == "--version" })
        else {
            let nearest = Suggestion.nearest(to: name, among: commands.map(\.name))
            let advice = nearest.map { "did you mean \($0)?" } ?? "try ambit-tunnel --help"
            Terminal.complain("ambit-tunnel", "unknown command \"\(name)\"; \(advice)")
            return .usage
        }
        do {
            return try command.run(Array(words.dropFirst()))
        } catch let error as UsageError {
            Terminal.complain("ambit-tunnel \(command.name)", "\(error)")
            return .usage
        } catch {
            Terminal.complain("ambit-tunnel \(command.name)", "\(error)")
            return .failure
        }
    }

    private static var help: String {
        let width = commands.map(\.name.count).max() ?? 0
        let lines = commands.map { command in
            "  \(command.name)\(String(repeating: " ", count: width - command.name.count))  \(command.summary)\n"
        }
        return "The node tunnel of the Ambit ambient mesh.\n\nUsage: ambit-tunnel COMMAND [options]\n\nCommands:\n"
            + lines.joined() + "\nambit-tunnel COMMAND --help shows the options of a command, with examples.\n"
    }
}
