// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console
internal import LinuxIO
internal import Manifest
internal import Operator
internal import Telemetry

/// `ambit-waypoint analyze`: what in manifests will not do what its author meant.
enum AnalyzeCommand {
    static var command: Command<WaypointArguments> {
        let program = Main.program
        return Command(
            "\(program) analyze", summary: "Say what in manifests will not do what its author meant.",
            required: "[--config DIR] [FILE…]",
            details: """
                Without FILE, everything in DIR. With both, the files as if they were in DIR: what is wrong with them before
                they are copied there. With FILE alone, what can be said without the rest; a FILE may be a folder.
                Each line names file, line, object and field. Exit code 1 when one is an error.
                """,
            options: [WaypointArguments.config, WaypointArguments.output], operands: \.names,
            examples: [
                ("\(program) analyze --config /etc/ambit", "Everything that is in force"),
                ("\(program) analyze --config /etc/ambit new-routes.yaml", "What would happen if a file were added"),
                ("\(program) analyze manifests/ -o json", "In CI, without a folder that is in force"),
            ])
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var arguments = WaypointArguments()
        guard try command.read(words, into: &arguments, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: WaypointArguments()))
            return .success
        }
        guard !arguments.config.isEmpty || !arguments.names.isEmpty else {
            throw UsageError("what? Give --config DIR, or files; try \(Main.program) analyze --help")
        }
        let folder = arguments.config.isEmpty ? nil : try arguments.folder()
        let input = try AnalysisInput(folder: folder, paths: arguments.names)
        let findings = input.findings
        let errors = findings.count { $0.severity == .error }
        if arguments.form == .json {
            Terminal.print(json(findings))
        } else {
            for finding in findings { Terminal.print(TextTable.printable("\(finding)") + "\n") }
            let count = input.content.entries.count
            Terminal.print(
                findings.isEmpty
                    ? "No problems found in \(count) objects.\n"
                    : "\(errors) errors, \(findings.count - errors) warnings in \(count) objects.\n")
        }
        return errors == 0 ? .success : .failure
    }

    private static func json(_ findings: [Finding]) -> String {
        var json = JSONWriter()
        json.array { json in
            for finding in findings {
                json.object { json in
                    json.member("severity", finding.severity == .error ? "error" : "warning")
                    json.member("file", finding.file)
                    json.member("line", finding.line)
                    json.member("object", finding.object)
                    json.member("field", finding.field)
                    json.member("message", finding.text)
                }
            }
        }
        return String(decoding: json.bytes, as: UTF8.self) + "\n"
    }
}
