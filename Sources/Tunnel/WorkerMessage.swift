// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
internal import Mesh

/// What the control thread tells a worker.
enum WorkerMessage: Sendable {
    /// The mesh has changed; connections that are no longer allowed are closed.
    case snapshot(MeshSnapshot)
    /// A pod joins: descriptors of its listeners, which the worker adopts.
    case attach(Pod, [(purpose: Listener.Purpose, descriptor: CInt)])
    /// A pod leaves: its listeners close at once, its connections when the time to drain is over (none for a pod that is
    /// gone).
    case detach(uid: String, drain: Nanoseconds)
    /// Take what is in the accept queues, then no more; say GOAWAY; end when nothing is left or at the deadline.
    case drain(deadline: MonotonicTime)
    /// A connection that another worker accepted for a pod it carries more of.
    case carry(Pod, Listener.Purpose, descriptor: CInt, peer: SocketAddress)
    /// End now.
    case stop
    /// Close connections whose peers these lists revoke.
    case revoke(RevocationSet)
    /// List the live connections.
    case report(ConnectionReport)
}
