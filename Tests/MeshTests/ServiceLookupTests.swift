// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Identity
import Mesh
import Testing

/// Finding services: conflicts, visibility, and blocks of addresses.
@Suite struct ServiceLookupTests {
    static func entry(_ name: String, in namespace: String = "c", vips: [String] = [], hostname: String? = nil)
        -> Service
    {
        .named(name, in: namespace, hostname: hostname, vips: vips) { $0.isCanonical = false }
    }

    static func hidden(_ service: Service) -> Service {
        var service = service
        service.visibility = .namespace
        return service
    }

    static func canonical(_ service: Service) -> Service {
        var service = service
        service.isCanonical = true
        return service
    }

    struct Row: CustomStringConvertible, Sendable {
        var description: String
        var services: [Service]
        var address = "10.1.0.1"
        /// What clients of the namespaces a and b find.
        var fromA: String?
        var fromB: String?
    }

    static let rows = [
        Row(description: "none", services: []),
        Row(description: "exact", services: [entry("s", vips: ["10.1.0.1"])], fromA: "c/s", fromB: "c/s"),
        Row(
            description: "shared_vip_different_namespaces: the client's own",
            services: [entry("x", in: "a", vips: ["10.1.0.1"]), entry("y", in: "b", vips: ["10.1.0.1"])], fromA: "a/x",
            fromB: "b/y"),
        Row(
            description: "shared by others: the first",
            services: [entry("x", vips: ["10.1.0.1"]), entry("y", vips: ["10.1.0.1"])],
            fromA: "c/x", fromB: "c/x"),
        Row(
            description: "shared by others: the platform's",
            services: [entry("x", vips: ["10.1.0.1"]), canonical(entry("y", vips: ["10.1.0.1"]))], fromA: "c/y",
            fromB: "c/y"),
        Row(
            description: "own before the platform's",
            services: [canonical(entry("x", vips: ["10.1.0.1"])), entry("y", in: "a", vips: ["10.1.0.1"])],
            fromA: "a/y",
            fromB: "c/x"),
        Row(
            description: "namespace_visibility_vip", services: [hidden(entry("x", in: "a", vips: ["10.1.0.1"]))],
            fromA: "a/x"),
        Row(
            description: "hidden first, visible second",
            services: [hidden(entry("x", vips: ["10.1.0.1"])), entry("y", vips: ["10.1.0.1"])], fromA: "c/y",
            fromB: "c/y"),
        Row(
            description: "visibility_filtered_exact_vip_falls_through_to_cidr",
            services: [hidden(entry("x", in: "a", vips: ["10.1.0.1"])), entry("y", vips: ["10.1.0.0/16"])],
            fromA: "a/x",
            fromB: "c/y"),
        Row(description: "cidr_match_v4", services: [entry("s", vips: ["10.1.0.0/24"])], fromA: "c/s", fromB: "c/s"),
        Row(description: "cidr_match_v4 outside", services: [entry("s", vips: ["10.2.0.0/24"])]),
        Row(
            description: "cidr_match_v6", services: [entry("s", vips: ["fd00:1::/32"])], address: "fd00:1::7",
            fromA: "c/s",
            fromB: "c/s"),
        Row(
            description: "longest_prefix_match_v4",
            services: [entry("x", vips: ["10.0.0.0/8"]), entry("y", vips: ["10.1.0.0/16"])], fromA: "c/y", fromB: "c/y"),
        Row(
            description: "longest_prefix_match_v6",
            services: [entry("x", vips: ["fd00::/8"]), entry("y", vips: ["fd00:1::/32"])], address: "fd00:1::7",
            fromA: "c/y", fromB: "c/y"),
        Row(description: "cidr_family_mismatch", services: [entry("s", vips: ["::/0"])]),
        Row(
            description: "dual_stack_cidr", services: [entry("s", vips: ["fd00::/8", "10.0.0.0/8"])], fromA: "c/s",
            fromB: "c/s"),
        Row(
            description: "exact_match_priority_over_cidr_v4",
            services: [entry("x", vips: ["10.1.0.0/31"]), entry("y", vips: ["10.1.0.1"])], fromA: "c/y", fromB: "c/y"),
        Row(
            description: "exact_match_priority_over_cidr_v6",
            services: [entry("x", vips: ["fd00::/127"]), entry("y", vips: ["fd00::1"])], address: "fd00::1",
            fromA: "c/y",
            fromB: "c/y"),
        Row(
            description: "exact of another before a block of one's own",
            services: [entry("x", in: "a", vips: ["10.1.0.0/16"]), entry("y", vips: ["10.1.0.1"])], fromA: "c/y",
            fromB: "c/y"),
        Row(
            description: "overlapping_cidr_different_namespaces",
            services: [entry("x", in: "a", vips: ["10.1.0.0/16"]), entry("y", in: "b", vips: ["10.1.0.0/16"])],
            fromA: "a/x", fromB: "b/y"),
        Row(
            description: "cidr_namespace_preferred_over_cidr_specificity",
            services: [entry("x", in: "a", vips: ["10.0.0.0/8"]), entry("y", in: "b", vips: ["10.1.0.0/16"])],
            fromA: "a/x", fromB: "b/y"),
    ]

