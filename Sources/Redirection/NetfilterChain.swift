// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A base chain of one of our tables, with its fixed place in the kernel (linux/netfilter.h, priorities of nft(8)).
package enum NetfilterChain: String, CaseIterable, Hashable, Sendable {
    /// Keeps the tunnel's connections to the application apart from their clients' own, which may use the same
    /// addresses and ports: filter, hook output, priority raw (-300), before connections are looked up.
    case zoneOutput = "zone-output"
    /// Marks connections whose packets the tunnel sent: filter, hook prerouting, priority mangle (-150).
    case markPrerouting = "mark-prerouting"
    /// Gives the replies of those the mark that routes them back: route, hook output, priority mangle (-150).
    case markOutput = "mark-output"
    /// Captures what comes in: nat, hook prerouting, priority dstnat (-100).
    case redirectPrerouting = "redirect-prerouting"
    /// Captures what the pod sends: nat, hook output, priority dstnat (-100).
    case redirectOutput = "redirect-output"
    /// Lets nobody but the node itself send from the probe addresses: filter, hook prerouting, priority raw (-300).
    case guardPrerouting = "guard-prerouting"
    /// Lets no process of the node send from them either, and marks the kubelet's connections: filter, hook output,
    /// priority mangle (-150), when connections have been looked up.
    case markProbes = "mark-probes"
    /// Gives marked connections the probe address: nat, hook postrouting, before the node's own rules at srcnat (100).
    case translateProbes = "translate-probes"
    /// The same as `guardPrerouting` for frames that a bridge carries and the node does not route.
    case guardBridge = "guard-bridge"

    /// The table that it belongs to.
    package var table: NetfilterTableName {
        switch self {
        case .zoneOutput, .markPrerouting, .markOutput, .redirectPrerouting, .redirectOutput: .pod
        case .guardPrerouting, .markProbes, .translateProbes: .node
        case .guardBridge: .bridge
        }
    }
}
