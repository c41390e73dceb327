// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// How a command ends (sysexits.h for bad usage).
package enum ExitCode: Int32, Sendable {
    /// It did what it was told.
    case success = 0
    /// It failed; one line says why.
    case failure = 1
    /// The command line is wrong (EX_USAGE).
    case usage = 64
}
