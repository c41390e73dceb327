// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// Decides when to look at a folder: a little after the last change, but not for ever while changes go on.
///
/// A file that somebody is writing is told of by `beginWrite` and `endWrite`; until then it is left alone, so that half a file
/// is never read, unless the writer takes longer than `patience`.
package struct ChangeDebouncer: Sendable {
    /// How long nothing must happen before a change counts.
    package var quietTime: Nanoseconds
    /// How long a change waits at most.
    package var longestDelay: Nanoseconds
    /// How long a file is left alone that is being written.
    package var patience: Nanoseconds

    private var firstChange: MonotonicTime?
    private var lastChange: MonotonicTime?
    private var writers: [String: MonotonicTime] = [:]

    /// A second from the change to its effect is what users are promised: the sum stays below it.
    package init(
        quietTime: Nanoseconds = .milliseconds(100), longestDelay: Nanoseconds = .milliseconds(400),
        patience: Nanoseconds = .milliseconds(500)
    ) {
        self.quietTime = quietTime
        self.longestDelay = longestDelay
        self.patience = patience
    }

    /// Something changed.
    package mutating func note(now: MonotonicTime) {
        if firstChange == nil { firstChange = now }
        lastChange = now
    }

    /// Somebody writes a file.
    package mutating func beginWrite(_ path: String, now: MonotonicTime) {
        // A bound on memory: the files of a folder have one too.
        if writers[path] == nil, writers.count < 4_096 { writers[path] = now }
    }

    /// A file is complete.
    package mutating func endWrite(_ path: String, now: MonotonicTime) {
        writers[path] = nil
        note(now: now)
    }

    /// Whether a file is to be left alone.
    package func isBeingWritten(_ path: String, now: MonotonicTime) -> Bool {
        guard let start = writers[path] else { return false }
        return now < start + patience
    }

    /// When to look; nil while there is no reason to.
    package var deadline: MonotonicTime? {
        var result = writers.values.min().map { $0 + patience }
        if let firstChange, let lastChange {
            let due = min(lastChange + quietTime, firstChange + longestDelay)
            result = min(result ?? due, due)
        }
        return result
    }

    /// The folder is being looked at: what was noted is done with, and so are writers that took too long.
    package mutating func reset(now: MonotonicTime) {
        firstChange = nil
        lastChange = nil
        writers = writers.filter { now < $0.value + patience }
    }
}
