// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Mesh
import Routing
import Testing

/// The outbound decision table, row by row.
@Suite struct OutboundDecisionTests {
    /// Pods, services and waypoints of every kind.
    static func town() -> Town {
        var town = Town()
        town.add("captured", "10.0.0.2")
        town.add("plain", "10.0.0.3") { $0.tunnelProtocol = .tcp }
        town.add("node", "10.0.0.4") { $0.isHostNetwork = true }
        town.add("guarded", "10.0.0.5") { $0.waypoint = Town.waypoint }
        town.add("proxy", "10.0.0.6")
        town.add("nameless", "10.0.0.7") { $0.serviceAccount = "" }
        town.add("dual", "10.0.0.8", "fd00::8")
        town.add("far", "10.0.0.9") { $0.network = "elsewhere" }
        town.serve("waypoint", at: "10.1.0.1", by: ["proxy"]) {
            $0.ports = [ServicePort(servicePort: 15008, targetPort: 15008)]
        }
        town.addWaypoint()
        town.serve("captured", at: "10.1.0.2", by: ["captured"])
        town.serve("plain", at: "10.1.0.3", by: ["plain"])
        town.serve("guarded", at: "10.1.0.4", by: ["captured"]) { $0.waypoint = Town.waypoint }
        town.serve("empty", at: "10.1.0.5", by: [])
        town.serve("egress", at: "10.2.0.0/16", by: []) { $0.loadBalancing = .passthrough }
        town.serve("egress-guarded", at: "10.3.0.0/16", by: []) {
            $0.loadBalancing = .passthrough
            $0.waypoint = Town.waypoint
        }
        town.serve("mapped", at: "10.1.0.6", by: ["captured"], ports: [80: 9090])
        town.serve("named", at: "10.1.0.7", by: ["captured"]) {
            $0.subjectAltNames = [
                "spiffe://cluster.local/ns/x/sa/other", "spiffe://cluster.local/ns/default/sa/captured",
            ]
        }
        town.serve("far", at: "10.1.0.8", by: ["far"])
        town.serve("nameless", at: "10.1.0.9", by: ["nameless"])
        town.serve("guarded-pod", at: "10.1.0.10", by: ["guarded"])
        town.serve("dual", at: "10.1.0.11", "fd01::11", by: ["dual"])
        town.serve("six", at: "10.1.0.12", by: ["dual"]) { $0.ipFamilies = .ipv6 }
        town.serve("six-of-four", at: "10.1.0.13", by: ["captured"]) { $0.ipFamilies = .ipv6 }
        town.serve("host", at: "10.1.0.14", by: ["node"])
        return town
    }

    struct Row: CustomStringConvertible, Sendable {
        var row: String
        var from: String? = "client"
        var to: String
        var decision: String

        var description: String { "\(row): \(from ?? "nobody") to \(to)" }
    }

