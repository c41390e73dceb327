// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CNI
internal import Kubernetes
internal import Mesh

/// What the tunnel says of its node's pods in the API: which are captured, and what is wrong with which.
///
/// Compares what is with what the API says, so that nothing is written twice and what was missed is made up for; the writing is
/// `PodReporter`'s. Used by the control thread only.
final class PodReports {
    private struct Told {
        let pod: PodReference
        /// What the annotation was asked to be and has not been seen to be yet.
        var asked: Bool?
    }

    private let node: String
    /// What the `uid` of every pod's workload begins with.
    private let prefix: String
    private let source: ConfigurationSource
    /// Pods of which something was said, by their workloads' `uid`.
    private var told: [String: Told] = [:]

    /// Nil where there is no API, or it is not to be told.
    init?(_ configuration: TunnelConfiguration, _ source: ConfigurationSource) {
        guard configuration.reportsPods, configuration.followsCluster, !configuration.isForwarding else { return nil }
        node = configuration.nodeName
        prefix = "\(configuration.clusterID)//Pod/"
        self.source = source
    }

    /// Has the annotations of this node's pods say which are in the mesh.
    ///
    /// A pod that is about to join keeps what it has: in an upgrade the tunnel before still captures it.
    func compare(with snapshot: MeshSnapshot, isMember: (String) -> Bool) {
        var gone = told
        for index in snapshot.workloads(onNode: node) {
            guard let enrollment = snapshot.enrollment(of: index), let pod = reference(enrollment) else { continue }
            let uid = enrollment.workloadUID
            if gone[uid]?.pod == pod { gone[uid] = nil }
            let isCaptured = isMember(uid)
            if isCaptured || !enrollment.isEnrolled { annotate(uid, pod, isCaptured) }
        }
        for (uid, last) in gone {
            source.report(.gone(last.pod.uid))
            if told[uid]?.pod == last.pod { told[uid] = nil }
        }
    }

    private func annotate(_ uid: String, _ pod: PodReference, _ isCaptured: Bool) {
        let last = told[uid].flatMap { $0.pod == pod ? $0.asked : nil }
        let isSaid = isSaid(isCaptured, of: pod)
        if let last, last == isCaptured {
            // Asked for once; the watch tells when it is so.
            if isSaid { told[uid]?.asked = nil }
        } else if last != nil || !isSaid {
            told[uid] = Told(pod: pod, asked: isCaptured)
            source.report(.captured(pod, isCaptured))
        }
    }

    /// Whether the API says of a pod that it is captured, or says nothing of ours.
    private func isSaid(_ isCaptured: Bool, of pod: PodReference) -> Bool {
        let own = source.annotation(PodReport.ownAnnotation, of: pod)
        guard isCaptured else { return own == nil }
        return own == PodReport.enabled
            && source.annotation(PodReport.redirectionAnnotation, of: pod) == PodReport.enabled
    }

    /// Something is wrong with a pod.
    func trouble(_ trouble: PodTrouble, _ enrollment: Enrollment, _ text: String) {
        guard let pod = reference(enrollment) else { return }
        if told[enrollment.workloadUID]?.pod != pod { told[enrollment.workloadUID] = Told(pod: pod) }
        source.report(.trouble(pod, trouble, text))
    }

    /// The runtime was told that a pod must not start, which may be one that the API has not told of.
    func addFailed(_ request: CNIRequest, _ text: String) {
        guard let uid = PodUID(request.uid) else { return }
        let pod = PodReference(namespace: request.namespace, name: request.name, uid: uid)
        source.report(.trouble(pod, .cniAddFailed, text))
    }

    private func reference(_ enrollment: Enrollment) -> PodReference? {
        guard let uid = enrollment.podUID, enrollment.workloadUID.hasPrefix(prefix) else { return nil }
        let parts = enrollment.workloadUID.dropFirst(prefix.count).split(separator: "/")
        guard parts.count == 2 else { return nil }
        return PodReference(namespace: String(parts[0]), name: String(parts[1]), uid: uid)
    }
}
