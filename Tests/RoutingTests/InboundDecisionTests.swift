// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Mesh
import Routing
import Testing

/// What an inbound connection may be for.
@Suite struct InboundDecisionTests {
    static func town() -> Town {
        var town = Town()
        town.add("web", "10.0.0.2", "fd00::2")
        town.add("guarded", "10.0.0.5") { $0.waypoint = Town.waypoint }
        town.add("proxy", "10.0.0.6")
        town.serve("waypoint", at: "10.1.0.1", by: ["proxy"])
        town.addWaypoint()
        town.serve("web", at: "10.1.0.2", by: ["web"]) {
            $0.ports = [
                ServicePort(servicePort: 80, targetPort: 8080), ServicePort(servicePort: 81, targetPort: nil),
                ServicePort(servicePort: 82, targetPort: 15008),
            ]
        }
        town.serve("named", at: "10.1.0.3", by: ["web"], ports: [80: 9090, 81: 9091])
        town.serve("guarded", at: "10.1.0.4", by: ["guarded"]) { $0.waypoint = Town.waypoint }
        town.serve("hidden", by: []) {
            $0.namespace = "other"
            $0.visibility = .namespace
        }
        return town
    }

    struct Row: CustomStringConvertible, Sendable {
        var what: String
        var pod: String? = "web"
        var local = "10.0.0.2"
        var authority: String
        var result: Result<String, InboundRejection>

        var description: String { "\(what): \(authority) at \(pod ?? "nobody")" }
    }

    static let rows = [
        Row(what: "to workload", authority: "10.0.0.2:80", result: .success("10.0.0.2:80")),
        Row(what: "to its other address", authority: "[fd00::2]:80", result: .success("[fd00::2]:80")),
        Row(
            what: "to an address nobody knows but that it arrived at", local: "10.7.7.7", authority: "10.7.7.7:80",
            result: .success("10.7.7.7:80")),
        Row(what: "hbone_ip_mismatch", authority: "10.0.0.1:80", result: .failure(.ipMismatch)),
        Row(what: "to an unknown address", authority: "1.2.3.4:80", result: .failure(.ipMismatch)),
        Row(what: "to a service it serves, by VIP", authority: "10.1.0.2:80", result: .failure(.ipMismatch)),
        Row(what: "self call", authority: "10.0.0.2:15008", result: .failure(.selfCall)),
        Row(what: "self call", authority: "10.0.0.2:15001", result: .failure(.selfCall)),
        Row(what: "unknown pod", pod: nil, authority: "10.0.0.2:80", result: .failure(.unknownWorkload)),
        Row(
            what: "hostname, service's port", authority: "web.default.svc.cluster.local:80",
            result: .success("10.0.0.2:8080")),
        Row(
            what: "hostname in capitals", authority: "WEB.default.svc.cluster.local:80",
            result: .success("10.0.0.2:8080")),
        Row(
            what: "hostname, endpoint's port", authority: "named.default.svc.cluster.local:80",
            result: .success("10.0.0.2:9090")),
        Row(
            what: "hostname, named port", authority: "named.default.svc.cluster.local:81",
            result: .success("10.0.0.2:9091")),
        Row(
            what: "hostname, port nobody knows", authority: "web.default.svc.cluster.local:81",
            result: .failure(.noPort)),
        Row(what: "hostname, self call", authority: "web.default.svc.cluster.local:82", result: .failure(.selfCall)),
        Row(what: "hostname, unknown", authority: "absent.example:80", result: .failure(.unknownHost)),
        Row(what: "hostname, hidden", authority: "hidden.default.svc.cluster.local:80", result: .failure(.unknownHost)),
        Row(
            what: "workload waypoint by pod", pod: "proxy", local: "10.0.0.6", authority: "10.0.0.5:80",
            result: .success("10.0.0.6:80")),
        Row(
            what: "service waypoint by VIP", pod: "proxy", local: "10.0.0.6", authority: "10.1.0.4:80",
            result: .success("10.0.0.6:80")),
        Row(
            what: "waypoint of something else", pod: "proxy", local: "10.0.0.6", authority: "10.1.0.2:80",
            result: .failure(.ipMismatch)),
        Row(
            what: "waypoint of another pod", pod: "proxy", local: "10.0.0.6", authority: "10.0.0.1:80",
            result: .failure(.ipMismatch)),
        Row(what: "no waypoint of it", pod: "web", authority: "10.0.0.5:80", result: .failure(.ipMismatch)),
        Row(what: "malformed", authority: "10.0.0.2", result: .failure(.malformedAuthority)),
    ]

    @Test("reference §1.7: what an authority may name", arguments: rows)
    func table(row: Row) {
        let snapshot = Self.town().snapshot
        let decision = snapshot.decideInbound(
            to: row.pod.flatMap { snapshot.workload(uid: $0) }, at: ip(row.local),
            authority: Authority(row.authority.utf8.span))
        switch decision {
        case .accept(let route): #expect(row.result == .success("\(route.destination)"))
        case .reject(let rejection): #expect(row.result == .failure(rejection))
        }
    }

    static let sandwichRows: [(tunnel: String, authority: String, result: String)] = [
        // The port is overridden, whatever was asked for; NONE announces nothing.
        ("NONE/15088", "10.1.0.4:80", "10.0.0.6:15088"),
        ("NONE", "10.1.0.4:80", "10.0.0.6:80"),
        ("PROXY/15088", "10.1.0.4:80", "10.0.0.6:15088 for 10.1.0.4:80"),
        ("PROXY", "10.0.0.5:81", "10.0.0.6:81 for 10.0.0.5:81"),
        // The proxy judges what it is asked for, also what it is no waypoint of.
        ("PROXY/15088", "10.1.0.2:80", "10.0.0.6:15088 for 10.1.0.2:80"),
        // A host name is announced by its virtual address.
        ("PROXY/15088", "guarded.default.svc.cluster.local:80", "10.0.0.6:15088 for 10.1.0.4:80"),
        ("PROXY/15088", "absent.example:80", "\(InboundRejection.unknownHost)"),
        // Own ports are no way round.
        ("NONE", "10.1.0.4:15001", "\(InboundRejection.selfCall)"),
        ("PROXY/15008", "10.1.0.4:80", "\(InboundRejection.selfCall)"),
    ]

