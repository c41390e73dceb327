// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CNetfilter
internal import Glibc

/// Where a base chain hangs in the kernel.
struct NetfilterChainShape: Hashable {
    /// The chain type: `filter`, `nat` or `route`.
    let type: String
    /// NF_INET_PRE_ROUTING and so on (linux/netfilter.h); those of bridges have the same numbers.
    let hook: UInt32
    /// Position among the chains of the hook: raw -300, mangle -150, dstnat -100, srcnat 100
    /// (linux/netfilter_ipv4.h, enum nf_ip_hook_priorities).
    let priority: Int32
    /// What happens to packets that no rule decides: NF_ACCEPT.
    let policy: UInt32

    /// The place of one of our chains.
    init(_ chain: NetfilterChain) {
        policy = UInt32(NF_ACCEPT)
        switch chain {
        case .zoneOutput: (type, hook, priority) = ("filter", UInt32(NF_INET_LOCAL_OUT.rawValue), -300)
        case .markPrerouting: (type, hook, priority) = ("filter", UInt32(NF_INET_PRE_ROUTING.rawValue), -150)
        case .markOutput: (type, hook, priority) = ("route", UInt32(NF_INET_LOCAL_OUT.rawValue), -150)
        case .redirectPrerouting: (type, hook, priority) = ("nat", UInt32(NF_INET_PRE_ROUTING.rawValue), -100)
        case .redirectOutput: (type, hook, priority) = ("nat", UInt32(NF_INET_LOCAL_OUT.rawValue), -100)
        case .guardPrerouting, .guardBridge:
            (type, hook, priority) = ("filter", UInt32(NF_INET_PRE_ROUTING.rawValue), -300)
        case .markProbes: (type, hook, priority) = ("filter", UInt32(NF_INET_LOCAL_OUT.rawValue), -150)
        case .translateProbes: (type, hook, priority) = ("nat", UInt32(NF_INET_POST_ROUTING.rawValue), 99)
        }
    }

    /// A place read from the kernel.
    init(type: String, hook: UInt32, priority: Int32, policy: UInt32) {
        self.type = type
        self.hook = hook
        self.priority = priority
        self.policy = policy
    }
}
