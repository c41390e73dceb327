// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console
internal import LinuxIO
internal import Operator

/// `ambit-waypoint delete`: takes waypoints out of the folder.
enum DeleteCommand {
    static var command: Command<WaypointArguments> {
        let program = Main.program
        return Command(
            "\(program) delete", summary: "Remove waypoints; traffic goes direct then.",
            required: "(--config DIR | --kubernetes) NAME…",
            details: """
                New connections go direct within a second; those that the waypoint carries live on until it ends. Then end
                `ambit-waypoint run`: SIGTERM drains it. Pods made by apply --address stay until it has ended; delete
                again, or --wait, removes them.
                """,
            options: WaypointArguments.source + [
                WaypointArguments.namespace, WaypointArguments.name,
                Option(flag: "all", \.isAll, "All waypoints of the namespace."),
                WaypointArguments.revision,
                Option(
                    flag: "unlabel", \.unlabels,
                    "Take the label istio.io/use-waypoint off all objects that name a removed waypoint."),
                Option(flag: "wait", \.waits, "Wait until the proxies have ended.").orLetter("w"),
                WaypointArguments.waypointTimeout, WaypointArguments.readinessPort,
            ],
            operands: \.names,
            examples: [
                ("\(program) delete --config /etc/ambit waypoint", "Remove one; labels that name it stay"),
                (
                    "\(program) delete --config /etc/ambit -n shop --all --unlabel",
                    "Remove all of a namespace, and labels"
                ),
            ])
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var arguments = WaypointArguments()
        guard try command.read(words, into: &arguments, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: WaypointArguments()))
            return .success
        }
        if arguments.hasName { arguments.names.append(arguments.name) }
        guard arguments.isAll == arguments.names.isEmpty else {
            throw UsageError(
                arguments.isAll
                    ? "--all and names of waypoints exclude each other"
                    : "which waypoint? Give its name, or --all; try \(Main.program) list")
        }
        let cluster = try arguments.cluster()
        let worker = cluster == nil ? try arguments.waypointOperator() : nil
        var names: [WaypointName] = []
        for name in arguments.names { names.append(try arguments.waypoint(name)) }
        if arguments.isAll {
            _ = try arguments.waypoint("any")
            let revision = arguments.revision.isEmpty ? nil : arguments.revision
            names =
                try cluster?.names(namespace: arguments.namespace, revision: revision)
                ?? worker?.names(namespace: arguments.namespace, revision: revision) ?? []
        }
        var options = WaypointOperator.DeleteOptions(names)
        options.removesLabels = arguments.unlabels
        options.timeout = arguments.waits ? arguments.timeout : nil
        try cluster?.delete(options)
        try worker?.delete(options)
        if names.isEmpty { Terminal.print("No waypoints found.\n") }
        return .success
    }
}
