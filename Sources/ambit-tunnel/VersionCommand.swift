// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console

/// `ambit-tunnel version`.
enum VersionCommand {
    static let version = "0.1.0"

    static func main(_ words: [String]) throws(UsageError) -> ExitCode {
        if words == ["--help"] || words == ["-h"] {
            Terminal.print("Print the version.\n\nUsage: ambit-tunnel version\n\nExamples:\n  ambit-tunnel version\n")
            return .success
        }
        if let word = words.first { throw UsageError("unexpected argument \"\(word)\"; try ambit-tunnel version") }
        Terminal.print("ambit-tunnel \(version)\n")
        return .success
    }
}
