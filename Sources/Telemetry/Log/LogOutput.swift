// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO

/// Where log lines go in the end.
package enum LogOutput: Sendable {
    /// A descriptor that stays open and is not ours to close: standard output, a pipe.
    case descriptor(CInt)
    /// A file that lines are appended to; its directory exists.
    case file(String)

    /// Standard output.
    package static var standardOutput: LogOutput { .descriptor(FileOutput.standardOutput) }
}
