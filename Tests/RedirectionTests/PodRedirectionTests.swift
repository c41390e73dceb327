// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import CLinux
import Glibc
import LinuxIO
import Redirection
import Testing

/// What lies in the kernel afterwards, as nft(8) and ip(8) see it.
@Suite("PodRedirection")
struct PodRedirectionTests {
    private static let ruleset = "nft list ruleset"
    private static let routing = "ip -4 rule; ip -6 rule; ip -4 route show table all; ip -6 route show table all"
    private static let plan = RedirectionPlan(RedirectionOptions())

    /// Every plan that differs in shape.
    private static let plans: [RedirectionPlan] = {
        var excluding = RedirectionOptions()
        excluding.excludedInboundPorts = [22...22, 9090...9099]
        excluding.excludedOutboundPorts = [5432...5432, 0...65535]
        excluding.excludedInboundCIDRs = ["0.0.0.0/0", "fd00::/8", "10.1.2.3/32"].compactMap { CIDR($0) }
        excluding.excludedOutboundCIDRs = ["10.0.0.0/9", "::/0", "2001:db8::/33"].compactMap { CIDR($0) }
        var bypass = RedirectionOptions()
        bypass.capturesInbound = false
        var unexempted = RedirectionOptions()
        unexempted.exemptsProbes = false
        return [plan, plan.draining] + [excluding, bypass, unexempted].map { RedirectionPlan($0) }
    }()

    @Test("ztunnel §3.1: nft(8) lists exactly these rules")
    func golden() throws {
        let pod = try TestPod()
        try PodRedirection().apply(Self.plan, in: pod.pod)
        let opens = "tcp flags syn / fin,syn,rst,ack"
        let unmarked = "meta mark & 0x00000fff != 0x00000539"
        let expected = """
            table inet ambit {
            chain zone-output {
            type filter hook output priority raw; policy accept;
            oifname "lo" meta l4proto tcp meta mark & 0x00000fff == 0x00000539 counter ct original zone set 1
            }
            chain mark-prerouting {
            type filter hook prerouting priority mangle; policy accept;
            meta mark & 0x00000fff == 0x00000539 counter ct mark set ct mark & 0xfffff111 | 0x00000111
            }
            chain mark-output {
            type route hook output priority mangle; policy accept;
            ct mark & 0x00000fff == 0x00000111 counter meta mark set ct mark
            }
            chain redirect-prerouting {
            type nat hook prerouting priority dstnat; policy accept;
            ip saddr 169.254.7.127 meta l4proto tcp counter accept
            ip6 saddr fd16:9254:7127:1337:ffff:ffff:ffff:ffff meta l4proto tcp counter accept
            ip daddr != 127.0.0.1 \(opens) tcp dport != 15008 \(unmarked) counter redirect to :15006
            ip6 daddr != ::1 \(opens) tcp dport != 15008 \(unmarked) counter redirect to :15006
            }
            chain redirect-output {
            type nat hook output priority -100; policy accept;
            ip daddr 169.254.7.127 meta l4proto tcp counter accept
            ip6 daddr fd16:9254:7127:1337:ffff:ffff:ffff:ffff meta l4proto tcp counter accept
            meta l4proto tcp meta mark & 0x00000fff == 0x00000111 counter accept
            ip daddr != 127.0.0.1 oifname "lo" counter accept
            ip6 daddr != ::1 oifname "lo" counter accept
            ip daddr != 127.0.0.1 \(opens) \(unmarked) counter redirect to :15001
            ip6 daddr != ::1 \(opens) \(unmarked) counter redirect to :15001
            }
            }
            """
        #expect(try pod.inPod { try Shell.lines(Self.ruleset) } == expected.split(separator: "\n").map(String.init))
    }

