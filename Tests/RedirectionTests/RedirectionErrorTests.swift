// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxIO
import Testing

@testable import Redirection

/// What an operator reads, and what a caller may try again.
@Suite("RedirectionError")
struct RedirectionErrorTests {
    @Test(
        "a refusal is told by what was asked for and names what to do",
        arguments: [
            (.commit, EPERM, "CAP_NET_ADMIN"),  // nfnetlink.c: the whole batch
            (.routeRule(.ipv4), EPERM, "CAP_NET_ADMIN"),  // rtnetlink.c
            (.commit, EOPNOTSUPP, "nf_tables"),  // nfnetlink.c: nobody serves the subsystem
            (.table(.pod), EAFNOSUPPORT, "CONFIG_NF_TABLES_INET"),
            (.chain(.redirectOutput), ENOENT, "nft_chain_nat"),  // nf_tables_api.c: no such chain type
            (.rule(.redirectOutput, position: 3), ENOENT, "nft_redir"),  // no such expression
            (.rule(.markOutput, position: 0), ENOENT, "nft_ct"),
            (.rule(.zoneOutput, position: 0), EOPNOTSUPP, "CONFIG_NF_CONNTRACK_ZONES"),  // nft_ct.c
            (.table(.bridge), EOPNOTSUPP, "CONFIG_NF_TABLES_BRIDGE"),
            (.rule(.markProbes, position: 2), ENOENT, "nft_socket"),
            (.rule(.markProbes, position: 2), EOPNOTSUPP, "Linux 5.13"),
            (.routeRule(.ipv6), EAFNOSUPPORT, "CONFIG_IPV6_MULTIPLE_TABLES"),
            (
                .rule(.redirectOutput, position: 3), EINVAL,
                "rule 4 of the chain redirect-output: Invalid argument (why)"
            ),
            (.route(.ipv6), EACCES, "local route for ipv6: Permission denied (why)"),
        ] as [(RedirectionError.Step, CInt, String)])
    func refusals(step: RedirectionError.Step, errno: CInt, words: String) {
        let error = RedirectionError(step, errno: errno, message: KernelMessage(Array("why".utf8).span))
        #expect(error.description.contains(words))
        #expect(!error.isTransient)
    }

    @Test(
        "only conflicts and shortages are worth another try",
        arguments: [EAGAIN, EBUSY, EINTR, ERESTART, ENOMEM, ENOBUFS])
    func transient(errno: CInt) {
        #expect(RedirectionError(.commit, errno: errno, message: KernelMessage()).isTransient)
        #expect(RedirectionError.busy(attempts: 5).isTransient)
    }

    @Test(
        "no error is a sentence of more than one line",
        arguments: [
            RedirectionError.namespace(.open(errno: ENOENT)), .namespace(.enter(errno: EPERM)),
            .socket(errno: EPROTONOSUPPORT),
            .socket(errno: EMFILE), .loopbackDown, .busy(attempts: 5), .outOfMemory, .unexpectedAnswer(.readBack),
        ])
    func oneLine(error: RedirectionError) {
        #expect(!error.description.isEmpty && !error.description.contains("\n"))
    }

    @Test("NETLINK_EXT_ACK: a message of the kernel is kept up to 80 octets")
    func kernelMessage() {
        let long = KernelMessage(Array(String(repeating: "x", count: 200).utf8).span)
        #expect(long.description == String(repeating: "x", count: 80))
        #expect(KernelMessage().isEmpty && !long.isEmpty)
        #expect(KernelMessage(Array("a".utf8).span) != KernelMessage(Array("b".utf8).span))
    }

    @Test("NETLINK_EXT_ACK: the kernel's own words reach the error")
    func extendedAcknowledgement() throws {
        let pod = try TestPod()
        try pod.inPod { try Shell.run("ip -6 rule; echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6") }
        let plan = RedirectionPlan(RedirectionOptions())
        let routing = try pod.inPod { try PolicyRouting() }
        let loopback = PolicyRouting.Loopback(index: 1, isUp: true, hasIPv6: true)
        let error = #expect(throws: RedirectionError.self) { try routing.add(plan, by: loopback) }
        #expect(
            error?.description.hasPrefix("the kernel refused the local route for ipv6: Permission denied (IPv6 is")
                == true)
    }
}
