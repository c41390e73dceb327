// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A number that only grows, written by any thread.
///
/// ## Concurrency model
/// One relaxed atomic: additions are never lost, and a reader sees some recent value. Give every worker its own counter of
/// a series (`MetricRegistry` adds them up), so that workers do not share a cache line.
package final class Counter: Sendable {
    private let total = Atomic<UInt64>(0)

    init() {}

    /// Adds `amount`.
    package func add(_ amount: UInt64 = 1) {
        total.wrappingAdd(amount, ordering: .relaxed)
    }

    /// The sum of all additions.
    package var value: UInt64 { total.load(ordering: .relaxed) }
}
