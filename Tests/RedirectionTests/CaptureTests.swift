// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import LinuxIO
import Redirection
import Testing

/// What arrives where, in real namespaces with real sockets.
@Suite("Captured connections")
struct CaptureTests {
    /// A pod with rules in force.
    private static func pod(_ change: (inout RedirectionOptions) -> Void = { _ in }) throws -> TestPod {
        let pod = try TestPod()
        var options = RedirectionOptions()
        change(&options)
        try PodRedirection().apply(RedirectionPlan(options), in: pod.pod)
        return pod
    }

    @Test(
        "design §5: an outbound connection arrives at 15001 with its original destination",
        arguments: [TestPod.clientV4, TestPod.clientV6])
    func outbound(server: IPAddress) throws {
        let pod = try Self.pod()
        let listener = try pod.inPod { try TestSocket.listening(on: 15001, mark: 0x539) }
        let application = try pod.inPod { try TestSocket.connected(to: server, 80) }
        let captured = try listener.accept()
        #expect(captured.originalDestination == SocketAddress(ip: server, port: 80))
        try captured.send("hello")
        #expect(try application.receive() == "hello")
    }

    @Test(
        "ztunnel §3.5: a connection that is older than the rules stays as it is",
        arguments: [TestPod.clientV4, TestPod.clientV6])
    func olderConnection(server: IPAddress) throws {
        let pod = try TestPod()
        let remote = try pod.inClient { try TestSocket.listening(on: 80) }
        let outgoing = try pod.inPod { try TestSocket.connected(to: server, 80) }
        let accepted = try remote.accept()
        let application = try pod.inPod { try TestSocket.listening(on: 8080) }
        let address = server.isIPv4 ? TestPod.podV4 : TestPod.podV6
        let incoming = try pod.inClient { try TestSocket.connected(to: address, 8080) }
        let served = try application.accept()
        try PodRedirection().apply(RedirectionPlan(RedirectionOptions()), in: pod.pod)
        for (sender, receiver) in [
            (outgoing, accepted), (accepted, outgoing), (incoming, served), (served, incoming),
        ] {
            try sender.send("as before")
            #expect(try receiver.receive() == "as before")
        }
    }

    @Test(
        "no loops: what the tunnel itself sends (mark 0x539) is not captured",
        arguments: [TestPod.clientV4, TestPod.clientV6])
    func tunnelIsNotCaptured(server: IPAddress) throws {
        let pod = try Self.pod()
        let outbound = try pod.inPod { try TestSocket.listening(on: 15001, mark: 0x539) }
        let remote = try pod.inClient { try TestSocket.listening(on: 80) }
        let tunnel = try pod.inPod { try TestSocket.connected(to: server, 80, mark: 0x539) }
        let accepted = try remote.accept()
        try tunnel.send("direct")
        #expect(try accepted.receive() == "direct")
        #expect(!outbound.hasConnectionWaiting)
    }

    @Test(
        "design §5: a plaintext inbound connection arrives at 15006 with its original destination",
        arguments: [TestPod.podV4, TestPod.podV6])
    func inbound(address: IPAddress) throws {
        let pod = try Self.pod()
        let application = try pod.inPod { try TestSocket.listening(on: 8080) }
        let inbound = try pod.inPod { try TestSocket.listening(on: 15006, mark: 0x539, isTransparent: true) }
        let client = try pod.inClient { try TestSocket.connected(to: address, 8080) }
        let captured = try inbound.accept()
        #expect(captured.originalDestination == SocketAddress(ip: address, port: 8080))
        #expect(captured.peer?.ip == (address.isIPv4 ? TestPod.clientV4 : TestPod.clientV6))
        #expect(!application.hasConnectionWaiting)
        try client.send("hello")
        #expect(try captured.receive() == "hello")
    }

    @Test("design §11: HBONE reaches 15008 directly", arguments: [TestPod.podV4, TestPod.podV6])
    func tunnelPort(address: IPAddress) throws {
        let pod = try Self.pod()
        let inbound = try pod.inPod { try TestSocket.listening(on: 15006, mark: 0x539) }
        let tunnel = try pod.inPod { try TestSocket.listening(on: 15008, mark: 0x539) }
        _ = try pod.inClient { try TestSocket.connected(to: address, 15008) }
        let accepted = try tunnel.accept()
        #expect(try accepted.local == SocketAddress(ip: address, port: 15008))
        #expect(!inbound.hasConnectionWaiting)
    }

