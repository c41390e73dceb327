// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import LinuxIO

/// Why the redirection of a pod, or the exemption of a node's probes, could not be written, removed or read.
package enum RedirectionError: Error, Hashable, Sendable {
    /// What the kernel was asked for when it refused.
    package enum Step: Hashable, Sendable {
        /// Reading the loopback device.
        case loopback
        /// The table itself.
        case table(NetfilterTableName)
        /// A base chain.
        case chain(NetfilterChain)
        /// A rule, by its position in its chain.
        case rule(NetfilterChain, position: Int)
        /// A set of addresses, or its elements.
        case addresses(AddressFamily)
        /// The batch as a whole.
        case commit
        /// The rule that selects the routing table.
        case routeRule(AddressFamily)
        /// The local route in the routing table.
        case route(AddressFamily)
        /// Reading the rules or routes back.
        case readBack
    }

    /// A part of the kernel that can be absent.
    package enum KernelFeature: Hashable, Sendable {
        /// Netlink's netfilter family: CONFIG_NETFILTER_NETLINK.
        case netfilterNetlink
        /// nftables: CONFIG_NF_TABLES.
        case nftables
        /// Tables for both families: CONFIG_NF_TABLES_INET.
        case inetTables
        /// Address translation chains in inet tables: CONFIG_NFT_NAT, Linux 5.2.
        case nat
        /// The redirect statement: CONFIG_NFT_REDIR.
        case redirect
        /// Connection marks: CONFIG_NFT_CT.
        case connectionTracking
        /// Connection tracking zones: CONFIG_NF_CONNTRACK_ZONES.
        case connectionZones
        /// Tables for bridges: CONFIG_NF_TABLES_BRIDGE.
        case bridgeTables
        /// Matching of sockets by control group: CONFIG_NFT_SOCKET, Linux 5.13.
        case controlGroups
        /// Policy routing: CONFIG_IP_MULTIPLE_TABLES or CONFIG_IPV6_MULTIPLE_TABLES.
        case policyRouting(AddressFamily)
    }

    /// The network namespace could not be entered.
    case namespace(NetworkNamespaceError)
    /// No netlink socket could be opened.
    case socket(errno: CInt)
    /// The process may not change the network.
    case notPermitted(Step)
    /// The kernel lacks something.
    case unsupported(KernelFeature)
    /// The kernel refused for another reason.
    case refused(Step, errno: CInt, KernelMessage)
    /// The pod's loopback device is missing or down, so nothing could be redirected to it.
    case loopbackDown
    /// Somebody else kept changing the same rules.
    case busy(attempts: Int)
    /// No memory for a message.
    case outOfMemory
    /// The kernel's answer was not understood.
    case unexpectedAnswer(Step)
}

extension RedirectionError {
    /// Whether the same call may succeed a little later without anybody's help.
    package var isTransient: Bool {
        switch self {
        case .outOfMemory, .refused(_, errno: ENOMEM, _), .refused(_, errno: ENOBUFS, _): true
        case .namespace, .socket, .notPermitted, .unsupported, .refused, .loopbackDown, .busy, .unexpectedAnswer:
            isConflict
        }
    }

    /// Whether somebody else was changing the same (nfnetlink, rtnetlink, NLM_F_DUMP_INTR).
    var isConflict: Bool {
        switch self {
        case .busy: true
        // Another tunnel has taken the same elements out.
        case .refused(.addresses, errno: ENOENT, _): true
        case .refused(_, let errno, _): [EAGAIN, EBUSY, EINTR, ERESTART].contains(errno)
        case .namespace, .socket, .notPermitted, .unsupported, .loopbackDown, .outOfMemory, .unexpectedAnswer: false
        }
    }

