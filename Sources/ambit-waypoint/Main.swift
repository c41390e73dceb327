// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console
internal import Glibc
internal import LinuxIO

/// Finds the command and runs it.
@main
enum Main {
    private static var commands: [(name: String, summary: String, run: ([String]) throws -> ExitCode)] {
        [
            ("run", RunCommand.command.summary, RunCommand.main),
            ("controller", ControllerCommand.command.summary, ControllerCommand.main),
            ("apply", ApplyCommand.command.summary, ApplyCommand.main),
            ("generate", GenerateCommand.command.summary, GenerateCommand.main),
            ("list", ListCommand.command.summary, ListCommand.main),
            ("status", StatusCommand.command.summary, StatusCommand.main),
            ("delete", DeleteCommand.command.summary, DeleteCommand.main),
            ("analyze", AnalyzeCommand.command.summary, AnalyzeCommand.main),
            ("routes", RoutesCommand.command.summary, RoutesCommand.main),
            ("version", "Print the version.", VersionCommand.main),
        ]
    }

    /// How the program was called: under the name kubectl-waypoint it is a plugin of kubectl, typed as two words.
    static var program: String {
        let path = CommandLine.arguments.first ?? ""
        let name = path.split(separator: "/").last ?? "ambit-waypoint"
        return name.hasPrefix("kubectl-waypoint") ? "kubectl waypoint" : "ambit-waypoint"
    }

    static func main() {
        let words = Array(CommandLine.arguments.dropFirst())
        exit(run(words).rawValue)
    }

    private static func run(_ words: [String]) -> ExitCode {
        guard let name = words.first else {
            Terminal.complain(program, "no command; try \(program) --help")
            return .usage
        }
        if name == "--help" || name == "-h" || name == "help" {
            Terminal.print(help)
            return .success
        }
        guard let command = commands.first(where: { $0.name == name || "--\($0.name)" == name && name == "--version" })
        else {
            let nearest = Suggestion.nearest(to: name, among: commands.map(\.name))
            let advice = nearest.map { "did you mean \($0)?" } ?? "try \(program) --help"
            Terminal.complain(program, "unknown command \"\(name)\"; \(advice)")
            return .usage
        }
        do {
            return try command.run(Array(words.dropFirst()))
        } catch let error as UsageError {
            Terminal.complain("\(program) \(command.name)", "\(error)")
            return .usage
        } catch {
            Terminal.complain("\(program) \(command.name)", "\(error)")
            return .failure
        }
    }

    private static var help: String {
        let width = commands.map(\.name.count).max() ?? 0
        let lines = commands.map { command in
            "  \(command.name)\(String(repeating: " ", count: width - command.name.count))  \(command.summary)\n"
        }
        return
            "Waypoints of the Ambit ambient mesh: layer 7 where it is wanted.\n\nUsage: \(program) COMMAND [options]\n\n"
            + "Commands:\n" + lines.joined()
            + "\n\(program) COMMAND --help shows the options of a command, with examples.\n"
    }
}
