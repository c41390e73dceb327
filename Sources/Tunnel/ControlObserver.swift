// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Identity
internal import LinuxIO
internal import Manifest
internal import Redirection
internal import Telemetry

/// What the control thread tells the outside: pods, certificates and configuration, in the log and as metrics.
final class ControlObserver {
    let log: LogLane
    let metrics: NodeMetrics

    init(log: LogLane, metrics: NodeMetrics) {
        self.log = log
        self.metrics = metrics
    }

    /// The configuration was read.
    func configurationChanged(_ findings: [Finding], new: [Finding], snapshotTime: Int64?) {
        metrics.snapshotTime.set(snapshotTime ?? 0)
        metrics.configurationUpdates.add()
        metrics.configurationTime.set(WallClock.now() / 1_000_000_000)
        metrics.configurationErrors.set(Int64(findings.count { $0.severity == .error }))
        for finding in new {
            log.log(finding.severity == .error ? .error : .warn, .config, finding.description)
        }
    }

    /// How many pods are served, and how many wait for something.
    func pods(active: Int, pending: Int) {
        metrics.activeProxies.set(Int64(active))
        metrics.pendingProxies.set(Int64(pending))
    }

    /// A pod has joined the mesh.
    func podJoined(_ pod: Pod) {
        metrics.proxiesStarted.add()
        log.log(.info, .main, "pod joined the mesh") {
            $0.field("pod", pod.name)
            $0.field("identity", pod.identity.description)
        }
    }

    /// A pod has left the mesh.
    func podLeft(_ pod: Pod) {
        metrics.proxiesStopped.add()
        log.log(.info, .main, "pod left the mesh") { $0.field("pod", pod.name) }
    }

    /// A pod could not join the mesh; it is tried again.
    func podFailed(_ name: String, _ error: String) {
        log.log(.error, .main, "pod cannot join the mesh yet") {
            $0.field("pod", name)
            $0.field("error", error)
        }
    }

    /// The rules of a pod could not be changed.
    func redirectionFailed(_ pod: Pod, _ error: String) {
        log.log(.warn, .redirection, "redirection of a pod could not be changed") {
            $0.field("pod", pod.name)
            $0.field("error", error)
        }
    }

    /// The rules of a pod were written; exclusions that found no room in them are worth a warning.
    func planned(_ plan: RedirectionPlan, _ pod: Pod) {
        guard plan.ignoredExclusions > 0 else { return }
        log.log(.warn, .redirection, "exclusions of a pod are too many: the rest stays captured") {
            $0.field("pod", pod.name)
            $0.field("ignored", UInt64(plan.ignoredExclusions))
            $0.field("limit", UInt64(RedirectionOptions.maximumExclusions))
        }
    }

    /// The kubelet's probes of captured pods pass.
    func probesExempt(_ group: String, isNews: Bool) {
        metrics.probesExempt.set(1)
        if isNews { log.log(.info, .redirection, "kubelet's probes are exempt") { $0.field("group", group) } }
    }

    /// The kubelet's probes of captured pods are captured as anything else is.
    func probesCaptured(_ error: String) {
        metrics.probesExempt.set(0)
        log.log(.warn, .redirection, "kubelet's probes are not exempt; pods that take no plain text refuse them") {
            $0.field("error", error)
        }
    }

    /// A certificate could not be issued or renewed; the old one serves as long as it is valid.
    func certificateFailed(_ identity: SPIFFEID, _ error: String) {
        log.log(.error, .identity, "certificate could not be issued") {
            $0.field("identity", identity.description)
            $0.field("error", error)
        }
    }

    /// A pod is captured without certificate; its connections are refused until there is one.
    func certificateMissing(_ pod: Pod, _ error: String) {
        log.log(.error, .identity, "pod has no certificate yet; its connections are refused") {
            $0.field("pod", pod.name)
            $0.field("identity", pod.identity.description)
            $0.field("error", error)
        }
    }

    /// A certificate was issued or renewed.
    func certificateIssued(_ identity: SPIFFEID, isFirst: Bool) {
        log.log(.info, .identity, isFirst ? "certificate issued" : "certificate renewed") {
            $0.field("identity", identity.description)
        }
    }

    /// The CA's directory has changed, or cannot be read.
    func authorityChanged(error: String?) {
        guard let error else {
            return log.log(.info, .identity, "CA has another signer or bundle; all certificates are new")
        }
        log.log(.error, .identity, "CA directory cannot be read; the last good state serves") {
            $0.field("error", error)
        }
    }

    /// Other CRLs are in force.
    func revocationChanged(_ lists: RevocationSet) {
        log.log(.info, .identity, "revocation lists read") {
            $0.field("lists", UInt64(lists.lists.count))
            $0.field("revoked", UInt64(lists.lists.reduce(0) { $0 + $1.count }))
        }
    }

    /// Revocation is in doubt.
    func revocationFailed(_ text: String, peersAreRefused: Bool) {
        log.log(.error, .identity, "revocation is in doubt") {
            $0.field("error", text)
            $0.field("peers", peersAreRefused ? "refused" : "accepted")
        }
    }
}
