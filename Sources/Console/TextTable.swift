// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Rows of text in columns that line up.
package struct TextTable {
    private var rows: [[String]]

    /// A table with a heading.
    package init(_ heading: [String]) {
        rows = [heading]
    }

    /// Adds a row; an empty cell is shown as `-`, and what is not printable as `?`.
    ///
    /// Names come from whoever writes manifests: nothing in them may move the cursor.
    package mutating func add(_ cells: [String]) {
        rows.append(
            cells.map { cell in
                if cell.isEmpty { return "-" }
                return Self.printable(cell)
            })
    }

    /// The table: columns three blanks apart, no blanks at the end of lines.
    package var text: String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 3) }
            }
            return line + "\n"
        }.joined()
    }

    /// A text with what is not printable as `?`.
    package static func printable(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map(printable)))
    }

    private static func printable(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: "?"
        default: scalar
        }
    }
}
