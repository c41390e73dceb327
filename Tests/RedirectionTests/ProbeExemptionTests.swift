// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import LinuxIO
import Redirection
import Testing

/// What lies in the node's network namespace, as nft(8) sees it; Tests/EndToEnd/test_probes.py sends probes through it.
@Suite("ProbeExemption")
struct ProbeExemptionTests {
    private static let kubelet = ControlGroup(number: 0x1234, level: 1)

    private static func plan(_ pods: [String], _ kubelet: ControlGroup = kubelet) -> ProbePlan {
        ProbePlan(kubelet: kubelet, pods: Set(pods.compactMap { IPAddress($0) }))
    }

    private static func ruleset(_ pod: TestPod) throws -> [String] {
        try pod.inPod { try Shell.lines("nft list ruleset") }
    }

    @Test("nft(8) lists exactly these rules: who may not use the address, whose connections are marked, which get it")
    func golden() throws {
        let node = try TestPod()
        try ProbeExemption().apply(Self.plan(["10.0.0.5", "10.0.0.6", "fd00::5"]), in: node.pod)
        let lines = try Self.ruleset(node)
        for family in ["ip saddr 169.254.7.127", "ip6 saddr fd16:9254:7127:1337:ffff:ffff:ffff:ffff"] {
            #expect(lines.count { $0 == "\(family) counter drop" } == 3, "routed, the node's own, bridged")
        }
        #expect(lines.contains("elements = { 10.0.0.5, 10.0.0.6 }") && lines.contains("elements = { fd00::5 }"))
        let marks = lines.filter { $0.contains("socket cgroupv2 level 1") }
        #expect(marks.count == 2)
        #expect(marks.allSatisfy { $0.hasSuffix("counter ct mark set ct mark & 0xfffff111 | 0x00000111") })
        #expect(marks[0].hasPrefix("ip daddr @pods-ipv4 tcp flags syn / fin,syn,rst,ack"))
        #expect(
            lines.filter { $0.contains("snat") } == [
                "ip daddr @pods-ipv4 meta l4proto tcp ct mark & 0x00000fff == 0x00000111 counter snat ip to 169.254.7.127",
                "ip6 daddr @pods-ipv6 meta l4proto tcp ct mark & 0x00000fff == 0x00000111 counter snat ip6 to "
                    + "fd16:9254:7127:1337:ffff:ffff:ffff:ffff",
            ])
        #expect(lines.contains("type nat hook postrouting priority srcnat - 1; policy accept;"))
        #expect(lines.contains("table bridge ambit-node {"))
    }

    @Test("pods that come and go change the addresses alone: the rules keep what their counters have counted")
    func addresses() throws {
        let node = try TestPod()
        let exemption = try ProbeExemption()
        try exemption.apply(Self.plan(["10.0.0.5", "fd00::5"]), in: node.pod)
        let handles = { try node.inPod { try Shell.run("nft -a list table inet ambit-node | grep handle") } }
        let before = try handles()
        try exemption.apply(Self.plan(["10.0.0.6", "fd00::5", "fd00::6"]), in: node.pod)
        #expect(try handles() == before)
        let lines = try Self.ruleset(node)
        #expect(lines.contains("elements = { 10.0.0.6 }") && lines.contains { $0.hasPrefix("elements = { fd00::5") })
        try exemption.apply(Self.plan([], ControlGroup(number: 0x4321, level: 2)), in: node.pod)
        #expect(try Self.ruleset(node).count { $0.contains("socket cgroupv2 level 2") } == 2)
        #expect(try !Self.ruleset(node).contains { $0.hasPrefix("elements") })
    }

    @Test("a node has hundreds of pods: what is written is what was meant, and what is too much is left out")
    func many() throws {
        let node = try TestPod()
        let exemption = try ProbeExemption()
        let pods = (0..<UInt32(ProbePlan.maximumAddresses + 10)).map { IPAddress(v4: 0x0A00_0000 + $0) }
        let plan = ProbePlan(kubelet: Self.kubelet, pods: Set(pods))
        #expect(plan.pods == Set(pods.prefix(ProbePlan.maximumAddresses)))
        try exemption.apply(plan, in: node.pod)
        let listed = { try node.inPod { try Shell.run("nft -a list table inet ambit-node") } }
        let before = try listed()
        try exemption.apply(plan, in: node.pod)
        #expect(try listed() == before, "nothing was to be changed")
        #expect(before.contains("10.0.15.255") && !before.contains("10.0.16.0"))
    }

    @Test("an attempt leaves nothing and touches nothing that is there; removal leaves nothing and may be repeated")
    func attempt() throws {
        let node = try TestPod()
        let exemption = try ProbeExemption()
        try exemption.attempt(Self.kubelet, in: node.pod)
        #expect(try Self.ruleset(node) == [])
        try exemption.apply(Self.plan(["10.0.0.5"]), in: node.pod)
        let written = try Self.ruleset(node)
        try exemption.attempt(ControlGroup(number: 1, level: 1), in: node.pod)
        #expect(try Self.ruleset(node) == written)
        for _ in 0..<2 { try exemption.remove(in: node.pod) }
        #expect(try Self.ruleset(node) == [])
    }
}