    @Test(
        "ztunnel §3.1: a connection to one of our capture ports is captured itself, so the tunnel can refuse it",
        arguments: [15001, 15006] as [UInt16])
    func capturePorts(port: UInt16) throws {
        let pod = try Self.pod()
        let inbound = try pod.inPod { try TestSocket.listening(on: 15006, mark: 0x539) }
        let outbound = try pod.inPod { try TestSocket.listening(on: 15001, mark: 0x539) }
        _ = try pod.inClient { try TestSocket.connected(to: TestPod.podV4, port) }
        #expect(try inbound.accept().originalDestination == SocketAddress(ip: TestPod.podV4, port: port))
        #expect(!outbound.hasConnectionWaiting)
    }

    @Test(
        "ztunnel §3.1: kubelet probes reach the application, unless the exemption is off",
        arguments: [(TestPod.podV4, TestPod.probeV4), (TestPod.podV6, TestPod.probeV6)], [true, false])
    func probes(addresses: (pod: IPAddress, probe: IPAddress), isExempt: Bool) throws {
        let pod = try Self.pod { $0.exemptsProbes = isExempt }
        let application = try pod.inPod { try TestSocket.listening(on: 8080) }
        let inbound = try pod.inPod { try TestSocket.listening(on: 15006, mark: 0x539) }
        _ = try pod.inClient { try TestSocket.connected(to: addresses.pod, 8080, from: addresses.probe) }
        #expect(try (isExempt ? application.accept() : inbound.accept()).peer?.ip == addresses.probe)
        #expect(!inbound.hasConnectionWaiting && !application.hasConnectionWaiting)
    }

    @Test("ztunnel §3.1: a bypass of inbound capture leaves outbound capture in force")
    func bypass() throws {
        let pod = try Self.pod { $0.capturesInbound = false }
        let application = try pod.inPod { try TestSocket.listening(on: 8080) }
        let outbound = try pod.inPod { try TestSocket.listening(on: 15001, mark: 0x539) }
        _ = try pod.inClient { try TestSocket.connected(to: TestPod.podV4, 8080) }
        #expect(try application.accept().peer?.ip == TestPod.clientV4)
        _ = try pod.inPod { try TestSocket.connected(to: TestPod.clientV4, 80) }
        #expect(try outbound.accept().originalDestination?.port == 80)
    }

    @Test(
        "ztunnel §3.1: a pod that calls itself is not captured",
        arguments: [TestPod.podV4, TestPod.podV6, .loopbackV4, .loopbackV6, IPAddress(v4: 0x7F00_0002)])
    func selfCall(address: IPAddress) throws {
        let pod = try Self.pod()
        let application = try pod.inPod { try TestSocket.listening(on: 8080) }
        let outbound = try pod.inPod { try TestSocket.listening(on: 15001, mark: 0x539) }
        let inbound = try pod.inPod { try TestSocket.listening(on: 15006, mark: 0x539) }
        _ = try pod.inPod { try TestSocket.connected(to: address, 8080) }
        #expect(try application.accept().local == SocketAddress(ip: address, port: 8080))
        #expect(!outbound.hasConnectionWaiting && !inbound.hasConnectionWaiting)
    }

    @Test(
        "issue 2: excluded outbound connections reach their destination, their neighbours are captured",
        arguments: [
            (TestPod.clientV4, 5432, true),  // the last port of a range
            (TestPod.clientV6, 5434, true),  // the first port of a range, IPv6
            (TestPod.clientV4, 22, true),  // a single port
            (TestPod.clientV4, 5433, false),  // between two ranges
            (TestPod.probeV4, 80, true),  // the block 169.254.0.0/17
            (TestPod.clientV6, 80, true),  // the block fd00:99::/61
            (TestPod.clientV4, 80, false),  // no block
        ] as [(IPAddress, UInt16, Bool)])
    func excludedOutbound(address: IPAddress, port: UInt16, isExcluded: Bool) throws {
        let pod = try Self.pod {
            $0.exemptsProbes = false
            $0.excludedOutboundPorts = [22...22, 5430...5432, 5434...5440]
            $0.excludedOutboundCIDRs = [CIDR("192.0.2.0/24"), CIDR("169.254.0.0/17"), CIDR("fd00:99::/61")].compactMap(
                \.self)
        }
        let remote = try pod.inClient { try TestSocket.listening(on: port) }
        let outbound = try pod.inPod { try TestSocket.listening(on: 15001, mark: 0x539) }
        _ = try pod.inPod { try TestSocket.connected(to: address, port) }
        _ = try (isExcluded ? remote.accept() : outbound.accept())
        #expect(!remote.hasConnectionWaiting && !outbound.hasConnectionWaiting)
    }

