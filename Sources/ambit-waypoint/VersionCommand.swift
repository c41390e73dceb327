// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Console

/// `ambit-waypoint version`.
enum VersionCommand {
    static func main(_ words: [String]) throws(UsageError) -> ExitCode {
        let program = Main.program
        if words == ["--help"] || words == ["-h"] {
            Terminal.print("Print the version.\n\nUsage: \(program) version\n\nExamples:\n  \(program) version\n")
            return .success
        }
        if let word = words.first { throw UsageError("unexpected argument \"\(word)\"; try \(program) version") }
        Terminal.print("ambit-waypoint 0.1.0\n")
        return .success
    }
}
