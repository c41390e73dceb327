// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Certificates
internal import Identity
internal import LinuxIO
internal import Synchronization

/// A pod of this node that is in the mesh: whose namespace sockets are opened in, with whose identity, within which limits.
///
/// ## Concurrency model
/// Made by the control thread and shared with all workers. Everything is constant but the counters (atomic, relaxed: they
/// bound, they do not order) and the TLS contexts, which the control thread replaces when a certificate is renewed and a
/// worker reads once per HBONE connection, under the mutex.
final class Pod: Sendable {
    /// Kubernetes' UID; unique for as long as the pod lives.
    let uid: String
    /// The pod's namespace and name, for messages.
    let name: String
    /// The identity of its service account.
    let identity: SPIFFEID
    /// Its network namespace; the tunnel's own on a machine without redirection.
    let network: NetworkNamespace
    /// Whether that is a namespace of the pod alone: traffic is redirected there, and the client's address is kept.
    let isRedirected: Bool
    /// SO_MARK of our own packets there, by which rules tell them from the pod's; 0 where nobody asks and nobody may set it.
    let packetMark: UInt32
    /// Connections of the pod that this node carries now, both directions, all workers.
    let connections = Atomic<Int>(0)
    /// HBONE handshakes with the pod that are not complete, all workers.
    let handshakes = Atomic<Int>(0)
    /// What each worker carries of it, by the worker's index.
    let loads: [PodLoad]
    private let rate = Atomic<UInt64>(0)
    private let buffered = Atomic<Int>(0)
    private let contexts = Lock<CertificateContexts?>(nil)

    init(
        uid: String, name: String, identity: SPIFFEID, network: consuming NetworkNamespace, isRedirected: Bool,
        workers: Int, packetMark: UInt32 = TunnelConfiguration.packetMark
    ) {
        self.uid = uid
        self.name = name
        self.identity = identity
        self.network = network
        self.isRedirected = isRedirected
        self.packetMark = packetMark
        loads = (0..<workers).map { _ in PodLoad() }
    }

    /// The contexts to use for a new connection; nil while no certificate has been issued.
    func currentContexts() -> CertificateContexts? {
        contexts.withLock { $0 }
    }

    /// Replaces the contexts; live connections keep the ones they were made with.
    func replaceContexts(_ new: CertificateContexts) {
        contexts.withLock { $0 = new }
    }

    /// Counts one connection more, unless the pod has as many as it may, or opens them faster than it may.
    ///
    /// - Parameter worker: the index of the worker that carries it.
    /// - Returns: why it may not, and nothing is counted then; nil when it may.
    func admitConnection(
        _ configuration: TunnelConfiguration, worker: Int, now: MonotonicTime
    ) -> ConnectionEnd.Refusal? {
        guard connections.add(1, ordering: .relaxed).newValue <= configuration.connectionsPerPod else {
            connections.subtract(1, ordering: .relaxed)
            return .podLimit
        }
        guard admitRate(configuration.connectionRatePerPod, now: now) else {
            connections.subtract(1, ordering: .relaxed)
            return .rateLimit
        }
        loads[worker].relays.add(1, ordering: .relaxed)
        return nil
    }

    /// One second's count in the low half, the second itself in the high half; twice the rate is let through, so that a
    /// burst across the turn of a second is no surprise.
    private func admitRate(_ limit: Int, now: MonotonicTime) -> Bool {
        let second = now.nanoseconds / 1_000_000_000 & 0xFFFF_FFFF
        let seen = rate.load(ordering: .relaxed)
        if seen >> 32 != second {
            // Two workers may both begin the second: one count is lost, which the bound can bear.
            rate.store(second << 32 | 1, ordering: .relaxed)
            return true
        }
        return rate.add(1, ordering: .relaxed).newValue & 0xFFFF_FFFF <= UInt64(limit) * 2
    }

    /// Counts bytes that wait for the pod's slow sockets, unless there are too many.
    func admit(buffered bytes: Int, limit: Int) -> Bool {
        guard buffered.add(bytes, ordering: .relaxed).newValue <= limit else {
            buffered.subtract(bytes, ordering: .relaxed)
            return false
        }
        return true
    }

    /// Bytes wait no more.
    func release(buffered bytes: Int) {
        if bytes > 0 { buffered.subtract(bytes, ordering: .relaxed) }
    }

    /// Connections of the pod that are carried now.
    var liveConnections: Int { connections.load(ordering: .relaxed) }

    /// Counts one connection of a worker less.
    func releaseConnection(worker: Int) {
        loads[worker].relays.subtract(1, ordering: .relaxed)
        connections.subtract(1, ordering: .relaxed)
    }
}
