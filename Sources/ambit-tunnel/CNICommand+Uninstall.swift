// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import Console
internal import LinuxIO

// Leaving a node as it was found.
extension CNICommand {
    private static var uninstallCommand: Command<Settings> {
        Command(
            "ambit-tunnel cni uninstall", summary: "Take the plugin off this node.",
            details:
                "Pods of the mesh must have left it, and the node's tunnel must have ended, which would chain the plugin again.",
            options: directories + [
                Option(
                    "remove", "DIR", list: \.folders,
                    "Also remove this folder with its files, and the one it stands in when that is empty then."),
                Option(flag: "stay", \.stays, "Then wait for SIGTERM, as a container of a DaemonSet must."),
            ],
            examples: [
                ("ambit-tunnel cni uninstall", "Take the plugin out of the runtime's lists"),
                (
                    "ambit-tunnel cni uninstall --remove /var/lib/ambit/tunnel --remove /run/ambit",
                    "Remove what tunnels keep, too"
                ),
            ])
    }

    static func uninstall(_ words: [String]) throws -> ExitCode {
        var settings = Settings()
        guard try uninstallCommand.read(words, into: &settings, environment: ProcessEnvironment.value) else {
            Terminal.print(uninstallCommand.help(defaults: Settings()))
            return .success
        }
        let signals = try SignalQueue()
        for path in try settings.installation.remove() { Terminal.print("taken out of \(path)\n") }
        for folder in settings.folders where try settings.installation.removeFolder(folder) {
            Terminal.print("removed \(folder)\n")
        }
        if settings.stays {
            Terminal.print("done; waits for SIGTERM\n")
            _ = signals.wait(alsoFor: -1, milliseconds: -1)
        }
        return .success
    }
}
