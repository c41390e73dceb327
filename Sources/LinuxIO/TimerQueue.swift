// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// Deadlines of one worker, earliest first; a token whose object is gone is dropped by its owner when it comes up.
///
/// A binary heap: arming costs O(log n), there is no tick, and an empty queue wakes nobody. Timers are not cancelled:
/// objects keep their own deadline and arm again when a timer comes up too early for them.
package struct TimerQueue: ~Copyable {
    private struct Entry {
        var deadline: MonotonicTime
        var token: EventToken
    }

    private var heap: [Entry] = []

    /// Makes an empty queue.
    package init() {}

    /// The earliest deadline; nil when nothing is armed.
    package var next: MonotonicTime? { heap.first?.deadline }

    /// Entries, stale ones included.
    package var count: Int { heap.count }

    /// Asks for `token` at `deadline`.
    package mutating func arm(_ token: EventToken, at deadline: MonotonicTime) {
        heap.append(Entry(deadline: deadline, token: token))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].deadline < heap[parent].deadline else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Removes and returns one token that is due at `now`.
    package mutating func takeDue(_ now: MonotonicTime) -> EventToken? {
        guard let first = heap.first, first.deadline <= now else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                    if heap[child].deadline < heap[least].deadline { least = child }
                }
                guard least != parent else { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        return first.token
    }
}
