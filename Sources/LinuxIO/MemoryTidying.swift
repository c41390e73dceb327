// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// When a process gives back the memory that its start or a change of its configuration has used: a while after the last
/// change, so that workers have dropped the old snapshot and a series of changes keeps the code that reads them at hand.
package struct MemoryTidying: Sendable {
    private static let delay = Nanoseconds.milliseconds(250)
    /// When `run` has something to do; never while there was no change.
    package private(set) var deadline = MonotonicTime.distantFuture

    /// Nothing is due yet.
    package init() {}

    /// Notes that there was a change just now.
    package mutating func changed() {
        deadline = MonotonicClock.now() + Self.delay
    }

    /// Gives memory back if that is due; it costs some milliseconds.
    package mutating func run() {
        guard deadline <= MonotonicClock.now() else { return }
        deadline = .distantFuture
        ProcessMemory.giveBackUnused()
    }
}
