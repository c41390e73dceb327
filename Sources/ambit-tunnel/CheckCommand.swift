// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console
internal import LinuxIO
internal import Tunnel

/// `ambit-tunnel check`: what this machine lacks for `run` with the same options.
enum CheckCommand {
    static var command: Command<TunnelConfiguration> {
        Command(
            "ambit-tunnel check", summary: "Say what the kernel, the capabilities or the configuration lack.",
            details: """
                Takes the options of `run`, tries what it would need, and changes nothing; in a cluster it asks the API
                server for each right that a tunnel uses. Exit code 1 when `run` would not start, or when a manifest cannot
                be understood.
                """,
            options: RunCommand.options,
            examples: [
                ("ambit-tunnel check", "Look at the machine only"),
                ("ambit-tunnel check --config /etc/ambit --node worker-1", "Look at a configuration folder too"),
                (
                    "kubectl -n ambit-system exec POD -- ambit-tunnel check",
                    "Look at a node of a cluster, rights included"
                ),
            ])
    }

    static func main(_ words: [String]) throws -> ExitCode {
        var configuration = RunCommand.defaults
        guard try command.read(words, into: &configuration, environment: ProcessEnvironment.value) else {
            Terminal.print(command.help(defaults: RunCommand.defaults))
            return .success
        }
        RunCommand.followCluster(&configuration)
        let findings = MachineCheck.findings(configuration)
        for finding in findings {
            let advice = finding.advice.isEmpty ? "" : ": \(finding.advice)"
            Terminal.print("\(finding.verdict.rawValue)  \(finding.subject)\(advice)\n")
        }
        return findings.contains { $0.verdict == .missing } ? .failure : .success
    }
}
