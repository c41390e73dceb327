// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Identity
internal import LinuxIO
internal import Mesh

/// What stands for a machine without redirection: `ambit-tunnel forward` is a workload of the mesh that connects and is
/// never connected to.
enum ForwardPod {
    /// The key in the mesh; no object has one like it, because a slash follows the kind.
    static let uid = "ambit-forward"

    /// The workload that is added to what the manifests say.
    static func workload(_ configuration: TunnelConfiguration) -> Workload {
        var workload = Workload(uid: uid, name: ProcessEnvironment.hostName, namespace: configuration.namespace)
        workload.serviceAccount = configuration.serviceAccount
        workload.trustDomain = configuration.trustDomain.name
        workload.clusterID = configuration.clusterID
        workload.network = configuration.network
        workload.isPod = false
        return workload
    }

    /// The pod whose listeners are the forwards; it lives in the tunnel's own namespace and marks nothing, so that no
    /// privilege is needed.
    static func pod(_ configuration: TunnelConfiguration) throws(JoinError) -> Pod {
        let identity: SPIFFEID
        do throws(SPIFFEIDError) {
            identity = try SPIFFEID(
                trustDomain: configuration.trustDomain, namespace: configuration.namespace,
                serviceAccount: configuration.serviceAccount)
        } catch {
            throw .noIdentity
        }
        do throws(NetworkNamespaceError) {
            return Pod(
                uid: uid, name: "\(configuration.namespace)/\(ProcessEnvironment.hostName)", identity: identity,
                network: try NetworkNamespace.own(), isRedirected: false,
                workers: configuration.workers, packetMark: 0)
        } catch {
            throw .network(error)
        }
    }
}

extension TunnelConfiguration {
    /// Whether it serves forwards instead of a node's pods.
    var isForwarding: Bool { !forwards.isEmpty }

    /// The mesh of the manifests, with this machine in it if it forwards.
    func completing(_ update: MeshUpdate) -> MeshUpdate {
        guard isForwarding, case .whole(var model) = update else { return update }
        model.workloads.append(ForwardPod.workload(self))
        return .whole(model)
    }
}
