// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Console
internal import LinuxIO
internal import Operator
internal import Telemetry

/// `ambit-waypoint status`: whether waypoints are accepted, programmed and ready, and if not, why.
enum StatusCommand {
    private static var defaults: WaypointArguments {
        var arguments = WaypointArguments()
        arguments.waits = true
        return arguments
    }

    static var command: Command<WaypointArguments> {
        let program = Main.program
        return Command(
            "\(program) status", summary: "Show whether waypoints take traffic, and if not, why.",
            required: "--config DIR | --kubernetes",
            details: """
                Accepted: the Gateway can be a waypoint. Programmed: tunnels send it the traffic that is bound to it.
                Ready: what its proxies answer now. Exit code 1 when one is not programmed, after waiting.
                """,
            options: WaypointArguments.source + [
                WaypointArguments.namespace, WaypointArguments.allNamespaces,
                Option(flag: "wait", \.waits, "Wait until all are programmed; --wait=false does not.").orLetter("w"),
                WaypointArguments.waypointTimeout, WaypointArguments.readinessPort, WaypointArguments.output,
            ],
            examples: [
                ("\(program) status --config /etc/ambit", "Those of namespace default"),
                ("\(program) status --config /etc/ambit -A --wait=false", "All, as they are now"),
            ])
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var arguments = defaults
        guard try command.read(words, into: &arguments, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: defaults))
            return .success
        }
        let cluster = try arguments.cluster()
        let folder = cluster == nil ? try arguments.folder() : nil
        let deadline = MonotonicClock.now() + arguments.timeout
        var rows = try rows(folder, cluster, arguments)
        while arguments.waits, !isProgrammed(rows), MonotonicClock.now() < deadline {
            MonotonicClock.sleep(.seconds(1))
            rows = try self.rows(folder, cluster, arguments)
        }
        if arguments.form == .json {
            Terminal.print(json(rows))
        } else if rows.isEmpty {
            Terminal.print("No waypoints found.\n")
        } else {
            let columns = ["NAME", "STATUS", "TYPE", "REASON", "MESSAGE"]
            var table = TextTable((arguments.isAllNamespaces ? ["NAMESPACE"] : []) + columns)
            for (name, row) in rows {
                table.add(
                    (arguments.isAllNamespaces ? [name.namespace] : [])
                        + [name.name, row.status.rawValue, row.type, row.reason, row.message])
            }
            Terminal.print(table.text)
        }
        return isProgrammed(rows) ? .success : .failure
    }

    private typealias Row = (name: WaypointName, condition: WaypointCondition)

    private static func rows(
        _ folder: ConfigurationFolder?, _ cluster: ClusterWaypoints?, _ arguments: WaypointArguments
    ) throws(OperatorError) -> [Row] {
        if let cluster {
            return try cluster.list(namespace: arguments.isAllNamespaces ? nil : arguments.namespace)
                .flatMap { waypoint in waypoint.rows.map { (waypoint.name, $0) } }
        }
        guard let folder else { return [] }
        return try FolderWaypoint.all(in: folder.load())
            .filter { arguments.isAllNamespaces || $0.name.namespace == arguments.namespace }
            .flatMap { record in
                WaypointCondition.all(of: record) { ReadinessProbe.ask($0, port: arguments.readinessPort) }
                    .map { (record.name, $0) }
            }
    }

    private static func isProgrammed(_ rows: [Row]) -> Bool {
        rows.allSatisfy { $0.condition.type != "Programmed" || $0.condition.status == .true }
    }

    private static func json(_ rows: [Row]) -> String {
        var json = JSONWriter()
        json.array { json in
            for (name, row) in rows {
                json.object { json in
                    json.member("namespace", name.namespace)
                    json.member("name", name.name)
                    json.member("status", row.status.rawValue)
                    json.member("type", row.type)
                    json.member("reason", row.reason)
                    json.member("message", row.message)
                }
            }
        }
        return String(decoding: json.bytes, as: UTF8.self) + "\n"
    }
}
