// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console
internal import LinuxIO
internal import Manifest
internal import Telemetry

/// `ambit-tunnel log`: the log levels of a running tunnel.
enum LogCommand {
    static var command: Command<AdminQuery> {
        Command(
            "ambit-tunnel log", summary: "Show or change the log levels of a running tunnel.",
            options: AdminQuery.options + [
                .text(
                    "level", "LEVELS", \.levels,
                    "Level of all scopes (error, warn, info, debug, trace, off), and of single ones."),
                Option(flag: "reset", \.isReset, "Go back to the levels that the tunnel was started with."),
            ],
            examples: [
                ("ambit-tunnel log", "Show the level of each scope"),
                ("ambit-tunnel log --level info,access:debug", "Log connections also when they open"),
                ("ambit-tunnel log --level pool:trace", "Follow the connection pool, and leave the rest"),
                ("ambit-tunnel log --reset", "Back to the start"),
            ])
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var query = AdminQuery()
        guard try command.read(words, into: &query, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: AdminQuery()))
            return .success
        }
        if !query.levels.isEmpty {
            do {
                _ = try LogLevels(parsing: query.levels)
            } catch {
                throw UsageError("--level: \(error)")
            }
        }
        var parameters: [String] = []
        if query.isReset { parameters.append("reset") }
        if !query.levels.isEmpty { parameters.append("level=\(AdminQuery.percentEncode(query.levels))") }
        let target = "/logging" + (parameters.isEmpty ? "" : "?\(parameters.joined(separator: "&"))")
        let body = try AdminClient.ask(query.address, method: parameters.isEmpty ? "GET" : "POST", target)
        if query.form == .json {
            Terminal.print(String(decoding: body, as: UTF8.self))
            return .success
        }
        var table = TextTable(["SCOPE", "LEVEL"])
        if let levels = try AdminQuery.parse(body) {
            for (scope, level) in levels.entries { table.add([scope.text, level.text]) }
        }
        Terminal.print(table.text)
        return .success
    }
}
