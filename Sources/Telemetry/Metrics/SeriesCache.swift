// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// What one worker remembers of a `SeriesTable`: the cell it made for each set of labels.
///
/// Owned by one worker. A look-up that hits hashes the labels once and takes no lock.
package struct SeriesCache<Labels: SeriesLabels, Cell: SeriesCell>: ~Copyable {
    private let table: SeriesTable<Labels, Cell>
    private var cells: [Labels: Cell] = [:]
    private var generation: UInt64

    /// Makes an empty cache of `table`.
    package init(_ table: SeriesTable<Labels, Cell>) {
        self.table = table
        generation = table.generation
    }

    /// Label sets remembered.
    package var count: Int { cells.count }

    /// Uses a cell again that this cache gave before, without looking for it by its labels.
    ///
    /// - Returns: false when the cell has been dropped meanwhile: ask for another.
    package func reuse(_ cell: Cell, now: MonotonicTime) -> Bool {
        cell.use.touch(now)
        return !cell.use.retired
    }

    /// The worker's cell of the series `labels`; it may be kept for as long as a connection is open.
    ///
    /// Ask again for the next connection: a cell that is out of use for long is dropped.
    package mutating func cell(for labels: Labels, now: MonotonicTime) -> Cell {
        let latest = table.generation
        if latest != generation {
            generation = latest
            cells = cells.filter { !$0.value.use.retired }
        }
        if let cell = cells[labels] {
            cell.use.touch(now)
            if !cell.use.retired { return cell }
        }
        let cell = table.makeCell(labels, now: now)
        cells[labels] = cell
        return cell
    }
}
