// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// The rules and routes of one pod as a value: what `PodRedirection` writes into the kernel and compares it with.
///
/// The semantics are those of ztunnel's in-pod rules; docs/redirection.md tells a packet's way through them.
package struct RedirectionPlan: Hashable, Sendable {
    /// Replies of connections with this mark are routed by `routeTable`.
    package let connectionMark: FirewallMark
    /// The table that holds one route per family: everything is local, by the loopback device.
    package let routeTable: UInt32
    /// The preference of the rule that selects the table.
    package let routeRulePreference: UInt32
    /// How many entries of the exclusion lists were left out because a list was too long: worth a warning.
    package let ignoredExclusions: Int
    private let rulesByChain: [NetfilterChain: [RedirectionRule]]

    /// The rules of a chain, in order.
    package func rules(of chain: NetfilterChain) -> [RedirectionRule] { rulesByChain[chain] ?? [] }

    /// The content of the table `inet ambit`.
    var table: NetfilterPlan { NetfilterPlan(name: .pod, rules: rulesByChain) }

    /// Makes the rules for a pod.
    ///
    /// Entries of an exclusion list beyond `RedirectionOptions.maximumExclusions` have no effect: what is too much stays
    /// captured, the secure side. Repeated entries count once.
    package init(_ options: RedirectionOptions) {
        connectionMark = options.connectionMark
        routeTable = options.routeTable
        routeRulePreference = options.routeRulePreference
        ignoredExclusions =
            Self.excess(options.excludedInboundPorts) + Self.excess(options.excludedInboundCIDRs)
            + Self.excess(options.excludedOutboundPorts) + Self.excess(options.excludedOutboundCIDRs)
        rulesByChain = [
            .zoneOutput: [
                RedirectionRule(
                    .leavesByLoopback, .transport(.tcp), .packetMark(options.packetMark),
                    then: .setOriginalConnectionZone(options.connectionZone))
            ],
            .markPrerouting: [
                RedirectionRule(.packetMark(options.packetMark), then: .setConnectionMark(options.connectionMark))
            ],
            .markOutput: [
                RedirectionRule(.connectionMark(options.connectionMark), then: .restorePacketMark)
            ],
            .redirectPrerouting: options.capturesInbound ? Self.inbound(options) : [],
            .redirectOutput: Self.outbound(options),
        ]
    }

    private init(draining plan: RedirectionPlan) {
        connectionMark = plan.connectionMark
        routeTable = plan.routeTable
        routeRulePreference = plan.routeRulePreference
        ignoredExclusions = 0
        rulesByChain = plan.rulesByChain.filter { $0.key != .redirectPrerouting && $0.key != .redirectOutput }
    }

    /// The plan of a pod that leaves: nothing new is captured, what is captured already keeps working.
    ///
    /// The chains stay, because the kernel undoes address translation of live connections only while a table asks for it.
    package var draining: RedirectionPlan { RedirectionPlan(draining: self) }

    // Only a SYN is redirected: the kernel takes the first packet it tracks for a new connection, also in the middle of
    // one that is older than our rules (nf_conntrack_tcp_loose), and translating that would reset it.
    //
    // Connections from the pod's own addresses never come here: they were decided in the output chain.
    private static func inbound(_ options: RedirectionOptions) -> [RedirectionRule] {
        var rules: [RedirectionRule] = []
        if options.exemptsProbes {
            rules += AddressFamily.allCases.map {
                RedirectionRule(.family($0), .source(options.probe($0)), .transport(.tcp), then: .accept)
            }
        }
        rules += limited(options.excludedInboundPorts).map {
            RedirectionRule(.transport(.tcp), .destinationPorts($0), then: .accept)
        }
        rules += limited(options.excludedInboundCIDRs).map {
            RedirectionRule(
                .family(AddressFamily($0)), $0.prefixLength > 0 ? .source($0) : nil, .transport(.tcp), then: .accept)
        }
        rules += AddressFamily.allCases.map {
            RedirectionRule(
                .family($0), .destinationOutside($0.loopback), .transport(.tcp), .opensConnection,
                .destinationPortOtherThan(options.tunnelPort), .packetMarkOtherThan(options.packetMark),
                then: .redirect(port: options.inboundPort))
        }
        return rules
    }

    private static func outbound(_ options: RedirectionOptions) -> [RedirectionRule] {
        var rules: [RedirectionRule] = []
        if options.exemptsProbes {
            rules += AddressFamily.allCases.map {
                RedirectionRule(.family($0), .destination(options.probe($0)), .transport(.tcp), then: .accept)
            }
        }
        // DNS capture (port 53 to 15053) belongs here, before the loopback rule.
        rules.append(RedirectionRule(.transport(.tcp), .packetMark(options.connectionMark), then: .accept))
        // A pod that calls itself by its own address stays within itself.
        rules += AddressFamily.allCases.map {
            RedirectionRule(.family($0), .destinationOutside($0.loopback), .leavesByLoopback, then: .accept)
        }
        rules += limited(options.excludedOutboundPorts).map {
            RedirectionRule(.transport(.tcp), .destinationPorts($0), then: .accept)
        }
        rules += limited(options.excludedOutboundCIDRs).map {
            RedirectionRule(
                .family(AddressFamily($0)), $0.prefixLength > 0 ? .destination($0) : nil, .transport(.tcp),
                then: .accept)
        }
        rules += AddressFamily.allCases.map {
            RedirectionRule(
                .family($0), .destinationOutside($0.loopback), .transport(.tcp), .opensConnection,
                .packetMarkOtherThan(options.packetMark), then: .redirect(port: options.outboundPort))
        }
        return rules
    }

    private static func limited<Entry: Hashable>(_ entries: [Entry]) -> ArraySlice<Entry> {
        distinct(entries).prefix(RedirectionOptions.maximumExclusions)
    }

    private static func excess(_ entries: [some Hashable]) -> Int {
        max(0, distinct(entries).count - RedirectionOptions.maximumExclusions)
    }

    private static func distinct<Entry: Hashable>(_ entries: [Entry]) -> [Entry] {
        var seen: Set<Entry> = []
        return entries.filter { seen.insert($0).inserted }
    }
}

extension RedirectionOptions {
    fileprivate func probe(_ family: AddressFamily) -> CIDR { CIDR(only: probeAddress(family)) }
}

extension AddressFamily {
    /// 127.0.0.1/32 or ::1/128; the rest of 127.0.0.0/8 leaves by the loopback device and needs no rule of its own.
    fileprivate var loopback: CIDR { CIDR(only: self == .ipv4 ? .loopbackV4 : .loopbackV6) }
}
