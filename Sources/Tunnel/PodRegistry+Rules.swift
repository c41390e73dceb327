// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import LinuxIO
internal import Mesh
internal import Redirection

// The rules of pods: what they are, and those that were left behind.
extension PodRegistry {
    /// Takes away the rules that a tunnel which was killed has left in pods of this node that are in the mesh no more.
    ///
    /// Nobody listens there, so their connections would go nowhere. Called once, at the start.
    func freeForgotten(_ snapshot: MeshSnapshot) {
        let others = snapshot.workloads(onNode: configuration.nodeName).compactMap { index in
            snapshot.enrollment(of: index).flatMap { $0.isEnrolled ? nil : (index, $0) }
        }
        let found = findProcesses(of: others.map { $0.1 })
        for (index, enrollment) in others {
            let name = snapshot.description(of: index)
            if let network = self.network(of: enrollment, found) {
                free(network.namespace, name, enrollment)
            } else if let path = enrollment.networkNamespacePath {
                do throws(NetworkNamespaceError) {
                    let network = try NetworkNamespace(path: path)
                    if !own.isSame(as: network) { free(network, name, enrollment) }
                } catch {
                    // Where there is no namespace there are no rules.
                }
            }
        }
    }

    private func free(_ network: borrowing NetworkNamespace, _ name: String, _ enrollment: Enrollment) {
        do throws(RedirectionError) {
            try redirection.remove(RedirectionPlan(options(enrollment)), in: network)
        } catch {
            observer.podFailed(name, "\(JoinError.redirection(error))")
        }
    }

    func options(_ enrollment: Enrollment) -> RedirectionOptions {
        var options = RedirectionOptions()
        options.outboundPort = configuration.outboundPort
        options.inboundPort = configuration.inboundPlaintextPort
        options.tunnelPort = configuration.hbonePort
        options.excludedInboundPorts = enrollment.excludedInboundPorts
        options.excludedOutboundPorts = enrollment.excludedOutboundPorts
        options.excludedInboundCIDRs = enrollment.excludedInboundCIDRs
        options.excludedOutboundCIDRs = enrollment.excludedOutboundCIDRs
        // In a folder whoever owns the node may give connections the probe address.
        options.exemptsProbes = probes?.isInForce ?? !configuration.followsCluster
        // `*`, or `ambient.istio.io/bypass-inbound-capture`: no rule is needed to leave everything alone.
        options.capturesInbound = !enrollment.excludedInboundPorts.contains(1...UInt16.max)
        return options
    }

    /// Exempts the probes of pods with these addresses.
    func keepProbes(of addresses: Set<IPAddress>) {
        changeProbes { $0.keep(addresses) }
    }

    /// Looks whether probes are exempt still.
    func lookAtProbes() {
        changeProbes { $0.look() }
    }

    /// Where the kubelet probes a pod: at the addresses that the cluster says and its namespace has, or at the namespace's while
    /// the cluster says nothing yet.
    ///
    /// An address that the pod does not have could be anybody's whom the kubelet talks to.
    func probedAddresses(_ enrollment: Enrollment, _ pod: Pod) -> [IPAddress] {
        guard probes != nil else { return [] }
        let found = own.addresses(of: pod.network)
        return enrollment.addresses.isEmpty ? found : enrollment.addresses.filter(found.contains)
    }

    private func changeProbes(_ change: (KubeletProbes) -> Void) {
        guard let probes else { return }
        let wasInForce = probes.isInForce
        change(probes)
        if probes.isInForce != wasInForce { replan() }
    }
}
