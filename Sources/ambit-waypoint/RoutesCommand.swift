// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console
internal import LinuxIO
internal import Operator
internal import Telemetry

/// `ambit-waypoint routes`: what a waypoint would do with a request.
enum RoutesCommand {
    static var command: Command<WaypointArguments> {
        let program = Main.program
        return Command(
            "\(program) routes", summary: "Say what a waypoint would do with a request.",
            required: "--config DIR --host SERVICE",
            details: """
                Asks the route table that a waypoint makes of DIR: the rule that counts and where it stands, what is done to the
                request in order, and the endpoints it may reach. Nothing is sent.
                """,
            options: [
                WaypointArguments.config, WaypointArguments.namespace,
                .text("host", "SERVICE", \.host, "The service: its name in --namespace, or its full name."),
                .count("port", \.port, in: 0...65_535, "Port of the service; 0: the only one it has."),
                .text("method", "METHOD", \.method, "Method of the request."),
                .text("path", "PATH", \.path, "Path, with a query if there is one."),
                Option("header", "NAME=VALUE", list: \.headers, "A header field; several may be given."),
                .text("from", "NAMESPACE[/ACCOUNT]", \.from, "Who sends it, for routes that ask."),
                WaypointArguments.output,
            ],
            examples: [
                ("\(program) routes --config /etc/ambit --host reviews --path /x", "A plain request"),
                (
                    "\(program) routes --config /etc/ambit --host reviews --header x-canary=true --from shop/web",
                    "With a header, from a pod of service account web"
                ),
            ])
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var arguments = WaypointArguments()
        guard try command.read(words, into: &arguments, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: WaypointArguments()))
            return .success
        }
        guard !arguments.host.isEmpty else {
            throw UsageError("--host SERVICE is needed; try \(Main.program) routes --help")
        }
        guard arguments.path.hasPrefix("/") else {
            throw UsageError("--path: \"\(arguments.path)\" does not begin with /")
        }
        var query = RouteQuery(host: arguments.host)
        query.namespace = arguments.namespace
        query.port = arguments.port == 0 ? nil : arguments.port
        query.method = arguments.method
        query.path = arguments.path
        for header in arguments.headers {
            let parts = header.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw UsageError("--header: \"\(header)\" is not a header field; write for example x-canary=true")
            }
            query.headers.append((String(parts[0]), String(parts[1])))
        }
        if !arguments.from.isEmpty {
            let parts = arguments.from.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            guard parts.count <= 2, !parts.contains("") else {
                throw UsageError("--from: \"\(arguments.from)\" is not NAMESPACE or NAMESPACE/ACCOUNT")
            }
            query.client = (parts[0], parts.count == 2 ? parts[1] : nil)
        }
        let input = try AnalysisInput(folder: arguments.folder(), paths: [])
        let answer = try query.answer(input.content)
        Terminal.print(arguments.form == .json ? json(answer) : text(answer))
        return .success
    }

    private static func text(_ answer: RouteAnswer) -> String {
        var lines = ["request   \(answer.request)", "waypoint  \(answer.waypoint)"]
        let place = answer.place.isEmpty ? "" : " (\(answer.place))"
        lines.append("rule      \(answer.object.isEmpty ? "none" : "\(answer.object), \(answer.field)\(place)")")
        lines += answer.steps.map { "then      \($0)" }
        lines.append("outcome   \(answer.outcome)")
        var table = TextTable(["SHARE", "CLUSTER", "ENDPOINTS"])
        for cluster in answer.clusters {
            let share = (cluster.share * 100).rounded() / 100
            let endpoints = cluster.endpoints.isEmpty ? ["none ready: 503"] : cluster.endpoints
            for (index, endpoint) in endpoints.enumerated() {
                table.add(index == 0 ? ["\(share) %", cluster.name, endpoint] : [" ", " ", endpoint])
            }
        }
        let text = lines.map { TextTable.printable($0) + "\n" }.joined()
        return answer.clusters.isEmpty ? text : text + "\n" + table.text
    }

    private static func json(_ answer: RouteAnswer) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("request", answer.request)
            json.member("waypoint", answer.waypoint)
            json.member("object", answer.object)
            json.member("field", answer.field)
            json.member("place", answer.place)
            json.member("steps", answer.steps)
            json.member("outcome", answer.outcome)
            json.name("clusters")
            json.array { json in
                for cluster in answer.clusters {
                    json.object { json in
                        json.member("name", cluster.name)
                        json.member("share", "\(cluster.share)")
                        json.member("endpoints", cluster.endpoints)
                    }
                }
            }
        }
        return String(decoding: json.bytes, as: UTF8.self) + "\n"
    }
}
