// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console
internal import LinuxIO
internal import Tunnel

/// `ambit-tunnel forward`.
enum ForwardCommand {
    static var command: Command<TunnelConfiguration> {
        Command(
            "ambit-tunnel forward", summary: "Open local ports that lead into the mesh.",
            required: "--config DIR --listen PORT=HOST:PORT",
            details: """
                For a machine without redirection: a VM, a CI job, a laptop. What connects to a local port reaches HOST
                as if a pod of the service account had connected there: encrypted, authorized, through waypoints. HOST is
                the name of a service (reviews, reviews.default, or in full) or the address of a pod or service. Needs no
                privilege. SIGTERM drains and ends, a second signal ends at once.
                """,
            options: options,
            examples: [
                (
                    "ambit-tunnel forward --config mesh --namespace ci --service-account runner "
                        + "--listen 8080=reviews.default:9080",
                    "http://localhost:8080 is the service reviews"
                ),
                (
                    "ambit-tunnel forward --config mesh --listen 5432=db.data:5432 --listen 0.0.0.0:8080=10.0.1.7:80",
                    "A database on loopback, and one pod for the whole network"
                ),
            ])
    }

    /// What `run` has as well, and what it has not.
    static var options: [Option<TunnelConfiguration>] {
        let ofNodesOnly: Set<String> = [
            "node", "proc", "kubelet-cgroup", "cni-socket", "cni-conf-dir", "pod-reports", "outbound-port",
            "inbound-plaintext-port", "source-address",
        ]
        let own: [Option<TunnelConfiguration>] = [
            Option(
                "listen", "[IP:]PORT=HOST:PORT", list: \.forwardTexts,
                "Local port, on loopback unless an IP is given, and where it leads; may be repeated."),
            .text("namespace", "NAME", \.namespace, "Namespace of the service account."),
            .text("service-account", "NAME", \.serviceAccount, "Service account to connect as."),
        ]
        return own + RunCommand.options.filter { !ofNodesOnly.contains($0.name) }
    }

    /// Those of `run`, but nobody scrapes a job on a laptop: no admin, metrics and readiness unless asked for.
    static var defaults: TunnelConfiguration {
        var configuration = RunCommand.defaults
        configuration.nodeName = ""
        configuration.adminPort = 0
        configuration.logLevels = "warn"
        return configuration
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var configuration = defaults
        guard try command.read(words, into: &configuration, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: defaults))
            return .success
        }
        try validate(&configuration)
        configuration.settings = options.map { ($0.name, $0.text(of: configuration)) }
        return RunCommand.serve(configuration, as: "ambit-tunnel forward")
    }

    /// Turns the texts into forwards.
    static func validate(_ configuration: inout TunnelConfiguration) throws(UsageError) {
        let hint = "; try ambit-tunnel forward --help"
        guard !configuration.configDirectory.isEmpty else {
            throw UsageError("--config DIR is needed: the folder with the mesh's manifests\(hint)")
        }
        guard !configuration.forwardTexts.isEmpty else {
            throw UsageError("--listen PORT=HOST:PORT is needed: where to listen and where that leads\(hint)")
        }
        configuration.forwards = []
        for text in configuration.forwardTexts {
            guard let forward = Forward(text) else {
                throw UsageError("--listen: \"\(text)\" is not PORT=HOST:PORT or IP:PORT=HOST:PORT\(hint)")
            }
            if let other = configuration.forwards.first(where: { $0.local == forward.local }) {
                throw UsageError("--listen: \(other.text) and \(forward.text) listen on the same port")
            }
            configuration.forwards.append(forward)
        }
    }
}
