// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// One entry of a table that a running tunnel shows.
package protocol AdminRow: Sendable {
    /// Writes the entry as one JSON object.
    func write(to json: inout JSONWriter)

    /// The namespace by which rows are chosen (`?namespace=`); nil for rows of none, which are always shown.
    var chosenBy: String? { get }
}