    static let rows = [
        Row(
            row: "0 loopback to the tunnel", to: "127.0.0.1:15001",
            decision: "reject: a connection of a pod to the tunnel's own port in that pod"),
        Row(
            row: "0 loopback to the tunnel", to: "127.0.0.1:15006",
            decision: "reject: a connection of a pod to the tunnel's own port in that pod"),
        Row(
            row: "0 loopback to the tunnel", to: "[::1]:15008",
            decision: "reject: a connection of a pod to the tunnel's own port in that pod"),
        Row(
            row: "0 own address to the tunnel", to: "10.0.0.1:15008",
            decision: "reject: a connection of a pod to the tunnel's own port in that pod"),
        Row(
            row: "0 before 1", from: nil, to: "127.0.0.1:15008",
            decision: "reject: a connection of a pod to the tunnel's own port in that pod"),
        Row(row: "0 loopback elsewhere", to: "127.0.0.1:80", decision: "passthrough 127.0.0.1:80"),
        Row(
            row: "1 unknown source", from: nil, to: "10.0.0.2:80",
            decision: "reject: unknown source workload; its Pod is not known (yet)"),
        Row(
            row: "3b service waypoint", to: "10.1.0.4:80",
            decision: "waypoint 10.0.0.6:15008 as proxy CONNECT 10.1.0.4:80 for guarded"),
        Row(
            row: "3b a port the service does not have is the waypoint's matter", to: "10.1.0.4:99",
            decision: "waypoint 10.0.0.6:15008 as proxy CONNECT 10.1.0.4:99 for guarded"),
        Row(
            row: "3 the waypoint itself goes to the endpoint", from: "proxy", to: "10.1.0.4:80",
            decision: "hbone 10.0.0.2:15008 as captured CONNECT 10.0.0.2:8080 for guarded"),
        Row(row: "4 unknown destination", to: "1.2.3.4:443", decision: "passthrough 1.2.3.4:443"),
        Row(row: "4 unknown destination", to: "[2001:db8::1]:443", decision: "passthrough [2001:db8::1]:443"),
        Row(row: "4 host-network pod", to: "10.0.0.4:80", decision: "passthrough 10.0.0.4:80"),
        Row(row: "4 the same address in another network", to: "10.0.0.9:80", decision: "passthrough 10.0.0.9:80"),
        Row(
            row: "4a no endpoint", to: "10.1.0.5:80",
            decision: "reject: no healthy upstream: no ready endpoint of empty.default.svc.cluster.local"),
        Row(
            row: "4a no such port", to: "10.1.0.2:81",
            decision: "reject: no healthy upstream: no ready endpoint of captured.default.svc.cluster.local"),
        Row(
            row: "4a endpoints of another network only", to: "10.1.0.8:80",
            decision: "reject: no healthy upstream: no ready endpoint of far.default.svc.cluster.local"),
        Row(
            row: "4a endpoints of another family only", to: "10.1.0.13:80",
            decision: "reject: no healthy upstream: no ready endpoint of six-of-four.default.svc.cluster.local"),
        Row(row: "4b passthrough service", to: "10.2.3.4:443", decision: "passthrough 10.2.3.4:443 for egress"),
        Row(
            row: "4b passthrough service with waypoint", to: "10.3.3.4:443",
            decision: "waypoint 10.0.0.6:15008 as proxy CONNECT 10.3.3.4:443 for egress-guarded"),
        Row(
            row: "6 workload waypoint", to: "10.0.0.5:80",
            decision: "waypoint 10.0.0.6:15008 as proxy CONNECT 10.0.0.5:80"),
        Row(
            row: "6 the waypoint itself goes to the workload", from: "proxy", to: "10.0.0.5:80",
            decision: "hbone 10.0.0.5:15008 as guarded CONNECT 10.0.0.5:80"),
        Row(
            row: "6 service-addressed traffic skips the workload's waypoint", to: "10.1.0.10:80",
            decision: "hbone 10.0.0.5:15008 as guarded CONNECT 10.0.0.5:8080 for guarded-pod"),
        Row(
            row: "6 the source's own waypoint is not used", from: "guarded", to: "10.0.0.2:80",
            decision: "hbone 10.0.0.2:15008 as captured CONNECT 10.0.0.2:80"),
        Row(
            row: "6 a pod of a guarded service is called directly", to: "10.0.0.2:8080",
            decision: "hbone 10.0.0.2:15008 as captured CONNECT 10.0.0.2:8080"),
        Row(row: "7 captured pod", to: "10.0.0.2:80", decision: "hbone 10.0.0.2:15008 as captured CONNECT 10.0.0.2:80"),
        Row(row: "7 own address", to: "10.0.0.1:80", decision: "hbone 10.0.0.1:15008 as client CONNECT 10.0.0.1:80"),
        Row(
            row: "7 captured service", to: "10.1.0.2:80",
            decision: "hbone 10.0.0.2:15008 as captured CONNECT 10.0.0.2:8080 for captured"),
        Row(
            row: "7 endpoint's own port", to: "10.1.0.6:80",
            decision: "hbone 10.0.0.2:15008 as captured CONNECT 10.0.0.2:9090 for mapped"),
        Row(
            row: "7 subject alternative names", to: "10.1.0.7:80",
            decision: "hbone 10.0.0.2:15008 as captured,other CONNECT 10.0.0.2:8080 for named"),
        Row(
            row: "7 without identity", to: "10.0.0.7:80",
            decision: "reject: the names of workload default/nameless make no SPIFFE ID"),
        Row(
            row: "7 service of one without identity", to: "10.1.0.9:80",
            decision: "reject: the names of workload default/nameless make no SPIFFE ID"),
        Row(
            row: "7 second address", to: "[fd00::8]:80", decision: "hbone [fd00::8]:15008 as dual CONNECT [fd00::8]:80"),
        Row(
            row: "7 family of the VIP", to: "10.1.0.11:80",
            decision: "hbone 10.0.0.8:15008 as dual CONNECT 10.0.0.8:8080 for dual"),
        Row(
            row: "7 family of the VIP", to: "[fd01::11]:80",
            decision: "hbone [fd00::8]:15008 as dual CONNECT [fd00::8]:8080 for dual"),
        Row(
            row: "7 family of the service", to: "10.1.0.12:80",
            decision: "hbone [fd00::8]:15008 as dual CONNECT [fd00::8]:8080 for six"),
        Row(
            row: "7 host-network endpoint", to: "10.1.0.14:80",
            decision: "hbone 10.0.0.4:15008 as node CONNECT 10.0.0.4:8080 for host"),
        Row(row: "8 plain pod", to: "10.0.0.3:80", decision: "tcp 10.0.0.3:80"),
        Row(row: "8 plain service", to: "10.1.0.3:80", decision: "tcp 10.0.0.3:8080 for plain"),
    ]

