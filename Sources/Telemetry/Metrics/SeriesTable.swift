// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import Synchronization

/// The labels of a series that the mesh, not the program, decides on.
package protocol SeriesLabels: Hashable, Sendable {
    /// The labels as text, rendered once when the series is made.
    var text: LabelText { get }
}

/// The values of one series as one worker counts them.
package protocol SeriesCell: AnyObject, Sendable {
    /// A cell that counted nothing yet.
    init()
    /// When it was used last, and whether it is still listed.
    var use: SeriesUse { get }
    /// Whether something is under way that will count later (an open connection): such a cell never expires.
    var isBusy: Bool { get }
}

/// When a cell was used last, and whether its table has dropped it.
///
/// ## Concurrency model
/// The worker that owns the cell stores the time and then loads the mark; the thread that expires series stores the mark
/// and then loads the time. All four are sequentially consistent, so at least one of the two sees the other: either the
/// worker takes a fresh cell, or the table takes its mark back. No count is lost.
package final class SeriesUse: Sendable {
    private let last = Atomic<UInt64>(0)
    private let isRetired = Atomic<Bool>(false)

    init() {}

    /// Says that the cell is used at `now`.
    func touch(_ now: MonotonicTime) {
        last.store(now.nanoseconds, ordering: .sequentiallyConsistent)
    }

    /// Whether the table has dropped the cell.
    var retired: Bool { isRetired.load(ordering: .sequentiallyConsistent) }

    /// When the cell was used last.
    var lastUse: MonotonicTime { MonotonicTime(nanoseconds: last.load(ordering: .sequentiallyConsistent)) }

    func mark(retired: Bool) {
        isRetired.store(retired, ordering: .sequentiallyConsistent)
    }
}

/// The series of one kind, by labels: made by workers, read by the scraper, dropped when out of use.
///
/// ## Concurrency model
/// The mutex guards the list. Workers take it only to make a cell for labels they see for the first time (`SeriesCache`
/// remembers the rest); recording touches the cell alone.
package final class SeriesTable<Labels: SeriesLabels, Cell: SeriesCell>: Sendable {
    private struct Entry {
        let labels: Labels
        let text: LabelText
        var cells: [Cell]
    }

    private struct State {
        var entries: [Entry] = []
        var positions: [Labels: Int] = [:]
        var cursor = 0
    }

    private let state = Lock(State())
    /// Changes whenever cells were dropped, so that caches know when to look.
    private let dropped = Atomic<UInt64>(0)
    private let lifetime: Nanoseconds

    /// Makes an empty table.
    ///
    /// - Parameter lifetime: how long a series may go without use before it is dropped (design: one hour).
    package init(lifetime: Nanoseconds = .seconds(3_600)) {
        self.lifetime = lifetime
    }

    /// The number of series listed.
    package var count: Int { state.withLock { $0.entries.count } }

    /// How often cells were dropped so far.
    var generation: UInt64 { dropped.load(ordering: .acquiring) }

    /// A new cell of the series `labels`.
    ///
    /// Each call also looks at a few other series for their age: in a mesh whose pods come and go the table stays small
    /// even when nobody scrapes it.
    func makeCell(_ labels: Labels, now: MonotonicTime) -> Cell {
        let cell = Cell()
        cell.use.touch(now)
        state.withLock { state in
            for _ in 0..<4 { expireNext(&state, now) }
            if let position = state.positions[labels] {
                state.entries[position].cells.append(cell)
            } else {
                state.positions[labels] = state.entries.count
                state.entries.append(Entry(labels: labels, text: labels.text, cells: [cell]))
            }
        }
        return cell
    }

    /// All series with their cells, after those out of use have been dropped.
    func snapshot(now: MonotonicTime) -> [(text: LabelText, cells: [Cell])] {
        state.withLock { state in
            state.cursor = 0
            for _ in 0..<state.entries.count { expireNext(&state, now) }
            return state.entries.map { ($0.text, $0.cells) }
        }
    }

    /// Looks at the entry under the cursor; drops it or moves on.
    private func expireNext(_ state: inout State, _ now: MonotonicTime) {
        guard !state.entries.isEmpty else { return }
        if state.cursor >= state.entries.count { state.cursor = 0 }
        let entry = state.entries[state.cursor]
        guard retire(entry.cells, now) else {
            state.cursor += 1
            return
        }
        state.positions[entry.labels] = nil
        let last = state.entries.removeLast()
        if state.cursor < state.entries.count {
            state.entries[state.cursor] = last
            state.positions[last.labels] = state.cursor
        }
        dropped.wrappingAdd(1, ordering: .releasing)
    }

    /// Marks all of `cells` as dropped, unless one of them is in use; see `SeriesUse` for why this loses nothing.
    private func retire(_ cells: [Cell], _ now: MonotonicTime) -> Bool {
        guard cells.allSatisfy({ isIdle($0, now) }) else { return false }
        for cell in cells { cell.use.mark(retired: true) }
        if cells.allSatisfy({ isIdle($0, now) }) { return true }
        for cell in cells { cell.use.mark(retired: false) }
        return false
    }

    private func isIdle(_ cell: Cell, _ now: MonotonicTime) -> Bool {
        !cell.isBusy && now - cell.use.lastUse > lifetime
    }
}
