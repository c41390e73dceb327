// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Why a command on the mesh's objects failed, in one line that says what to do.
///
/// It carries text, because it goes straight to whoever typed the command.
package struct OperatorError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The line.
    package let description: String

    /// Wraps a line.
    package init(_ description: String) {
        self.description = description
    }
}
