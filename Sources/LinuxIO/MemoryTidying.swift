// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// When a process gives back the memory that its start or a change of its configuration has used: a while after the last
/// change, so that workers have dropped the old snapshot and a series of changes keeps the code that reads them at hand.
package struct MemoryTidying: Sendable {
    private static let delay = Nanoseconds.milliseconds(250)
    /// In a large cluster there always was a change just now.
    private static let longestDelay = Nanoseconds.seconds(10)
    /// When the first change was that `run` has done nothing for.
    private var firstChange: MonotonicTime?
    /// When `run` has something to do; never while there was no change.
    package private(set) var deadline = MonotonicTime.distantFuture

    /// Nothing is due yet.
    package init() {}

    /// Notes a change.
    package mutating func changed(now: MonotonicTime) {
        let first = firstChange ?? now
        firstChange = first
        deadline = min(now + Self.delay, first + Self.longestDelay)
    }

    /// Gives memory back if that is due; it costs some milliseconds.
    package mutating func run(now: MonotonicTime) {
        guard deadline <= now else { return }
        deadline = .distantFuture
        firstChange = nil
        ProcessMemory.giveBackUnused()
    }
}
