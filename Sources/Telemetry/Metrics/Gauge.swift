// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// A whole number that goes up and down, written by any thread.
///
/// ## Concurrency model
/// As for `Counter`. Gauges of one series are added up when they are read, so each worker counts its own share.
package final class Gauge: Sendable {
    private let current = Atomic<Int64>(0)

    init() {}

    /// Changes the value by `amount`.
    package func add(_ amount: Int64) {
        current.wrappingAdd(amount, ordering: .relaxed)
    }

    /// Replaces the value.
    package func set(_ value: Int64) {
        current.store(value, ordering: .relaxed)
    }

    /// The value now.
    package var value: Int64 { current.load(ordering: .relaxed) }
}
