// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console
internal import LinuxIO
internal import Manifest
internal import Telemetry

/// `ambit-tunnel workloads | services | policies | certificates`: one table of a running tunnel.
struct TableCommand: Sendable {
    let name: String
    let summary: String
    let hasNamespace: Bool
    let columns: [(heading: String, cell: @Sendable (YAMLNode) -> String)]

    var command: Command<AdminQuery> {
        var examples = [
            (line: "ambit-tunnel \(name)", does: "Show the table"),
            (line: "ambit-tunnel \(name) -o json", does: "Print it for a program"),
        ]
        if hasNamespace { examples.append(("ambit-tunnel \(name) -n default", "Only namespace default")) }
        return Command(
            "ambit-tunnel \(name)", summary: summary,
            options: AdminQuery.options + (hasNamespace ? [AdminQuery.namespaceOption] : []), examples: examples)
    }

    func main(_ words: [String]) throws -> ExitCode {
        var query = AdminQuery()
        guard try command.read(words, into: &query, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: AdminQuery()))
            return .success
        }
        if query.form == .json {
            Terminal.print(String(decoding: try query.body("/\(name)"), as: UTF8.self))
            return .success
        }
        var table = TextTable(columns.map(\.heading))
        for row in try query.rows("/\(name)") { table.add(columns.map { $0.cell(row) }) }
        Terminal.print(table.text)
        return .success
    }

    static let workloads = TableCommand(
        name: "workloads", summary: "Show the workloads that a running tunnel knows.", hasNamespace: true,
        columns: [
            text("NAMESPACE", "namespace"), text("POD NAME", "name"), list("ADDRESS", "workloadIps"),
            text("NODE", "node"), text("WAYPOINT", "waypoint", empty: "None"), text("PROTOCOL", "protocol"),
            text("STATUS", "status"), list("NOTES", "notes"),
        ])

    static let services = TableCommand(
        name: "services", summary: "Show the services that a running tunnel knows, and what in them has no effect.",
        hasNamespace: true,
        columns: [
            text("NAMESPACE", "namespace"), text("SERVICE NAME", "name"), text("HOSTNAME", "hostname"),
            list("SERVICE VIP", "vips"), list("PORTS", "ports"), text("WAYPOINT", "waypoint", empty: "None"),
            ("ENDPOINTS", { "\($0["readyEndpoints"]?.text ?? "0")/\($0["endpoints"]?.text ?? "0")" }),
            list("NOTES", "notes"),
        ])

    static let policies = TableCommand(
        name: "policies", summary: "Show the policies that a running tunnel knows, and why some have no effect.",
        hasNamespace: true,
        columns: [
            text("NAMESPACE", "namespace"), text("POLICY NAME", "name"), text("KIND", "kind"),
            ("ACTION", { ($0["action"]?.text ?? "") + ($0["dryRun"]?.text == "true" ? " (dry run)" : "") }),
            text("SCOPE", "scope"), text("WORKLOADS", "workloads"), list("NOTES", "notes"),
        ])

    static let certificates = TableCommand(
        name: "certificates", summary: "Show the certificates that a running tunnel holds.", hasNamespace: false,
        columns: [
            text("CERTIFICATE NAME", "identity"), text("TYPE", "type"), text("STATUS", "state"),
            text("SERIAL NUMBER", "serialNumber"), text("NOT AFTER", "expirationTime"), text("NOT BEFORE", "validFrom"),
            list("NOTES", "notes"),
        ])

    private static func text(
        _ heading: String, _ member: String, empty: String = ""
    ) -> (heading: String, cell: @Sendable (YAMLNode) -> String) {
        (
            heading,
            { row in
                let text = row[member]?.text ?? ""
                return text.isEmpty ? empty : text
            }
        )
    }

    private static func list(_ heading: String, _ member: String) -> (
        heading: String, cell: @Sendable (YAMLNode) -> String
    ) {
        (heading, { row in row[member].map { $0.elements.map(\.text).joined(separator: ", ") } ?? "" })
    }
}
