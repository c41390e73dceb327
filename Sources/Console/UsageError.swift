// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a command line, in one line that says what to do.
///
/// It carries text, because it goes straight to whoever typed the line.
package struct UsageError: Error, Equatable, CustomStringConvertible {
    /// The line, without the program's name.
    package let description: String

    /// Wraps a line.
    package init(_ description: String) {
        self.description = description
    }
}
