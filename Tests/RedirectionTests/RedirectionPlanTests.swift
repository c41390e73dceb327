// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Redirection
import Testing

/// The rules as values, without a kernel.
@Suite("RedirectionPlan")
struct RedirectionPlanTests {
    private static func rules(
        _ chain: NetfilterChain, _ change: (inout RedirectionOptions) -> Void = { _ in }
    ) -> [String] {
        var options = RedirectionOptions()
        change(&options)
        return RedirectionPlan(options).rules(of: chain).map(\.description)
    }

    /// Only the segment that opens a connection is redirected.
    private static let opens = "tcp flags & (fin | syn | rst | ack) == syn"

    @Test("ztunnel §3.1: the default plan has the rules of an ambient pod, in their order")
    func defaults() {
        #expect(
            Self.rules(.zoneOutput) == [
                "oifname \"lo\" meta l4proto tcp meta mark & 0xfff == 0x539 counter ct original zone set 1"
            ])
        #expect(
            Self.rules(.markPrerouting) == [
                "meta mark & 0xfff == 0x539 counter ct mark set ct mark & 0xfffff000 ^ 0x111"
            ])
        #expect(Self.rules(.markOutput) == ["ct mark & 0xfff == 0x111 counter meta mark set ct mark"])
        #expect(
            Self.rules(.redirectPrerouting) == [
                "meta nfproto ipv4 ip saddr 169.254.7.127 meta l4proto tcp counter accept",
                "meta nfproto ipv6 ip6 saddr fd16:9254:7127:1337:ffff:ffff:ffff:ffff meta l4proto tcp counter accept",
                "meta nfproto ipv4 ip daddr != 127.0.0.1 meta l4proto tcp \(Self.opens) th dport != 15008 "
                    + "meta mark & 0xfff != 0x539 counter redirect to :15006",
                "meta nfproto ipv6 ip6 daddr != ::1 meta l4proto tcp \(Self.opens) th dport != 15008 "
                    + "meta mark & 0xfff != 0x539 counter redirect to :15006",
            ])
        #expect(
            Self.rules(.redirectOutput) == [
                "meta nfproto ipv4 ip daddr 169.254.7.127 meta l4proto tcp counter accept",
                "meta nfproto ipv6 ip6 daddr fd16:9254:7127:1337:ffff:ffff:ffff:ffff meta l4proto tcp counter accept",
                "meta l4proto tcp meta mark & 0xfff == 0x111 counter accept",
                "meta nfproto ipv4 ip daddr != 127.0.0.1 oifname \"lo\" counter accept",
                "meta nfproto ipv6 ip6 daddr != ::1 oifname \"lo\" counter accept",
                "meta nfproto ipv4 ip daddr != 127.0.0.1 meta l4proto tcp \(Self.opens) "
                    + "meta mark & 0xfff != 0x539 counter redirect to :15001",
                "meta nfproto ipv6 ip6 daddr != ::1 meta l4proto tcp \(Self.opens) "
                    + "meta mark & 0xfff != 0x539 counter redirect to :15001",
            ])
    }

    @Test("every option changes the rules it is about, and no others")
    func options() throws {
        #expect(Self.rules(.redirectPrerouting) { $0.capturesInbound = false } == [])
        #expect(Self.rules(.redirectOutput) { $0.capturesInbound = false } == Self.rules(.redirectOutput))
        for chain in [NetfilterChain.redirectPrerouting, .redirectOutput] {
            #expect(Self.rules(chain) { $0.exemptsProbes = false } == Array(Self.rules(chain).dropFirst(2)))
        }
        let ports = Self.rules(.redirectPrerouting) {
            $0.tunnelPort = 1
            $0.inboundPort = 2
            $0.outboundPort = 3
        }
        #expect(ports.suffix(2).allSatisfy { $0.contains("dport != 1 ") && $0.hasSuffix("redirect to :2") })
        let marks = Self.rules(.markPrerouting) {
            $0.packetMark = FirewallMark(0xFF, mask: 0xF0)
            $0.connectionMark = FirewallMark(1, mask: 1)
        }
        #expect(marks == ["meta mark & 0xf0 == 0xf0 counter ct mark set ct mark & 0xfffffffe ^ 0x1"])
    }

    @Test("issue 2: exclusions come before the redirection, in the family and direction they are about")
    func exclusions() {
        let excluding: (inout RedirectionOptions) -> Void = {
            $0.excludedInboundPorts = [22...22]
            $0.excludedInboundCIDRs = [CIDR("10.0.0.0/8"), CIDR("::/0")].compactMap(\.self)
            $0.excludedOutboundPorts = [8000...8999]
            $0.excludedOutboundCIDRs = [CIDR("2001:db8::/32"), CIDR("0.0.0.0/0")].compactMap(\.self)
        }
        let inbound = Self.rules(.redirectPrerouting, excluding)
        #expect(
            inbound[2..<5] == [
                "meta l4proto tcp th dport 22 counter accept",
                "meta nfproto ipv4 ip saddr 10.0.0.0/8 meta l4proto tcp counter accept",
                "meta nfproto ipv6 meta l4proto tcp counter accept",
            ])
        let outbound = Self.rules(.redirectOutput, excluding)
        #expect(
            outbound[5..<8] == [
                "meta l4proto tcp th dport 8000-8999 counter accept",
                "meta nfproto ipv6 ip6 daddr 2001:db8::/32 meta l4proto tcp counter accept",
                "meta nfproto ipv4 meta l4proto tcp counter accept",
            ])
        for rules in [inbound, outbound] {
            #expect(
                rules.suffix(2).allSatisfy { $0.contains("redirect") }
                    && rules.dropLast(2).allSatisfy { $0.hasSuffix("accept") })
        }
    }

    @Test("what exceeds an exclusion list's limit stays captured and is counted; repetitions count once")
    func limit() {
        var options = RedirectionOptions()
        let ports = (1...100).map { UInt16($0)...UInt16($0) }
        options.excludedInboundPorts = ports + ports
        options.excludedOutboundPorts = ports.dropLast(36) + ports.dropLast(36)
        let plan = RedirectionPlan(options)
        #expect(plan.ignoredExclusions == 36)
        #expect(plan.rules(of: .redirectPrerouting).count == 4 + RedirectionOptions.maximumExclusions)
        #expect(plan.rules(of: .redirectOutput).count == 7 + RedirectionOptions.maximumExclusions)
    }

    @Test("issue 2: a pod that leaves keeps the marks of live connections and captures nothing")
    func draining() {
        let plan = RedirectionPlan(RedirectionOptions())
        for chain in [NetfilterChain.zoneOutput, .markPrerouting, .markOutput] {
            #expect(plan.draining.rules(of: chain) == plan.rules(of: chain))
        }
        #expect(plan.draining.rules(of: .redirectPrerouting) == [])
        #expect(plan.draining.rules(of: .redirectOutput) == [])
        #expect(plan.draining != plan)
    }

    @Test("no loops: no chain redirects a packet that carries the tunnel's mark")
    func noLoops() {
        let plan = RedirectionPlan(RedirectionOptions())
        for rule in NetfilterTableName.pod.chains.flatMap(plan.rules) {
            guard case .redirect = rule.statement else { continue }
            #expect(rule.matches.contains(.packetMarkOtherThan(.tunnelPackets)))
        }
    }
}
