// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import Console
internal import LinuxIO

/// `ambit-tunnel cni`: the plugin that a container runtime calls, and its installation.
enum CNICommand {
    static let summary = "Be the CNI plugin of a node, or put it there: install, uninstall."

    /// What install and uninstall are told.
    struct Settings {
        var installation = CNIInstallation()
        /// Folders that uninstall removes.
        var folders: [String] = []
        /// Whether uninstall waits for a signal when it is done.
        var stays = false
    }

    static func main(_ words: [String]) throws -> ExitCode {
        switch words.first {
        case nil where ProcessEnvironment.value("CNI_COMMAND") != nil: return plugin()
        case "install": return try install(Array(words.dropFirst()))
        case "uninstall": return try uninstall(Array(words.dropFirst()))
        case "--help", "-h":
            Terminal.print(help)
            return .success
        default:
            throw UsageError(
                "install or uninstall is needed (a container runtime sets CNI_COMMAND); try ambit-tunnel cni --help")
        }
    }

    /// One call by a runtime.
    static func plugin() -> ExitCode {
        // VERSION may come without a configuration.
        let input = SmallFile.read("/dev/stdin", limit: CNIPlugin.maximumInput) ?? ""
        let output = CNIPlugin(environment: ProcessEnvironment.value, input: Array(input.utf8)).run()
        Terminal.print(String(decoding: output.text, as: UTF8.self))
        return output.isGood ? .success : .failure
    }

    private static var help: String {
        """
        \(summary)

        Usage: ambit-tunnel cni install | uninstall [options]

        As ambit-cni in the runtime's plugin folder it is called by the runtime itself (CNI 0.3.1 to 1.1.0): ADD of an enrolled pod
        returns when the node's tunnel has captured it. The executable is installed with its loader and libraries; the node needs none.

        Examples:
          ambit-tunnel cni install --when-away allow    Let pods start while no tunnel runs
          ambit-tunnel cni uninstall                    Take the plugin out of the runtime's lists

        """
    }

    // MARK: - Installation

    static var directories: [Option<Settings>] {
        [
            .text("bin-dir", "DIR", \.installation.binaryDirectory, "Where the runtime looks for plugins."),
            .text("conf-dir", "DIR", \.installation.listDirectory, "Where the runtime looks for lists of plugins."),
        ]
    }

    private static var installCommand: Command<Settings> {
        Command(
            "ambit-tunnel cni install", summary: "Put the plugin on this node and chain it.",
            details: """
                Copies this executable, its loader and its libraries into a hidden folder of the plugins' folder, with the link
                ambit-cni to it, and puts it at the end of the first list. In a container the node's folders must be mounted
                under the paths that they have on the node.
                """,
            options: directories + [
                .text(
                    "socket", "PATH", \.installation.configuration.socket, "Where the tunnel listens (--cni-socket)."),
                .text(
                    "enrolled", "FILE", \.installation.configuration.enrolled,
                    "Enrolled namespaces, as the tunnel keeps them in its --state-dir."),
                .choice(
                    "when-away", \.installation.configuration.whenAway,
                    "What happens to new pods while no tunnel runs."),
                .text(
                    "own-namespace", "NAME", \.installation.configuration.ownNamespace,
                    "Namespace of the tunnel itself, whose pods never wait for it."),
            ],
            examples: [("ambit-tunnel cni install", "Install with the usual folders")])
    }

    private static func install(_ words: [String]) throws -> ExitCode {
        var settings = Settings()
        guard try installCommand.read(words, into: &settings, environment: ProcessEnvironment.value) else {
            Terminal.print(installCommand.help(defaults: Settings()))
            return .success
        }
        let isNew = try settings.installation.installBinary()
        Terminal.print(isNew ? "installed in \(settings.installation.binaryDirectory)\n" : "installed already\n")
        let path = try settings.installation.chain()
        Terminal.print(path.map { "chained into \($0)\n" } ?? "chained already\n")
        return .success
    }
}
