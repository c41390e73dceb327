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
            "\(program) list", summary: "Show the waypoints of a namespace, or of all.",
            required: "--config DIR | --kubernetes",
            options: WaypointArguments.source + [
                WaypointArguments.namespace, WaypointArguments.allNamespaces, WaypointArguments.output,
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
        let rows: [Row]
        if let cluster = try arguments.cluster() {
            rows = try cluster.list(namespace: arguments.isAllNamespaces ? nil : arguments.namespace).map { Row($0) }
        } else {
            rows = try FolderWaypoint.all(in: arguments.folder().load())
                .filter { arguments.isAllNamespaces || $0.name.namespace == arguments.namespace }.map { Row($0) }
        }
        if arguments.form == .json {
            Terminal.print(json(rows))
        } else if rows.isEmpty {
            Terminal.print("No waypoints found.\n")
        } else {
            let columns = ["NAME", "REVISION", "TRAFFIC TYPE", "PROGRAMMED"]
            var table = TextTable((arguments.isAllNamespaces ? ["NAMESPACE"] : []) + columns)
            for row in rows {
                let traffic = row.trafficType.isEmpty ? "none" : row.trafficType
                table.add(
                    (arguments.isAllNamespaces ? [row.name.namespace] : [])
                        + [row.name.name, row.revision, traffic, row.isProgrammed ? "True" : "False"])
            }
            Terminal.print(table.text)
        }
        return .success
    }

    /// What both sources know of a waypoint, and what only a folder's tells.
    private struct Row {
        let name: WaypointName
        let revision: String
        let trafficType: String
        let isProgrammed: Bool
        let addresses: [String]
        let folder: FolderWaypoint?

        init(_ record: FolderWaypoint) {
            name = record.name
            revision = record.revision
            trafficType = record.trafficType
            isProgrammed = record.isProgrammed
            addresses = record.addresses
            folder = record
        }

        init(_ waypoint: ClusterWaypoint) {
            name = waypoint.name
            revision = waypoint.revision
            trafficType = waypoint.trafficType
            isProgrammed = waypoint.isProgrammed
            addresses = waypoint.addresses
            folder = nil
        }
    }

    private static func json(_ rows: [Row]) -> String {
        var json = JSONWriter()
        json.array { json in
            for row in rows {
                json.object { json in
                    json.member("namespace", row.name.namespace)
                    json.member("name", row.name.name)
                    json.member("revision", row.revision)
                    json.member("trafficType", row.trafficType.isEmpty ? "service" : row.trafficType)
                    json.member("programmed", row.isProgrammed)
                    json.member("addresses", row.addresses)
                    guard let folder = row.folder else { return }
                    json.member("pods", folder.proxies.map(\.key.name))
                    json.member("users", folder.users.map(\.description))
                    json.member("file", folder.file)
                }
            }
        }
        return String(decoding: json.bytes, as: UTF8.self) + "\n"
    }
}
