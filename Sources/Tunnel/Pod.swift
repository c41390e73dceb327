// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
internal import LinuxIO
internal import Synchronization
internal import TLS

/// A pod of this node that is in the mesh: whose namespace sockets are opened in, with whose identity, within which limits.
///
/// ## Concurrency model
/// Made by the control thread and shared with all workers. Everything is constant but the counters (atomic, relaxed: they
/// bound, they do not order) and the TLS contexts, which the control thread replaces when a certificate is renewed and a
/// worker reads once per HBONE connection, under the mutex.
final class Pod: Sendable {
    /// The contexts of one certificate: as server for 15008, as client towards other pods.
    struct Contexts: Sendable {
        let server: TLSContext
        let client: TLSContext
    }

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
    /// Connections of the pod that this node carries now, both directions, all workers.
    let connections = Atomic<Int>(0)
    /// HBONE handshakes with the pod that are not complete, all workers.
    let handshakes = Atomic<Int>(0)
    private let contexts = Mutex<Contexts?>(nil)

    init(uid: String, name: String, identity: SPIFFEID, network: consuming NetworkNamespace, isRedirected: Bool) {
        self.uid = uid
        self.name = name
        self.identity = identity
        self.network = network
        self.isRedirected = isRedirected
    }

    /// The contexts to use for a new connection; nil while no certificate has been issued.
    func currentContexts() -> Contexts? {
        contexts.withLock { $0 }
    }

    /// Replaces the contexts; live connections keep the ones they were made with.
    func replaceContexts(_ new: Contexts) {
        contexts.withLock { $0 = new }
    }

    /// Counts one connection more, unless `limit` are there already.
    func admitConnection(limit: Int) -> Bool {
        guard connections.add(1, ordering: .relaxed).newValue <= limit else {
            connections.subtract(1, ordering: .relaxed)
            return false
        }
        return true
    }

    /// Counts one connection less.
    func releaseConnection() {
        connections.subtract(1, ordering: .relaxed)
    }
}
