// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console
internal import LinuxIO
internal import Tunnel

/// `ambit-tunnel run`.
enum RunCommand {
    static var command: Command<TunnelConfiguration> {
        Command(
            "ambit-tunnel run", summary: "Carry the traffic of this node's pods.",
            required: "--config DIR | --kubernetes",
            details: """
                Reads the manifests in DIR, or the objects of a cluster, and follows their changes; captures, encrypts and
                authorizes the TCP traffic of this node's enrolled pods. Needs CAP_NET_ADMIN, CAP_SYS_ADMIN and
                CAP_NET_RAW (ambit-tunnel check says what is lacking). SIGTERM drains and ends, a second signal ends at
                once.
                """,
            options: options,
            examples: [
                (
                    "ambit-tunnel run --config /etc/ambit --node worker-1",
                    "Serve the pods of node worker-1 from a folder"
                ),
                (
                    "ambit-tunnel run --config /etc/ambit --log-format json --log-level info,access:debug",
                    "Log in JSON, with a line also for each connection that opens"
                ),
                (
                    "ambit-tunnel run --config /etc/ambit --idle-timeout 2h --max-connections-per-pod 10000",
                    "End connections that are silent for two hours; allow 10,000 per pod"
                ),
            ])
    }

    /// The defaults that options change.
    static var defaults: TunnelConfiguration {
        TunnelConfiguration(
            configDirectory: "", nodeName: ProcessEnvironment.hostName, caDirectory: "/var/lib/ambit/ca")
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var configuration = defaults
        guard try command.read(words, into: &configuration, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: defaults))
            return .success
        }
        followCluster(&configuration)
        try validate(configuration)
        configuration.settings = options.map { ($0.name, $0.text(of: configuration)) }
        return serve(configuration)
    }

    /// In a pod the cluster is what a folder is elsewhere.
    static func followCluster(_ configuration: inout TunnelConfiguration) {
        guard configuration.configDirectory.isEmpty, ProcessEnvironment.value("KUBERNETES_SERVICE_HOST") != nil else {
            return
        }
        configuration.followsCluster = true
    }

    /// What no single option can say is wrong.
    static func validate(_ configuration: TunnelConfiguration) throws(UsageError) {
        guard configuration.configDirectory.isEmpty == configuration.followsCluster else {
            throw UsageError(
                configuration.followsCluster
                    ? "--config and --kubernetes exclude each other"
                    : "--config DIR (the folder with the mesh's manifests) or --kubernetes is needed; "
                        + "try ambit-tunnel run --help")
        }
        guard !configuration.nodeName.isEmpty else {
            throw UsageError("--node NAME is needed: the host has no name; try ambit-tunnel run --help")
        }
        let ports = [
            ("--outbound-port", configuration.outboundPort),
            ("--inbound-plaintext-port", configuration.inboundPlaintextPort),
            ("--hbone-port", configuration.hbonePort), ("--admin-port", configuration.adminPort),
            ("--metrics-port", configuration.metricsPort), ("--readiness-port", configuration.readinessPort),
        ]
        for (index, (name, port)) in ports.enumerated() {
            guard let (other, _) = ports[..<index].first(where: { $0.1 == port }) else { continue }
            throw UsageError("\(other) and \(name) are both \(port); choose two ports")
        }
    }

    static func serve(_ configuration: TunnelConfiguration, as command: String = "ambit-tunnel run") -> ExitCode {
        ProcessPrivacy.forbidDumps()
        do throws(StartError) {
            return try TunnelProcess(configuration).run() == 0 ? .success : .failure
        } catch {
            Terminal.complain(command, "\(error)")
            return .failure
        }
    }
}