    @Test("reference §1.7, §2.7: a proxy behind the tunnel gets everything on its own port", arguments: sandwichRows)
    func sandwich(row: (tunnel: String, authority: String, result: String)) throws {
        var town = Self.town()
        let index = try #require(town.model.workloads.firstIndex { $0.uid == "proxy" })
        town.model.workloads[index].applicationTunnel = ApplicationTunnel(parsing: row.tunnel)
        let snapshot = town.snapshot
        let decision = snapshot.decideInbound(
            to: snapshot.workload(uid: "proxy"), at: ip("10.0.0.6"), authority: Authority(row.authority.utf8.span))
        switch decision {
        case .accept(let route):
            let announced = route.announced.map { " for \($0)" } ?? ""
            #expect("\(route.destination)\(announced)" == row.result)
        case .reject(let rejection): #expect("\(rejection)" == row.result)
        }
    }

    @Test(
        "The annotation is NONE or PROXY with a port or without; anything else is refused",
        arguments: [
            "", "none", "HBONE", "PROXY/", "PROXY/0", "PROXY/65536", "PROXY/+1", "PROXY/1/2", "/15088", "PROXY/x",
        ])
    func noBinding(text: String) {
        #expect(ApplicationTunnel(parsing: text) == nil)
    }

    static let statuses: [(rejection: InboundRejection, status: Int)] = [
        (.notConnect, 400), (.malformedAuthority, 400), (.ipMismatch, 400), (.unknownWorkload, 503),
        (.unknownHost, 503), (.noPort, 503), (.selfCall, 503),
    ]

    @Test(
        "reference §2.3: a request that is wrong is 400, a destination that cannot be had is 503", arguments: statuses)
    func status(row: (rejection: InboundRejection, status: Int)) {
        #expect(row.rejection.status == row.status)
    }

    @Test("reference §1.8: plaintext goes where it was sent, unless that is the tunnel")
    func plaintext() throws {
        let snapshot = Self.town().snapshot
        let web = try #require(snapshot.workload(uid: "web"))
        let decision = snapshot.decidePlaintextInbound(to: web, original: address("10.0.0.2:80"))
        guard case .accept(let route) = decision, route.destination == address("10.0.0.2:80") else {
            Issue.record("\(decision)")
            return
        }
        for port in [15001, 15006, 15008] {
            let decision = snapshot.decidePlaintextInbound(to: web, original: address("10.0.0.2:\(port)"))
            #expect(decision == .reject(.selfCall))
        }
        let unknown = snapshot.decidePlaintextInbound(to: nil, original: address("10.0.0.2:80"))
        #expect(unknown == .reject(.unknownWorkload))
    }

    static let authorities: [(text: String, parsed: Authority?)] = [
        ("1.2.3.4:80", .address(address("1.2.3.4:80"))),
        ("[2001:db8::1]:80", .address(address("[2001:db8::1]:80"))),
        ("[::ffff:1.2.3.4]:80", .address(address("1.2.3.4:80"))),
        ("web.default:65535", .host("web.default", port: 65535)),
        ("a_b-c.d1:1", .host("a_b-c.d1", port: 1)),
        ("", nil), (":", nil), (":80", nil), ("host", nil), ("host:", nil), ("host:0", nil), ("host:65536", nil),
        ("host:99999", nil), ("host:123456", nil), ("host:+80", nil), ("host:8 0", nil), ("ho st:80", nil),
        ("user@host:80", nil), ("host/path:80", nil), ("[1.2.3.4]:80", nil), ("[::1:80", nil), ("::1:80", nil),
        ("[::1]80", nil), ("[]:80", nil), ("1.2.3:80", nil), ("1.2.3.4.5:80", nil), ("1.2.3.04:80", nil),
        ("h\u{F6}st:80", nil), ("host:8\u{660}", nil),
        (String(repeating: "a", count: 253) + ":65535", .host(String(repeating: "a", count: 253), port: 65535)),
        (String(repeating: "a", count: 300) + ":80", nil),
    ]

    @Test(
        "Any octets are an authority or none, and an authority reads back as itself", arguments: 0..<16 as Range<UInt64>
    )
    func anyOctets(seed: UInt64) {
        var random = RandomSource(seed: seed)
        let alphabet = Array("0123456789abcdefzA.:[]-_/@ %".utf8) + [0, 0x80, 0xFF]
        for _ in 0..<500 {
            let count = Int(random.next(upperBound: 24 as UInt64))
            let octets = (0..<count).map { _ in alphabet[Int(random.next(upperBound: UInt64(alphabet.count)))] }
            switch Authority(octets.span) {
            case nil: continue
            case .address(let address): #expect(Authority("\(address)".utf8.span) == .address(address))
            case .host(let name, let port):
                #expect(Authority("\(name):\(port)".utf8.span) == .host(name, port: port))
                #expect(octets.starts(with: Array("\(name):".utf8)))
            }
        }
    }

    @Test("RFC 9113 §8.5: the authority of CONNECT is a host and a port", arguments: authorities)
    func parse(row: (text: String, parsed: Authority?)) {
        #expect(Authority(row.text.utf8.span) == row.parsed)
    }
}
