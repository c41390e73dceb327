// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Identity
internal import LinuxIO
internal import Mesh

// Where the namespaces of pods are found.
extension PodRegistry {
    /// The processes of those pods whose namespaces are found by them: all in a cluster, none in a folder.
    func findProcesses(of enrollments: some Sequence<Enrollment>) -> [PodUID: [PodProcesses.Process]] {
        guard configuration.followsCluster else { return [:] }
        return processes.find(Set(enrollments.lazy.compactMap(\.podUID)))
    }

    /// The namespace of a pod, found by its processes and checked by its addresses.
    func network(
        of enrollment: Enrollment, _ found: [PodUID: [PodProcesses.Process]]
    ) -> PodProcesses.Network? {
        guard let uid = enrollment.podUID, let candidates = found[uid] else { return nil }
        return processes.open(uid, candidates) { own.hasAny(of: enrollment.addresses, $0) }
    }

    /// The namespace that the CNI plugin has reported, or that of the pod's processes.
    private func openInCluster(
        _ enrollment: Enrollment, _ found: [PodUID: [PodProcesses.Process]]
    ) throws(JoinError) -> PodProcesses.Network {
        guard let uid = enrollment.podUID else { throw .noUID }
        if let reported = reportedNetwork(of: uid) { return reported }
        guard !enrollment.addresses.isEmpty else { throw .addressAwaited }
        guard let network = self.network(of: enrollment, found) else { throw .noProcess }
        return network
    }

    /// Makes a pod in its namespace, and says by which path that was opened.
    func makePod(
        _ uid: String, _ name: String, _ identity: SPIFFEID, _ enrollment: Enrollment,
        _ found: [PodUID: [PodProcesses.Process]]
    ) throws(JoinError) -> (pod: Pod, path: String?) {
        let network: NetworkNamespace
        var path = enrollment.networkNamespacePath
        if configuration.followsCluster, path == nil {
            let opened = try openInCluster(enrollment, found)
            path = opened.path
            network = opened.takeNamespace()
        } else {
            do throws(NetworkNamespaceError) {
                network = if let path { try NetworkNamespace(path: path) } else { try NetworkNamespace.own() }
            } catch {
                throw .network(error)
            }
        }
        let isRedirected = !own.isSame(as: network)
        let pod = Pod(
            uid: uid, name: name, identity: identity, network: network, isRedirected: isRedirected,
            workers: workers.count)
        return (pod, path)
    }
}
