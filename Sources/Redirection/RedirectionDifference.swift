// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// One way in which a pod's network namespace is not what its plan says.
package enum RedirectionDifference: Hashable, Sendable {
    /// The table is absent, and with it every chain and rule.
    case tableMissing
    /// The table is switched off (NFT_TABLE_F_DORMANT).
    case tableDormant
    /// A chain is absent.
    case chainMissing(NetfilterChain)
    /// A chain hangs elsewhere or has another policy.
    case chainMoved(NetfilterChain)
    /// The table has a chain that is not ours.
    case chainUnexpected(name: String)
    /// A chain holds other rules; the position is that of the first that differs.
    case rulesDiffer(NetfilterChain, position: Int)
    /// The table has rules that libnftnl does not understand, so they are not ours.
    case rulesUnreadable(count: Int)
    /// A set holds other addresses.
    case addressesDiffer(AddressFamily)
    /// Marked replies are not routed by our table.
    case routeRuleMissing(AddressFamily)
    /// Our table does not deliver locally.
    case routeMissing(AddressFamily)
    /// The loopback device is down.
    case loopbackDown
}

extension RedirectionDifference {
    /// Whether it is mended by adding and removing addresses, without touching a rule.
    var isOfAddresses: Bool {
        if case .addressesDiffer = self { true } else { false }
    }
}

extension RedirectionDifference: CustomStringConvertible {
    /// One line for an operator.
    package var description: String {
        let table = "table \(NetfilterTableName.pod)"
        return switch self {
        case .tableMissing: "\(table) is missing"
        case .tableDormant: "\(table) is switched off (dormant)"
        case .chainMissing(let chain): "\(table): the chain \(chain.rawValue) is missing"
        case .chainMoved(let chain): "\(table): the chain \(chain.rawValue) has another type, hook, priority or policy"
        case .chainUnexpected(let name): "\(table): the chain \(name) is not ours"
        case .rulesDiffer(let chain, let position):
            "\(table): the chain \(chain.rawValue) differs from rule \(position + 1) on"
        case .rulesUnreadable(let count): "\(table): \(count) rules are not ours"
        case .addressesDiffer(let family): "\(table): the set \(family.setName) holds other addresses"
        case .routeRuleMissing(let family): "the routing rule for \(family) is missing"
        case .routeMissing(let family): "the local route for \(family) is missing"
        case .loopbackDown: "the loopback device is down"
        }
    }
}