    @Test("ztunnel service VIPs: conflicts, visibility, blocks", arguments: rows)
    func byAddress(row: Row) {
        let snapshot = MeshSnapshot(.with { $0.services = row.services }, generation: 1)
        #expect(snapshot.service(at: row.address, from: "a") == row.fromA)
        #expect(snapshot.service(at: row.address, from: "b") == row.fromB)
    }

    static let hosts = [
        Row(description: "none", services: []),
        Row(description: "one", services: [entry("s", hostname: "x.example")], fromA: "c/s", fromB: "c/s"),
        Row(description: "case", services: [entry("s", hostname: "X.Example")], fromA: "c/s", fromB: "c/s"),
        Row(
            description: "the client's own",
            services: [entry("x", in: "a", hostname: "x.example"), entry("y", in: "b", hostname: "x.example")],
            fromA: "a/x", fromB: "b/y"),
        Row(
            description: "namespace_visibility_host",
            services: [hidden(entry("x", in: "a", hostname: "x.example"))], fromA: "a/x"),
        Row(
            description: "the platform's",
            services: [entry("x", hostname: "x.example"), canonical(entry("y", in: "d", hostname: "x.example"))],
            fromA: "d/y", fromB: "d/y"),
        Row(
            description: "of two with one key the first",
            services: [entry("x", hostname: "x.example"), entry("y", hostname: "x.example")], fromA: "c/x", fromB: "c/x"
        ),
    ]

    @Test("ztunnel service hostnames: conflicts and visibility", arguments: hosts)
    func byHostname(row: Row) {
        let snapshot = MeshSnapshot(.with { $0.services = row.services }, generation: 1)
        #expect(snapshot.service(hostname: "x.example", from: "a") == row.fromA)
        #expect(snapshot.service(hostname: "X.EXAMPLE", from: "b") == row.fromB)
    }

    struct Port: CustomStringConvertible, Sendable {
        var description: String
        var port: UInt16
        var endpointPorts: [UInt16: UInt16]?
        var target: UInt16?
    }

    static let ports = [
        Port(description: "the service's", port: 80, endpointPorts: [:], target: 8080),
        Port(description: "the endpoint's own", port: 80, endpointPorts: [80: 9090], target: 9090),
        Port(description: "named, by the endpoint", port: 81, endpointPorts: [81: 9091], target: 9091),
        Port(description: "named, unknown to the endpoint", port: 81, endpointPorts: [80: 9090], target: nil),
        Port(description: "no such port", port: 82, endpointPorts: [80: 9090], target: nil),
        Port(description: "a port that only the endpoint knows", port: 83, endpointPorts: [83: 83], target: 83),
        Port(description: "no endpoint", port: 80, endpointPorts: nil, target: 8080),
    ]

