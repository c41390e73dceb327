// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console
internal import Tunnel

/// `ambit-tunnel version`.
enum VersionCommand {
    static func main(_ words: [String]) throws(UsageError) -> ExitCode {
        if words == ["--help"] || words == ["-h"] {
            Terminal.print("Print the version.\n\nUsage: ambit-tunnel version\n\nExamples:\n  ambit-tunnel version\n")
            return .success
        }
        if let word = words.first { throw UsageError("unexpected argument \"\(word)\"; try ambit-tunnel version") }
        Terminal.print("ambit-tunnel \(TunnelVersion.text)\n")
        return .success
    }
}
