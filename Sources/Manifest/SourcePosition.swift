// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A place in a manifest file: line and column as an editor counts them.
package struct SourcePosition: Hashable, Sendable {
    /// Lines count from 1.
    package var line: UInt32
    /// Columns count Unicode scalars from 1.
    package var column: UInt32

    /// Puts the two together.
    package init(line: UInt32, column: UInt32) {
        self.line = line
        self.column = column
    }
}
