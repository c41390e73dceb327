// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console
internal import LinuxIO
internal import Manifest
internal import Operator
internal import Telemetry

/// `ambit-waypoint list`: the waypoints of the folder.
enum ListCommand {
    static var command: Command<WaypointArguments> {
        let program = Main.program
        return Command(
            "\(program) list", summary: "Show the waypoints of a namespace, or of all.", required: "--config DIR",
            options: [
                WaypointArguments.config, WaypointArguments.namespace, WaypointArguments.allNamespaces,
                WaypointArguments.output,
            ],
            examples: [
                ("\(program) list --config /etc/ambit", "Those of namespace default"),
                ("\(program) list --config /etc/ambit -A -o json", "All, for a program"),
            ])
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var arguments = WaypointArguments()
        guard try command.read(words, into: &arguments, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: WaypointArguments()))
            return .success
        }
        let records = try FolderWaypoint.all(in: arguments.folder().load()).filter {
            arguments.isAllNamespaces || $0.name.namespace == arguments.namespace
        }
        if arguments.form == .json {
            Terminal.print(json(records))
        } else if records.isEmpty {
            Terminal.print("No waypoints found.\n")
        } else {
            let columns = ["NAME", "REVISION", "TRAFFIC TYPE", "PROGRAMMED"]
            var table = TextTable((arguments.isAllNamespaces ? ["NAMESPACE"] : []) + columns)
            for record in records {
                let traffic = record.trafficType.isEmpty ? "none" : record.trafficType
                table.add(
                    (arguments.isAllNamespaces ? [record.name.namespace] : [])
                        + [record.name.name, record.revision, traffic, record.isProgrammed ? "True" : "False"])
            }
            Terminal.print(table.text)
        }
        return .success
    }

    private static func json(_ records: [FolderWaypoint]) -> String {
        var json = JSONWriter()
        json.array { json in
            for record in records {
                json.object { json in
                    json.member("namespace", record.name.namespace)
                    json.member("name", record.name.name)
                    json.member("revision", record.revision)
                    json.member("trafficType", record.trafficType.isEmpty ? "service" : record.trafficType)
                    json.member("programmed", record.isProgrammed)
                    json.member("addresses", record.addresses)
                    json.member("pods", record.proxies.map(\.key.name))
                    json.member("users", record.users.map(\.description))
                    json.member("file", record.file)
                }
            }
        }
        return String(decoding: json.bytes, as: UTF8.self) + "\n"
    }
}
