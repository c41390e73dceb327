// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CNetfilter

/// One of our tables: no other has its family and name.
package enum NetfilterTableName: Hashable, Sendable {
    /// `inet ambit`, in the network namespace of each captured pod.
    case pod
    /// `inet ambit-node`, in that of the node.
    case node
    /// `bridge ambit-node`, in that of the node.
    case bridge

    /// The chains of the table.
    package var chains: [NetfilterChain] { NetfilterChain.allCases.filter { $0.table == self } }

    /// The name alone.
    var text: String {
        switch self {
        case .pod: "ambit"
        case .node, .bridge: "ambit-node"
        }
    }

    /// NFPROTO_INET or NFPROTO_BRIDGE (linux/netfilter.h).
    var family: UInt16 {
        switch self {
        case .pod, .node: UInt16(NFPROTO_INET)
        case .bridge: UInt16(NFPROTO_BRIDGE)
        }
    }
}

extension NetfilterTableName: CustomStringConvertible {
    /// Family and name, as in `nft list table inet ambit`.
    package var description: String { (self == .bridge ? "bridge " : "inet ") + text }
}
