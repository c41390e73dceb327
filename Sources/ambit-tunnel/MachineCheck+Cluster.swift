// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Kubernetes
internal import LinuxIO
internal import Tunnel

extension MachineCheck {
    /// Whether the API server can be asked, and which rights it does not grant that a tunnel uses.
    static func rights(_ configuration: TunnelConfiguration) -> [Finding] {
        guard configuration.followsCluster else { return [] }
        do {
            let credentials = try ClusterCredentials.find(
                kubeconfig: configuration.kubeconfig, environment: ProcessEnvironment.value)
            let session = try ClusterSession(credentials)
            let followed = AccessReview.following(ClusterSource.Options(forWaypoint: false).kinds)
            let server = finding(true, "API server \(credentials.authority)", "")
            let missing = try followed.compactMap { try lacks($0, session, "a tunnel does not start without") }
            let reporting = configuration.reportsPods ? AccessReview.reporting : []
            let doubtful = try reporting.compactMap {
                try lacks($0, session, "pods are not annotated, or their troubles not told as Events", .doubtful)
            }
            let all = finding(true, "\(followed.count + reporting.count) rights in the cluster", "")
            let found = missing + doubtful
            return [server] + (found.isEmpty ? [all] : found)
        } catch {
            return [finding(false, "API server", "\(error)")]
        }
    }

    private static func lacks(
        _ right: AccessReview, _ session: ClusterSession, _ why: String, _ verdict: Finding.Verdict = .missing
    ) throws(KubernetesError) -> Finding? {
        let answer = try session.ask(right.request)
        let subject = "right to \(right)"
        guard answer.isGood else {
            return finding(false, subject, "cannot be looked up: \(answer.problem)", otherwise: .doubtful)
        }
        guard try !AccessReview.isAllowed(try answer.object()) else { return nil }
        return finding(
            false, subject, "the service account lacks it: \(why); compare with deploy/base/tunnel-rbac.yaml",
            otherwise: verdict)
    }
}
