// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CNI
internal import LinuxIO
internal import Mesh

// What the CNI plugin reports and asks.
extension PodRegistry {
    /// Takes the namespace of a pod that is about to start, or forgets it.
    func take(_ request: CNIRequest, now: MonotonicTime) {
        guard let uid = PodUID(request.uid) else { return }
        switch request.command {
        case .add:
            // What was never taken back by DEL is found by its processes.
            if reported.count >= Self.maximumReports { reported.removeAll() }
            reported[uid] = request.path
            leave(uid, unlessIn: request.path, now: now)
        case .delete: reported[uid] = nil
        case .check: break
        }
    }

    /// How far the pod of a request is.
    func standing(of request: CNIRequest, in snapshot: MeshSnapshot) -> CNIServer.Standing {
        if request.command == .delete { return .settled(CNIAnswer(.exempt)) }
        let uid = "\(configuration.clusterID)//Pod/\(request.namespace)/\(request.name)"
        guard let index = snapshot.workload(uid: uid), let enrollment = snapshot.enrollment(of: index),
            let pod = PodUID(request.uid), enrollment.podUID == pod
        else { return .unknown }
        guard enrollment.isEnrolled else { return .settled(CNIAnswer(.exempt)) }
        if isMember(uid) { return .settled(CNIAnswer(.joined)) }
        let reason = pending[uid] ?? "the pod has not joined yet"
        return request.command == .check ? .settled(CNIAnswer(.failed, reason)) : .waiting(reason)
    }

    /// A namespace that the plugin has reported, if it is there.
    func reportedNetwork(of uid: PodUID) -> PodProcesses.Network? {
        guard let path = reported[uid] else { return nil }
        do throws(NetworkNamespaceError) {
            return PodProcesses.Network(path: path, namespace: try NetworkNamespace(path: path))
        } catch {
            return nil
        }
    }
}
