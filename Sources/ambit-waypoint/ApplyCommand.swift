// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Console
internal import LinuxIO
internal import Operator

/// `ambit-waypoint apply`: puts a waypoint into the folder and traffic through it.
enum ApplyCommand {
    static var command: Command<WaypointArguments> {
        let program = Main.program
        return Command(
            "\(program) apply", summary: "Make or change a waypoint, and send a namespace's traffic through it.",
            required: "--config DIR | --kubernetes",
            details: """
                Writes the Gateway, its Service and, with --address, a Pod for each proxy into DIR, and changes nothing else
                there but labels. Traffic goes through the waypoint once a proxy has said that it is ready: its address is
                written then. Start `ambit-waypoint run` where the pod is, before or meanwhile (--wait).
                """,
            options: WaypointArguments.source + [
                WaypointArguments.namespace, WaypointArguments.name,
                WaypointArguments.traffic, WaypointArguments.revision,
                Option(
                    flag: "enroll-namespace", \.enrollsNamespace,
                    "Label the namespace, so that the traffic to its services takes the waypoint."),
                Option(flag: "overwrite", \.overwrites, "Change the label even if it names another waypoint."),
                Option(flag: "wait", \.waits, "Wait until a proxy is ready.").orLetter("w"),
                WaypointArguments.waypointTimeout,
                Option(
                    "address", "IP", list: \.addresses,
                    "Where a proxy runs; several may. Not needed for pods with the label "
                        + "gateway.networking.k8s.io/gateway-name: NAME."),
                .text(
                    "service-account", "NAME", \.serviceAccount,
                    "Service account of the pods made for --address; not given, the waypoint's name."),
                WaypointArguments.readinessPort,
                Option(flag: "assume-ready", \.assumesReady, "Do not ask the proxies whether they are ready."),
            ],
            examples: [
                (
                    "\(program) apply --config /etc/ambit --enroll-namespace --wait",
                    "Send all traffic to services of namespace default through a waypoint"
                ),
                (
                    "\(program) apply --config /etc/ambit -n shop --name gate --address 10.0.0.9",
                    "Make a waypoint of the proxy at 10.0.0.9; label single services yourself"
                ),
            ])
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var arguments = WaypointArguments()
        guard try command.read(words, into: &arguments, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: WaypointArguments()))
            return .success
        }
        let cluster = try arguments.cluster()
        var options = WaypointOperator.ApplyOptions(try arguments.manifest())
        for text in arguments.addresses {
            guard let address = IPAddress(text) else { throw UsageError("--address: \"\(text)\" is not an IP address") }
            options.addresses.append(address)
        }
        if !arguments.serviceAccount.isEmpty {
            options.serviceAccount = try arguments.waypoint(arguments.serviceAccount).name
        }
        options.enrollsNamespace = arguments.enrollsNamespace
        options.overwrites = arguments.overwrites
        options.timeout = arguments.waits ? arguments.timeout : nil
        options.assumesReady = arguments.assumesReady
        guard let cluster else {
            try arguments.waypointOperator().apply(options)
            return .success
        }
        guard options.addresses.isEmpty, !options.assumesReady, options.serviceAccount.isEmpty else {
            throw UsageError(
                "--address, --service-account and --assume-ready are for a folder; a cluster has a controller")
        }
        try cluster.apply(options)
        return .success
    }
}
