// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Console
internal import LinuxIO
internal import Waypoint

/// `ambit-waypoint run`.
enum RunCommand {
    static var command: Command<WaypointConfiguration> {
        Command(
            "ambit-waypoint run", summary: "Carry the requests of the services that are bound to a waypoint.",
            required: "(--config DIR | --kubernetes) --name NAME --namespace NAME",
            details: """
                Reads the manifests in DIR and follows their changes; takes the HBONE tunnels of clients, does what routes
                say, and tunnels on to the endpoints with the waypoint's own identity. With --plaintext it also takes plain
                HTTP (or TCP) for one service: for clients outside of the mesh that may be trusted, an ingress in front of
                it, or a benchmark. SIGTERM drains and ends, a second signal ends at once.
                """,
            options: options,
            examples: [
                (
                    "ambit-waypoint run --config /etc/ambit --name waypoint --namespace default",
                    "Serve what is bound to the Gateway default/waypoint"
                ),
                (
                    "ambit-waypoint run --config m --name w --namespace default --plaintext 127.0.0.1:8080=reviews.default:9080",
                    "Serve also plain HTTP at 127.0.0.1:8080, as port 9080 of the service reviews"
                ),
            ])
    }

    /// The defaults that options change.
    static var defaults: WaypointConfiguration {
        var defaults = WaypointConfiguration(
            configDirectory: "", name: "waypoint", namespace: "default", caDirectory: "/var/lib/ambit/ca")
        defaults.podName = ProcessEnvironment.hostName
        return defaults
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var configuration = defaults
        guard try command.read(words, into: &configuration, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: defaults))
            return .success
        }
        if configuration.configDirectory.isEmpty, ProcessEnvironment.value("KUBERNETES_SERVICE_HOST") != nil {
            configuration.followsCluster = true
        }
        guard configuration.configDirectory.isEmpty == configuration.followsCluster else {
            throw UsageError(
                configuration.followsCluster
                    ? "--config and --kubernetes exclude each other"
                    : "--config DIR (the folder with the mesh's manifests) or --kubernetes is needed; "
                        + "try ambit-waypoint run --help")
        }
        for (index, word) in words.enumerated() where word == "--plaintext" && index + 1 < words.count {
            guard WaypointConfiguration.PlaintextListener(words[index + 1]) != nil else {
                throw UsageError(
                    "--plaintext: \"\(words[index + 1])\" is not ADDRESS:PORT=SERVICE.NAMESPACE:PORT")
            }
        }
        configuration.settings = options.map { ($0.name, $0.text(of: configuration)) }
        do throws(WaypointError) {
            return try WaypointProcess(configuration).run() == 0 ? .success : .failure
        } catch {
            Terminal.complain("ambit-waypoint run", "\(error)")
            return .failure
        }
    }
}