    @Test("reference §1.5: the outbound decision table", arguments: rows)
    func table(row: Row) {
        #expect(Self.town().decide(from: row.from, to: row.to) == row.decision)
    }

    @Test("reference §1.5 row 2: a workload before a service of the same address")
    func workloadBeforeService() {
        var town = Self.town()
        town.serve("shadow", at: "10.0.0.2", by: ["plain"])
        #expect(town.decide(to: "10.0.0.2:80").hasPrefix("hbone 10.0.0.2:15008"))
    }

    @Test("reference §1.5 row 3: a waypoint without ready proxies refuses, whether or not it is known")
    func waypointWithoutProxies() {
        var town = Self.town()
        for index in town.model.endpoints.indices where town.model.endpoints[index].workloadUID == "proxy" {
            town.model.endpoints[index].isReady = false
        }
        #expect(town.decide(to: "10.1.0.4:80") == "reject: no ready proxy of waypoint default/waypoint")
        #expect(town.decide(to: "10.0.0.5:80") == "reject: no ready proxy of waypoint default/waypoint")
        town.model.services.removeAll { $0.name == "waypoint" }
        #expect(town.decide(to: "10.1.0.4:80") == "reject: no ready proxy of waypoint default/waypoint")
    }

    @Test("A waypoint may be an address, and listen on a port of its own")
    func waypointByAddress() {
        var town = Self.town()
        town.model.waypoints[0].destination = .address(ip("10.0.0.6"))
        town.model.waypoints[0].hbonePort = 15088
        #expect(town.decide(to: "10.1.0.4:80") == "waypoint 10.0.0.6:15088 as proxy CONNECT 10.1.0.4:80 for guarded")
        #expect(town.decide(from: "proxy", to: "10.1.0.4:80").hasPrefix("hbone 10.0.0.2"))
        town.model.waypoints[0].destination = .address(ip("10.1.0.1"))
        town.model.waypoints[0].hbonePort = 15008
        #expect(town.decide(to: "10.1.0.4:80") == "waypoint 10.0.0.6:15008 as proxy CONNECT 10.1.0.4:80 for guarded")
    }

    @Test("ztunnel build_request_destination_waypoint_mismatch_ip: the waypoint's identity alone does not pass it by")
    func impostor() {
        var town = Self.town()
        town.add("impostor", "10.0.0.66") { $0.serviceAccount = "proxy" }
        #expect(town.decide(from: "impostor", to: "10.0.0.5:80").hasPrefix("waypoint 10.0.0.6"))
    }

    @Test("An identity is accepted if it is the workload's or an alternative name of the service, and no other")
    func accepts() throws {
        let snapshot = Self.town().snapshot
        let source = snapshot.workload(uid: "client")
        let idle: [UInt32] = []
        var random = RandomSource(seed: 1)
        let request = OutboundRequest(source: source, destination: address("10.1.0.7:80"))
        guard case .hbone(let route) = snapshot.decide(request, load: idle.span, random: &random) else {
            Issue.record("not by HBONE")
            return
        }
        for identity in snapshot.identities(of: route.expected) {
            #expect(snapshot.accepts(identity, as: route.expected))
        }
        let client = try #require(source)
        let stranger = try #require(snapshot.identity(of: client))
        #expect(!snapshot.accepts(stranger, as: route.expected))
    }
}
