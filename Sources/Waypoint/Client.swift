// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTPRouting
internal import Identity
internal import Mesh

/// Who sends requests: proved by mutual TLS, or only an address.
///
/// One object per connection, shared by its streams.
final class Client {
    /// The address it connected from; the tunnel keeps the pod's own.
    let address: SocketAddress
    /// The SPIFFE ID of its certificate; nil on plain text listeners.
    let identity: SPIFFEID?
    /// The identity as text, for logs and headers.
    let principal: String
    private var found: (workload: WorkloadIndex?, client: RouteClient)?
    private var generation: UInt64 = 0
    /// Which client it is to the metrics of an epoch.
    private var number: (generation: UInt64, value: Int)?

    init(address: SocketAddress, identity: SPIFFEID?) {
        self.address = address
        self.identity = identity
        principal = identity?.description ?? ""
    }

    /// Its workload; nil when the address is nobody's, or is somebody's with another identity.
    func workload(_ epoch: RouteEpoch) -> WorkloadIndex? { look(epoch).workload }

    /// What routes may ask of it.
    func routeClient(_ epoch: RouteEpoch) -> RouteClient { look(epoch).client }

    func sourceNumber(_ epoch: RouteEpoch) -> Int? {
        number?.generation == epoch.mesh.generation ? number?.value : nil
    }

    func setSourceNumber(_ value: Int, _ epoch: RouteEpoch) {
        number = (epoch.mesh.generation, value)
    }

    private func look(_ epoch: RouteEpoch) -> (workload: WorkloadIndex?, client: RouteClient) {
        if let found, generation == epoch.mesh.generation { return found }
        var workload: WorkloadIndex?
        if let own = epoch.own.workload, let candidate = epoch.mesh.workload(at: address.ip, seenFrom: own),
            identity == nil || epoch.mesh.identity(of: candidate) == identity
        {
            workload = candidate
        }
        let namespace = identity?.namespace ?? ""
        let result = (workload, epoch.routes.table.client(namespace: namespace, workload: workload))
        found = result
        generation = epoch.mesh.generation
        return result
    }
}
