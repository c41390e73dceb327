// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO

/// Why a configuration source cannot be read.
package enum ManifestError: Error, Hashable, Sendable {
    /// The text of a file is not YAML 1.2 (JSON included), or breaks a limit of `YAMLLimits`.
    case syntax(YAMLProblem, at: SourcePosition)
    /// The configuration folder cannot be read; the number is the `errno` of the failed call.
    case folder(errno: CInt)
    /// The kernel refuses to watch the folder; the number is the `errno` of `inotify_init1`.
    case watch(errno: CInt)
}

extension ManifestError: CustomStringConvertible {
    /// One line for an operator; the caller adds the name of the file or folder.
    package var description: String {
        switch self {
        case .syntax(let problem, let position): "line \(position.line), column \(position.column): \(problem.advice)"
        case .folder(let number): "cannot read the configuration folder (\(SystemError(number, "open")))"
        case .watch(let number):
            "cannot watch the configuration folder (\(SystemError(number, "inotify_init1"))); "
                + "raise fs.inotify.max_user_instances"
        }
    }
}
