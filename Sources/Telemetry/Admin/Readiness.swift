// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Synchronization

/// What the process still waits for before it can serve.
///
/// ## Concurrency model
/// A mutex guards the list; any thread may change it or ask.
package final class Readiness: Sendable {
    private let pending: Lock<[String]>

    /// Waits for `tasks`, such as `configuration` and `pods`.
    package init(pending tasks: [String]) {
        pending = Lock(tasks)
    }

    /// A task is done.
    package func done(_ task: String) {
        pending.withLock { $0.removeAll { $0 == task } }
    }

    /// Something is missing (again): the process is not ready until `done(task)`.
    package func require(_ task: String) {
        pending.withLock { if !$0.contains(task) { $0.append(task) } }
    }

    /// Whether nothing is pending.
    package var isReady: Bool { pending.withLock { $0.isEmpty } }

    /// 200 `ready`, or 503 `not ready, pending: …`.
    var response: AdminResponse {
        let tasks = pending.withLock { $0 }
        if tasks.isEmpty { return .text("ready\n") }
        return .text("not ready, pending: \(tasks.joined(separator: ", "))\n", status: 503)
    }
}
