// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// What one worker carries of one pod, so that what arrives can be given to the worker that carries least of it.
///
/// ## Concurrency model
/// The worker writes, all workers read (atomic, relaxed): a reading that is a moment old only makes a worse choice.
final class PodLoad: Sendable {
    /// Application connections, both directions.
    let relays = Atomic<Int>(0)
    /// HBONE connections to the pod.
    let connections = Atomic<Int>(0)

    /// Of one kind of connection.
    func value(isHBONE: Bool) -> Int {
        isHBONE ? connections.load(ordering: .relaxed) : relays.load(ordering: .relaxed)
    }

    /// Counts a connection that is on its way to the worker, or one less when it has come: else a burst of connections
    /// would all go to the worker that has not seen the first of them yet.
    func countHandedOver(_ change: Int, isHBONE: Bool) {
        if isHBONE {
            connections.add(change, ordering: .relaxed)
        } else {
            relays.add(change, ordering: .relaxed)
        }
    }
}
