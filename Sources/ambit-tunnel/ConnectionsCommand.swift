// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Console
internal import LinuxIO
internal import Manifest

/// `ambit-tunnel connections`: what is open now, once or as it changes.
enum ConnectionsCommand {
    static var command: Command<AdminQuery> {
        Command(
            "ambit-tunnel connections", summary: "Show the connections that are open, or watch them.",
            options: AdminQuery.options + [
                AdminQuery.namespaceOption,
                Option(
                    flag: "watch", \.isWatching, "Go on, with a line when a connection opens, moves bytes or closes."
                )
                .orLetter("w"),
                .duration("interval", \.interval, "How often --watch looks."),
            ],
            examples: [
                ("ambit-tunnel connections", "Show what is open"),
                ("ambit-tunnel connections -n default --watch", "Follow the connections of namespace default"),
                ("ambit-tunnel connections -o json", "Print them for a program"),
            ])
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var query = AdminQuery()
        guard try command.read(words, into: &query, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: AdminQuery()))
            return .success
        }
        guard query.interval >= .milliseconds(100) else { throw UsageError("--interval: at least 100ms") }
        if query.isWatching { return try watch(query) }
        if query.form == .json {
            Terminal.print(String(decoding: try query.body("/connections"), as: UTF8.self))
            return .success
        }
        var table = TextTable([
            "WORKLOAD", "DIRECTION", "SOURCE", "DESTINATION", "VIA", "PEER", "PROTOCOL", "STATE", "AGE", "SENT",
            "RECEIVED",
        ])
        for row in try query.rows("/connections") {
            let connection = WatchedConnection(row)
            table.add([
                connection.workload, connection.direction, connection.source, connection.destination, connection.via,
                connection.peer, connection.tunnelProtocol, connection.state, connection.age,
                WatchedConnection.bytes(connection.sent), WatchedConnection.bytes(connection.received),
            ])
        }
        Terminal.print(table.text)
        return .success
    }

    /// Compares what is open with what was open a moment ago, until standard output is closed or the tunnel ends.
    private static func watch(_ query: AdminQuery) throws -> ExitCode {
        let pause = try WakeSignal()
        var known: [String: WatchedConnection] = [:]
        while true {
            var current: [String: WatchedConnection] = [:]
            var lines = ""
            for row in try query.rows("/connections") {
                let connection = WatchedConnection(row)
                current[connection.id] = connection
                guard let before = known[connection.id] else {
                    lines += connection.line("open")
                    continue
                }
                if let moved = connection.moved(since: before, in: query.interval) { lines += moved }
            }
            for (id, connection) in known.sorted(by: { $0.key < $1.key }) where current[id] == nil {
                lines += connection.line("close")
            }
            known = current
            guard Terminal.print(lines) else { return .success }
            _ = pause.wait(milliseconds: CInt(clamping: query.interval.milliseconds))
        }
    }
}
