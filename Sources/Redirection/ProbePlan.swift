// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// What exempts the kubelet's probes on one node, as a value: what `ProbeExemption` writes.
///
/// Connections of the kubelet to captured pods of the node get the probe address, which the pods' rules leave alone; what
/// else uses that address is thrown away. docs/redirection.md tells a probe's way.
package struct ProbePlan: Hashable, Sendable {
    /// More addresses than these are left out (own choice).
    ///
    /// All go in one netlink datagram, 28 octets each, which must fit the default socket buffer (net.core.wmem_default,
    /// 212,992 octets). A node has some hundred pods.
    package static var maximumAddresses: Int { 4096 }

    /// The kubelet's control group.
    package let kubelet: ControlGroup
    /// The addresses of the node's captured pods.
    package let pods: Set<IPAddress>
    private let options = RedirectionOptions()

    /// Makes the plan of a node; addresses beyond `maximumAddresses` have no effect: their pods' probes are captured.
    package init(kubelet: ControlGroup, pods: Set<IPAddress>) {
        self.kubelet = kubelet
        self.pods = pods.count <= Self.maximumAddresses ? pods : Set(pods.sorted().prefix(Self.maximumAddresses))
    }

    /// The content of `inet ambit-node`.
    var table: NetfilterPlan {
        var plan = NetfilterPlan(
            name: .node,
            rules: [
                .guardPrerouting: AddressFamily.allCases.map { foreign(.family($0), $0) },
                .markProbes: AddressFamily.allCases.map { foreign(.family($0), $0) }
                    + AddressFamily.allCases.map { family in
                        RedirectionRule(
                            .family(family), .destinationInSet(family), .transport(.tcp), .opensConnection,
                            .controlGroup(kubelet), then: .setConnectionMark(options.connectionMark))
                    },
                .translateProbes: AddressFamily.allCases.map { family in
                    RedirectionRule(
                        .family(family), .destinationInSet(family), .transport(.tcp),
                        .connectionMark(options.connectionMark),
                        then: .translateSource(options.probeAddress(family)))
                },
            ])
        for family in AddressFamily.allCases {
            plan.addresses[family] = pods.filter { $0.isIPv4 == (family == .ipv4) }
        }
        return plan
    }

    /// The content of `bridge ambit-node`.
    var bridge: NetfilterPlan {
        NetfilterPlan(name: .bridge, rules: [.guardBridge: AddressFamily.allCases.map { foreign(.frame($0), $0) }])
    }

    /// Nobody sends from a probe address: the kubelet's connections get it behind all these chains.
    private func foreign(_ match: RedirectionRule.Match, _ family: AddressFamily) -> RedirectionRule {
        RedirectionRule(match, .source(CIDR(only: options.probeAddress(family))), then: .drop)
    }
}