    @Test("ztunnel §3.1: ip(8) lists the rule and the local route, for both families")
    func routes() throws {
        let pod = try TestPod()
        let before = try pod.inPod { try Shell.lines(Self.routing) }
        try PodRedirection().apply(Self.plan, in: pod.pod)
        let added = try pod.inPod { try Shell.lines(Self.routing) }.filter { !before.contains($0) }
        #expect(
            added == [
                "32764: from all fwmark 0x111/0xfff lookup 100",
                "32764: from all fwmark 0x111/0xfff lookup 100",
                "local default dev lo table 100 scope host",
                "local default dev lo table 100 metric 1024 pref medium",
            ])
    }

    @Test("the text of a plan's rules is what nft(8) understands as the same rules", arguments: plans)
    func description(plan: RedirectionPlan) throws {
        let pod = try TestPod()
        try PodRedirection().apply(plan, in: pod.pod)
        let written = try pod.inPod { try Shell.lines(Self.ruleset) }
        for chain in NetfilterTableName.pod.chains {
            for rule in plan.rules(of: chain) {
                let text = rule.description.split(separator: "\"").joined(separator: "\\\"")
                try pod.inPod { try Shell.run("nft \"add rule inet ambit \(chain.rawValue) \(text)\"") }
            }
        }
        // Every rule is there twice now, once from us and once from nft(8), and both are listed alike.
        let twice = try pod.inPod { try Shell.lines(Self.ruleset) }
        #expect(Set(twice) == Set(written))
        #expect(
            twice.count == written.count + NetfilterTableName.pod.chains.reduce(0) { $0 + plan.rules(of: $1).count })
    }

    @Test("apply is idempotent, and verify finds nothing to object to", arguments: plans)
    func twice(plan: RedirectionPlan) throws {
        let pod = try TestPod()
        let redirection = try PodRedirection()
        try redirection.apply(plan, in: pod.pod)
        let once = try pod.inPod { try Shell.lines(Self.ruleset) + Shell.lines(Self.routing) }
        #expect(try redirection.verify(plan, in: pod.pod) == [])
        try redirection.apply(plan, in: pod.pod)
        #expect(try pod.inPod { try Shell.lines(Self.ruleset) + Shell.lines(Self.routing) } == once)
        #expect(try redirection.verify(plan, in: pod.pod) == [])
    }

    @Test("apply replaces another plan completely")
    func replaces() throws {
        let pod = try TestPod()
        let redirection = try PodRedirection()
        for plan in Self.plans + Self.plans.reversed() {
            try redirection.apply(plan, in: pod.pod)
            #expect(try redirection.verify(plan, in: pod.pod) == [])
        }
    }

    @Test("remove leaves no trace, touches nothing of others, and may be repeated", arguments: plans)
    func remove(plan: RedirectionPlan) throws {
        let pod = try TestPod()
        let state = "\(Self.ruleset); \(Self.routing); nft list tables"
        try pod.inPod {
            try Shell.run(
                """
                nft add table inet others
                nft add chain inet others output '{ type nat hook output priority -100; }'
                ip rule add fwmark 0x111/0xfff pref 32763 lookup 101
                ip route add local 10.5.0.0/16 dev lo table 100
                """)
        }
        let before = try pod.inPod { try Shell.run(state) }
        let redirection = try PodRedirection()
        try redirection.remove(plan, in: pod.pod)
        try redirection.apply(plan, in: pod.pod)
        #expect(try pod.inPod { try Shell.run(state) } != before)
        for _ in 1...2 {
            try redirection.remove(plan, in: pod.pod)
            #expect(try pod.inPod { try Shell.run(state) } == before)
        }
    }

    @Test(
        "verify names what was changed, and apply repairs it",
        arguments: [
            ("nft delete table inet ambit", [.tableMissing]),
            ("nft add table inet ambit '{ flags dormant; }'", [.tableDormant]),
            (
                "nft flush chain inet ambit mark-output; nft delete chain inet ambit mark-output",
                [.chainMissing(.markOutput)]
            ),
            ("nft chain inet ambit redirect-output '{ policy drop; }'", [.chainMoved(.redirectOutput)]),
            ("nft add chain inet ambit foreign", [.chainUnexpected(name: "foreign")]),
            ("nft insert rule inet ambit redirect-output accept", [.rulesDiffer(.redirectOutput, position: 0)]),
            ("nft add rule inet ambit mark-prerouting accept", [.rulesDiffer(.markPrerouting, position: 1)]),
            ("nft flush chain inet ambit redirect-prerouting", [.rulesDiffer(.redirectPrerouting, position: 0)]),
            ("ip rule del pref 32764", [.routeRuleMissing(.ipv4)]),
            ("ip -6 rule del pref 32764", [.routeRuleMissing(.ipv6)]),
            ("ip rule del pref 32764; ip rule add fwmark 0x111/0xff pref 32764 lookup 100", [.routeRuleMissing(.ipv4)]),
            ("ip route flush table 100", [.routeMissing(.ipv4)]),
            ("ip -6 route flush table 100", [.routeMissing(.ipv6)]),
            ("ip route replace blackhole default table 100", [.routeMissing(.ipv4)]),
        ] as [(String, [RedirectionDifference])])
    func differences(command: String, differences: [RedirectionDifference]) throws {
        let pod = try TestPod()
        let redirection = try PodRedirection()
        try redirection.apply(Self.plan, in: pod.pod)
        try pod.inPod { try Shell.run(command) }
        #expect(try redirection.verify(Self.plan, in: pod.pod) == differences)
        try redirection.apply(Self.plan, in: pod.pod)
        #expect(try redirection.verify(Self.plan, in: pod.pod) == [])
    }

    @Test("a pod that was never enrolled differs in everything")
    func neverEnrolled() throws {
        let pod = try TestPod()
        #expect(
            try PodRedirection().verify(Self.plan, in: pod.pod) == [
                .tableMissing, .routeRuleMissing(.ipv4), .routeMissing(.ipv4), .routeRuleMissing(.ipv6),
                .routeMissing(.ipv6),
            ])
    }

    @Test("a pod whose loopback is down is refused before anything changes")
    func loopbackDown() throws {
        let pod = try TestPod(loopbackUp: false)
        let redirection = try PodRedirection()
        #expect(throws: RedirectionError.loopbackDown) { try redirection.apply(Self.plan, in: pod.pod) }
        #expect(try pod.inPod { try Shell.lines(Self.ruleset) } == [])
        #expect(try redirection.verify(Self.plan, in: pod.pod).last == .loopbackDown)
    }

    @Test("ztunnel §3.1: without IPv6 on the loopback device only IPv4 is routed")
    func withoutIPv6() throws {
        let pod = try TestPod()
        let redirection = try PodRedirection()
        try pod.inPod { try Shell.run("echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6") }
        let before = try pod.inPod { try Shell.run("ip -6 rule; ip -6 route show table all") }
        try redirection.apply(Self.plan, in: pod.pod)
        #expect(try redirection.verify(Self.plan, in: pod.pod) == [])
        #expect(try pod.inPod { try Shell.run("ip -6 rule; ip -6 route show table all") } == before)
        try redirection.remove(Self.plan, in: pod.pod)
        #expect(try pod.inPod { try Shell.run("ip -6 rule; ip -6 route show table all") } == before)
    }

    @Test("without CAP_NET_ADMIN the error names the capability, and nothing changes")
    func notPermitted() async throws {
        let pod = try TestPod()
        let redirection = try PodRedirection()
        let error = try withoutNetworkAdministration {
            #expect(throws: RedirectionError.self) { try redirection.apply(Self.plan, in: pod.pod) }
        }
        #expect(error?.description.contains("CAP_NET_ADMIN") == true)
        #expect(try redirection.verify(Self.plan, in: pod.pod).count == 5)
    }

    @Test("many callers at once leave one of their plans, whole")
    func concurrency() async throws {
        let pod = try TestPod()
        await withTaskGroup(of: RedirectionError?.self) { group in
            for index in 0..<16 {
                group.addTask {
                    do throws(RedirectionError) {
                        let redirection = try PodRedirection()
                        try redirection.apply(Self.plans[index % Self.plans.count], in: pod.pod)
                        _ = try redirection.verify(Self.plan, in: pod.pod)
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            for await error in group { #expect(error == nil) }
        }
        let redirection = try PodRedirection()
        #expect(try Self.plans.contains { try redirection.verify($0, in: pod.pod) == [] })
    }

    @Test("design §9: the longest plan fits one batch")
    func longestPlan() throws {
        let pod = try TestPod()
        var options = RedirectionOptions()
        options.excludedInboundPorts = (1...100).map { 20000...(20000 + $0) }
        options.excludedOutboundPorts = (0..<100).map { (20000 + $0)...(20000 + $0) }
        options.excludedInboundCIDRs = (0..<100).compactMap {
            CIDR(IPAddress(high: 1, low: $0 << 32), prefixLength: 97)
        }
        options.excludedOutboundCIDRs = options.excludedInboundCIDRs
        let plan = RedirectionPlan(options)
        try PodRedirection().apply(plan, in: pod.pod)
        #expect(try PodRedirection().verify(plan, in: pod.pod) == [])
        #expect(try pod.inPod { try Shell.lines(Self.ruleset) }.count == 2 + 5 * 3 + 14 + 4 * 64)
    }

    @Test("apply leaves rules alone that are right already, with what they counted")
    func counters() throws {
        let pod = try TestPod()
        let redirection = try PodRedirection()
        try redirection.apply(Self.plan, in: pod.pod)
        let listener = try pod.inPod { try TestSocket.listening(on: 15001, mark: 0x539) }
        _ = try pod.inPod { try TestSocket.connected(to: TestPod.clientV4, 80) }
        _ = try listener.accept()
        let counted = { try pod.inPod { try Shell.run("nft list chain inet ambit redirect-output") } }
        let before = try counted()
        #expect(before.contains("packets 1 bytes"))
        try redirection.apply(Self.plan, in: pod.pod)
        #expect(try counted() == before)
    }

    @Test("9000 pods on a node: a new pod, and one that is enrolled already, take under 5 ms of CPU")
    func cost() throws {
        let pod = try TestPod()
        let redirection = try PodRedirection()
        var fresh: [Double] = []
        var again: [Double] = []
        for _ in 0..<10 {
            fresh.append(try threadTime { try redirection.apply(Self.plan, in: pod.pod) })
            again.append(try threadTime { try redirection.apply(Self.plan, in: pod.pod) })
            try redirection.remove(Self.plan, in: pod.pod)
        }
        #if AMBIT_TSAN
            let bound = 0.05
        #else
            let bound = 0.005
        #endif
        // What runs beside, and sanitizers, make it longer and never shorter.
        #expect(fresh.contains { $0 < bound }, "\(fresh)")
        #expect(again.contains { $0 < bound }, "\(again)")
    }
}

/// Seconds of CPU, the kernel's included, that `body` uses on this thread: other work on the machine does not count.
private func threadTime(_ body: () throws -> Void) rethrows -> Double {
    func now() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
    let before = now()
    try body()
    return now() - before
}

/// Runs `body` on this thread without CAP_NET_ADMIN in its effective set (capabilities(7) are a thread's own).
private func withoutNetworkAdministration<Value>(_ body: () throws -> Value) throws -> Value {
    var header: (version: UInt32, pid: CInt) = (0x2008_0522, 0)
    var sets: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0, 0, 0)
    guard unsafe CLinux_capget(&header, &sets) == 0 else { throw TestFailure("capget: errno \(errno)") }
    var reduced = sets
    reduced.0 &= ~(1 << 12)
    guard unsafe CLinux_capset(&header, &reduced) == 0 else { throw TestFailure("capset: errno \(errno)") }
    defer { if unsafe CLinux_capset(&header, &sets) != 0 { abort() } }
    return try body()
}
