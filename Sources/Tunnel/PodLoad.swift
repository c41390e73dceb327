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
}