    /// Reads a refusal of the kernel.
    ///
    /// ENOENT from a chain or a rule means that the kernel found no such chain type or expression, loaded or as a module
    /// (nf_tables_api.c); EOPNOTSUPP from the batch that nobody serves nftables (nfnetlink.c).
    init(_ step: Step, errno code: CInt, message: KernelMessage) {
        switch (step, code) {
        case (_, EPERM): self = .notPermitted(step)
        case (.commit, EOPNOTSUPP): self = .unsupported(.nftables)
        case (.table(.bridge), EAFNOSUPPORT), (.table(.bridge), EOPNOTSUPP): self = .unsupported(.bridgeTables)
        case (.table, EAFNOSUPPORT), (.table, EOPNOTSUPP): self = .unsupported(.inetTables)
        case (.chain, ENOENT), (.chain, EOPNOTSUPP): self = .unsupported(.nat)
        case (.rule(let chain, _), ENOENT):
            switch chain {
            case .zoneOutput, .markPrerouting, .markOutput: self = .unsupported(.connectionTracking)
            case .redirectPrerouting, .redirectOutput: self = .unsupported(.redirect)
            case .markProbes: self = .unsupported(.controlGroups)
            case .guardPrerouting, .guardBridge, .translateProbes: self = .unsupported(.nat)
            }
        case (.rule(.markProbes, _), EOPNOTSUPP): self = .unsupported(.controlGroups)
        case (.rule(.zoneOutput, _), EOPNOTSUPP): self = .unsupported(.connectionZones)
        case (.routeRule(let family), EOPNOTSUPP), (.routeRule(let family), EAFNOSUPPORT):
            self = .unsupported(.policyRouting(family))
        default: self = .refused(step, errno: code, message)
        }
    }
}

extension RedirectionError: CustomStringConvertible {
    /// One line for an operator that says what to do; the caller adds which pod.
    package var description: String {
        switch self {
        case .namespace(let error): "\(error)"
        case .socket(errno: EPROTONOSUPPORT): "\(RedirectionError.unsupported(.netfilterNetlink))"
        case .socket(let errno): "cannot open a netlink socket: \(Self.text(errno))"
        case .notPermitted(let step): "no permission to change \(step); CAP_NET_ADMIN is missing"
        case .unsupported(let feature): "the kernel lacks \(feature)"
        case .refused(let step, let errno, let message):
            "the kernel refused \(step): \(Self.text(errno))" + (message.isEmpty ? "" : " (\(message))")
        case .loopbackDown: "the pod's loopback device is down; the container runtime should have brought it up"
        case .busy(let attempts): "somebody else keeps changing the rules (\(attempts) attempts)"
        case .outOfMemory: "no memory left to describe the rules to the kernel"
        case .unexpectedAnswer(let step): "the kernel's answer about \(step) was not understood"
        }
    }

    private static func text(_ errno: CInt) -> String {
        // Safety: strerror(3) returns a C string that stays until this thread calls it again; it is copied at once.
        unsafe strerror(errno).map { unsafe String(cString: $0) } ?? "errno \(errno)"
    }
}

extension RedirectionError.Step: CustomStringConvertible {
    /// The step in words that follow "the kernel refused".
    package var description: String {
        switch self {
        case .loopback: "the state of the loopback device"
        case .table(let table): "the table \(table)"
        case .chain(let chain): "the chain \(chain.rawValue)"
        case .rule(let chain, let position): "rule \(position + 1) of the chain \(chain.rawValue)"
        case .addresses(let family): "the set \(family.setName)"
        case .commit: "the nftables rules"
        case .routeRule(let family): "the routing rule for \(family)"
        case .route(let family): "the local route for \(family)"
        case .readBack: "reading the rules and routes"
        }
    }
}

extension RedirectionError.KernelFeature: CustomStringConvertible {
    /// The feature with the module to load.
    package var description: String {
        switch self {
        case .netfilterNetlink: "netfilter over netlink: load the module nfnetlink"
        case .nftables: "nftables: load the module nf_tables"
        case .inetTables: "nftables for IPv4 and IPv6 together: CONFIG_NF_TABLES_INET in nf_tables"
        case .nat: "address translation in inet tables (Linux 5.2): load the module nft_chain_nat"
        case .redirect: "redirection: load the module nft_redir"
        case .connectionTracking: "connection marks: load the modules nft_ct and nf_conntrack"
        case .bridgeTables: "nftables for bridges: CONFIG_NF_TABLES_BRIDGE"
        case .controlGroups: "matching of sockets by control group (Linux 5.13): load the module nft_socket"
        case .connectionZones: "connection tracking zones: CONFIG_NF_CONNTRACK_ZONES"
        case .policyRouting(.ipv4): "policy routing: CONFIG_IP_MULTIPLE_TABLES"
        case .policyRouting(.ipv6): "policy routing for IPv6: CONFIG_IPV6_MULTIPLE_TABLES"
        }
    }
}
