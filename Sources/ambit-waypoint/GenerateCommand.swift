// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console
internal import LinuxIO
internal import Operator

/// `ambit-waypoint generate`: the manifest that `apply` would write.
enum GenerateCommand {
    static var command: Command<WaypointArguments> {
        let program = Main.program
        return Command(
            "\(program) generate", summary: "Print the manifest of a waypoint.",
            options: [
                WaypointArguments.namespace, WaypointArguments.name, WaypointArguments.traffic,
                WaypointArguments.revision,
            ],
            examples: [
                ("\(program) generate --namespace default", "Print a waypoint for the services of a namespace"),
                ("\(program) generate --for all --name gate > gate.yaml", "Save one that takes pods' traffic too"),
            ])
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var arguments = WaypointArguments()
        guard try command.read(words, into: &arguments, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: WaypointArguments()))
            return .success
        }
        Terminal.print(try arguments.manifest().gateway.document)
        return .success
    }
}