    @Test(
        "issue 2: excluded inbound connections reach the application, their neighbours are captured",
        arguments: [
            (TestPod.podV4, 9090, TestPod.clientV4, true),  // the port
            (TestPod.podV6, 9090, TestPod.clientV6, true),  // the port, IPv6
            (TestPod.podV4, 9091, TestPod.clientV4, false),  // the next port
            (TestPod.podV4, 8080, TestPod.probeV4, true),  // the block 169.254.7.0/25
            (TestPod.podV6, 8080, TestPod.probeV6, true),  // one address
            (TestPod.podV6, 8080, TestPod.clientV6, false),  // no block
        ] as [(IPAddress, UInt16, IPAddress, Bool)])
    func excludedInbound(address: IPAddress, port: UInt16, source: IPAddress, isExcluded: Bool) throws {
        let pod = try Self.pod {
            $0.exemptsProbes = false
            $0.excludedInboundPorts = [9090...9090]
            $0.excludedInboundCIDRs = [CIDR("169.254.7.0/25"), CIDR(only: TestPod.probeV6)].compactMap(\.self)
        }
        let application = try pod.inPod { try TestSocket.listening(on: port) }
        let inbound = try pod.inPod { try TestSocket.listening(on: 15006, mark: 0x539) }
        _ = try pod.inClient { try TestSocket.connected(to: address, port, from: source) }
        _ = try (isExcluded ? application.accept() : inbound.accept())
        #expect(!application.hasConnectionWaiting && !inbound.hasConnectionWaiting)
    }

    @Test(
        "design §5: the application sees the client's address, and its replies come back to the tunnel",
        arguments: [(TestPod.podV4, TestPod.clientV4), (TestPod.podV6, TestPod.clientV6)], [0, 1, 2])
    func sourceIsPreserved(addresses: (pod: IPAddress, client: IPAddress), reversePathFilter: Int) throws {
        let pod = try Self.pod()
        try pod.inPod {
            try Shell.run(
                "for i in all lo eth0; do echo \(reversePathFilter) > /proc/sys/net/ipv4/conf/$i/rp_filter; done")
        }
        let application = try pod.inPod { try TestSocket.listening(on: 8080) }
        let tunnel = try pod.inPod {
            try TestSocket.connected(to: addresses.pod, 8080, mark: 0x539, from: addresses.client)
        }
        let accepted = try application.accept()
        #expect(accepted.peer?.ip == addresses.client)
        try tunnel.send("request")
        #expect(try accepted.receive() == "request")
        try accepted.send("reply")
        #expect(try tunnel.receive() == "reply")
    }

    @Test(
        "design §5: the client's port may come up again for the tunnel's connection with the client's address",
        arguments: [(TestPod.podV4, TestPod.clientV4), (TestPod.podV6, TestPod.clientV6)])
    func samePort(addresses: (pod: IPAddress, client: IPAddress)) throws {
        let pod = try Self.pod()
        let application = try pod.inPod { try TestSocket.listening(on: 8080) }
        let inbound = try pod.inPod { try TestSocket.listening(on: 15006, mark: 0x539) }
        let client = try pod.inClient { try TestSocket.connected(to: addresses.pod, 8080) }
        let captured = try inbound.accept()
        let port = try client.local.port
        let tunnel = try pod.inPod {
            try Shell.run("echo \(port) \(port) > /proc/sys/net/ipv4/ip_local_port_range")
            return try TestSocket.connected(to: addresses.pod, 8080, mark: 0x539, from: addresses.client)
        }
        let accepted = try application.accept()
        #expect(try accepted.peer == client.local)
        try client.send("request")
        try tunnel.send(captured.receive())
        try accepted.send("reply to \(accepted.receive())")
        try captured.send(tunnel.receive())
        #expect(try client.receive() == "reply to request")
    }

    @Test("issue 2: live captured connections survive new rules and the draining plan, which captures nothing new")
    func liveConnections() throws {
        let pod = try Self.pod()
        let plan = RedirectionPlan(RedirectionOptions())
        let listener = try pod.inPod { try TestSocket.listening(on: 15001, mark: 0x539) }
        let application = try pod.inPod { try TestSocket.connected(to: TestPod.clientV4, 80) }
        let captured = try listener.accept()
        for plan in [plan, plan.draining] {
            try PodRedirection().apply(plan, in: pod.pod)
            try application.send("ping")
            #expect(try captured.receive() == "ping")
            try captured.send("pong")
            #expect(try application.receive() == "pong")
        }
        let remote = try pod.inClient { try TestSocket.listening(on: 80) }
        _ = try pod.inPod { try TestSocket.connected(to: TestPod.clientV4, 80) }
        _ = try remote.accept()
        #expect(!listener.hasConnectionWaiting)
    }
}