    @Test("ztunnel find_upstream_port_mappings: endpoint, then service", arguments: ports)
    func targetPort(row: Port) throws {
        let service = Service.named("s") {
            $0.ports = [ServicePort(servicePort: 81, targetPort: nil), ServicePort(servicePort: 80, targetPort: 8080)]
        }
        let model = MeshModel.with { model in
            model.services = [service]
            model.workloads.append(.pod("one", "10.0.0.1"))
            if let ports = row.endpointPorts {
                model.endpoints = [Endpoint(service: service.key, workloadUID: "one", ports: ports)]
            }
        }
        let snapshot = MeshSnapshot(model, generation: 1)
        let one = try #require(snapshot.workload(uid: "one"))
        let endpoint = snapshot.endpoint(of: ServiceIndex(0), for: one)
        #expect((endpoint != nil) == (row.endpointPorts != nil))
        #expect(snapshot.targetPort(of: row.port, service: ServiceIndex(0), endpoint: endpoint) == row.target)
    }

    @Test("Endpoints of unknown services and workloads are ignored; what names are SPIFFE IDs is kept")
    func danglingReferences() {
        let service = Service.named("s") { $0.subjectAltNames = ["not a SPIFFE ID", "spiffe://x/ns/a/sa/b"] }
        let model = MeshModel.with {
            $0.services = [service]
            $0.endpoints = [
                Endpoint(service: service.key, workloadUID: "absent"),
                Endpoint(service: ServiceKey(namespace: "default", hostname: "absent"), workloadUID: "client-a"),
            ]
        }
        let snapshot = MeshSnapshot(model, generation: 1)
        #expect(snapshot.services.endpoints.isEmpty)
        #expect(snapshot.services.subjectAltNames.map(\.description) == ["spiffe://x/ns/a/sa/b"])
    }

    struct Condition: CustomStringConvertible, Sendable {
        var description: String
        var publishesUnready = false
        var isEligible: Bool
        var set: @Sendable (inout Endpoint, inout Workload) -> Void
    }

    static let conditions = [
        Condition(description: "ready", isEligible: true) { _, _ in },
        Condition(description: "unready", isEligible: false) { endpoint, _ in endpoint.isReady = false },
        Condition(description: "unready, published", publishesUnready: true, isEligible: true) { endpoint, _ in
            endpoint.isReady = false
        },
        Condition(description: "terminating, serving", isEligible: true) { endpoint, _ in
            endpoint.isReady = false
            endpoint.isTerminating = true
        },
        Condition(description: "terminating", isEligible: false) { endpoint, _ in
            endpoint.isReady = false
            endpoint.isServing = false
            endpoint.isTerminating = true
        },
        Condition(description: "terminating, published", publishesUnready: true, isEligible: true) { endpoint, _ in
            endpoint.isTerminating = true
        },
        Condition(description: "without address", publishesUnready: true, isEligible: false) { _, workload in
            workload.addresses = []
        },
        Condition(description: "without weight", isEligible: false) { _, workload in workload.capacity = 0 },
    ]

    @Test("ztunnel unhealthy_workloads: which endpoints take connections", arguments: conditions)
    func eligibility(row: Condition) {
        let service = Service.named("s") { $0.publishNotReadyAddresses = row.publishesUnready }
        var workload = Workload.pod("one", "10.0.0.1")
        var endpoint = Endpoint(service: service.key, workloadUID: "one")
        row.set(&endpoint, &workload)
        let snapshot = MeshSnapshot(
            .with {
                $0.services = [service]
                $0.workloads.append(workload)
                $0.endpoints = [endpoint]
            }, generation: 1)
        #expect(snapshot.services.records[0].endpoints.count == 1)
        #expect((snapshot.services.records[0].eligibleCount == 1) == row.isEligible)
    }

    @Test("KEP-1669: what terminates serves only while no other endpoint is ready")
    func terminating() {
        let service = Service.named("s")
        var last = Endpoint(service: service.key, workloadUID: "last")
        last.isReady = false
        last.isTerminating = true
        let next = Endpoint(service: service.key, workloadUID: "next")
        let snapshot = MeshSnapshot(
            .with {
                $0.services = [service]
                $0.workloads += [Workload.pod("last", "10.0.0.1"), Workload.pod("next", "10.0.0.2")]
                $0.endpoints = [last, next]
            }, generation: 1)
        let record = snapshot.services.records[0]
        #expect(record.endpoints.count == 2 && record.eligibleCount == 1)
        let first = snapshot.services.endpoints[Int(record.endpoints.start)].workload
        #expect(snapshot.workload(uid: "next") == first)
    }
}
