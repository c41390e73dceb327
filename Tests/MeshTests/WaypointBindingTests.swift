// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Mesh
import Testing

/// Which waypoint a service and a workload have.
@Suite struct WaypointBindingTests {
    static let gateway = WaypointBinding.gateway(namespace: "default", name: "waypoint")

    struct Row: CustomStringConvertible, Sendable {
        var description: String
        var service = WaypointBinding.inherit
        var workload = WaypointBinding.inherit
        var namespace = WaypointBinding.inherit
        var type = Waypoint.TrafficType.all
        var serviceStatus: WaypointStatus
        var workloadStatus: WaypointStatus
        var set: @Sendable (inout Waypoint) -> Void = { _ in }
    }

    static let rows = [
        Row(description: "no label", serviceStatus: .unbound, workloadStatus: .unbound),
        Row(
            description: "the namespace's", namespace: gateway, type: .all, serviceStatus: .bound,
            workloadStatus: .bound),
        Row(
            description: "the namespace's, for services", namespace: gateway, type: .service, serviceStatus: .bound,
            workloadStatus: .unbound),
        Row(
            description: "the namespace's, for workloads", namespace: gateway, type: .workload, serviceStatus: .unbound,
            workloadStatus: .bound),
        Row(
            description: "own labels", service: gateway, workload: gateway, serviceStatus: .bound,
            workloadStatus: .bound),
        Row(
            description: "own labels, wrong traffic", service: gateway, workload: gateway, type: .none,
            serviceStatus: .unsupportedTrafficType, workloadStatus: .unsupportedTrafficType),
        Row(
            description: "none beats the namespace", service: .none, workload: .none, namespace: gateway,
            serviceStatus: .unbound, workloadStatus: .unbound),
        Row(
            description: "TestBogusUseWaypoint: an absent one is not used",
            service: .gateway(namespace: "default", name: "absent"), workload: .inherit,
            namespace: .gateway(namespace: "elsewhere", name: "waypoint"), serviceStatus: .notReady,
            workloadStatus: .notReady),
        Row(
            description: "of another namespace, not admitted", namespace: gateway, serviceStatus: .attachmentDenied,
            workloadStatus: .attachmentDenied
        ) { $0.allowedNamespaces = .names(["other"]) },
        Row(
            description: "of a named namespace, admitted", namespace: gateway, serviceStatus: .bound,
            workloadStatus: .bound
        ) { $0.allowedNamespaces = .names(["default"]) },
    ]

    @Test("Istio waypoint binding: object, then namespace; existence, admission, traffic type", arguments: rows)
    func binding(row: Row) throws {
        var waypoint = Waypoint(
            namespace: "default", name: "waypoint",
            destination: .service(ServiceKey(namespace: "default", hostname: "waypoint.default.svc.cluster.local")))
        waypoint.trafficType = row.type
        row.set(&waypoint)
        let proxies = Service.named("waypoint")
        let model = MeshModel.with {
            $0.services = [.named("s") { $0.waypoint = row.service }, proxies]
            $0.workloads += [.pod("w") { $0.waypoint = row.workload }, .pod("proxy", "10.0.0.9")]
            $0.endpoints = [Endpoint(service: proxies.key, workloadUID: "proxy", isReady: false)]
            $0.namespaces = [MeshNamespace(name: "default", waypoint: row.namespace)]
            $0.waypoints = [waypoint]
        }
        let snapshot = MeshSnapshot(model, generation: 1)
        let workload = try #require(snapshot.workload(uid: "w"))
        let proxy = try #require(snapshot.workload(uid: "proxy"))
        #expect(snapshot[ServiceIndex(0)].waypointStatus == row.serviceStatus)
        #expect((snapshot[ServiceIndex(0)].waypoint != nil) == (row.serviceStatus == .bound))
        #expect(snapshot[workload].waypointStatus == row.workloadStatus)
        #expect((snapshot[workload].waypoint != nil) == (row.workloadStatus == .bound))
        // A waypoint's own service and proxies never have one.
        #expect(snapshot[ServiceIndex(1)].waypointStatus == .isWaypoint)
        #expect(snapshot[proxy].waypointStatus == .isWaypoint)
        // An unready proxy's own traffic is still a proxy's traffic.
        #expect(snapshot.isServer(proxy, of: WaypointIndex(0)))
        #expect(!snapshot.isServer(workload, of: WaypointIndex(0)))
    }

    @Test("A waypoint of another namespace admits its own namespace only, unless it says otherwise")
    func otherNamespace() throws {
        for (allowed, status) in [
            (Waypoint.AllowedNamespaces.same, WaypointStatus.attachmentDenied), (.all, .bound),
        ] {
            var waypoint = Waypoint(namespace: "infra", name: "shared", destination: .address(ip("10.0.0.9")))
            waypoint.allowedNamespaces = allowed
            let model = MeshModel.with {
                $0.services = [.named("s") { $0.waypoint = .gateway(namespace: "infra", name: "shared") }]
                $0.waypoints = [waypoint]
            }
            let snapshot = MeshSnapshot(model, generation: 1)
            #expect(snapshot[ServiceIndex(0)].waypointStatus == status)
        }
    }

    @Test("A waypoint is found by hostname, by the address of its service, or by that of a workload")
    func destinations() {
        let proxies = Service.named("waypoint", vips: ["10.1.0.9"])
        func resolve(_ destination: Waypoint.Destination) -> WaypointRecord.Destination {
            let model = MeshModel.with {
                $0.services = [proxies]
                $0.workloads.append(.pod("proxy", "10.0.0.9") { $0.network = "elsewhere" })
                $0.waypoints = [Waypoint(namespace: "default", name: "waypoint", destination: destination)]
            }
            return MeshSnapshot(model, generation: 1)[WaypointIndex(0)].destination
        }
        guard case .service(ServiceIndex(0)) = resolve(.service(proxies.key)),
            case .service(ServiceIndex(0)) = resolve(.address(ip("10.1.0.9"))),
            case .workload(WorkloadIndex(2)) = resolve(.address(ip("10.0.0.9"))),
            case .unresolved = resolve(.address(ip("10.0.0.8"))),
            case .unresolved = resolve(.service(ServiceKey(namespace: "x", hostname: "y")))
        else {
            Issue.record("a destination is resolved to something else")
            return
        }
    }
}
