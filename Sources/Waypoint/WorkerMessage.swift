// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO

/// What the control thread, or another worker, tells a worker.
enum WorkerMessage: Sendable {
    /// The mesh or its routes have changed.
    case routes(Routes)
    /// There is a (new) certificate.
    case identity(OwnIdentity)
    /// Descriptors of listeners, which the worker adopts.
    case listen([(purpose: Listener.Purpose, descriptor: CInt)])
    /// Take what is in the accept queues, then no more; say GOAWAY; end when nothing is left or at the deadline.
    case drain(deadline: MonotonicTime)
    /// Serve a stream of a connection that another worker has.
    case carry(HandedConnection)
    /// End now.
    case stop
}
