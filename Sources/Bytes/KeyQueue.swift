// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A first-in first-out queue of small values that allocates nothing once it has seen its usual length.
///
/// Public for the same reason as `Slab` (measured: 7 % of a waypoint's CPU).
public struct KeyQueue<Element> {
    @usableFromInline var items: [Element] = []
    @usableFromInline var head = 0

    /// Makes an empty queue.
    @inlinable
    package init() {}

    /// Whether nothing waits.
    @inlinable
    package var isEmpty: Bool { head == items.count }

    /// How many wait.
    @inlinable
    package var count: Int { items.count - head }

    /// Puts `element` at the end.
    @inlinable
    package mutating func append(_ element: Element) {
        // Room at the front is used before the array grows: a queue that never empties stays as small as it is long.
        if head > 32, head > items.count / 2 {
            items.removeFirst(head)
            head = 0
        }
        items.append(element)
    }

    /// Takes the first.
    @inlinable
    package mutating func popFirst() -> Element? {
        guard head < items.count else { return nil }
        let element = items[head]
        head += 1
        if head == items.count {
            items.removeAll(keepingCapacity: true)
            head = 0
        }
        return element
    }
}
