// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh
internal import Testing

@testable internal import Manifest

@Suite("Services, endpoints and waypoints")
struct ServiceTests {
    private let service = """
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec:
          clusterIP: 10.96.0.1
          clusterIPs: [10.96.0.1, "fd00:96::1"]
          selector: {app: web}
          ipFamilies: [IPv4, IPv6]
          ports:
          - {name: http, port: 80, targetPort: 8080}
          - {name: admin, port: 81, targetPort: admin}
          - {name: same, port: 82}
          - {name: dns, port: 53, protocol: UDP}

        """

    @Test("A Service becomes a hostname with addresses and TCP ports")
    func fields() throws {
        let outcome = try translated(service)
        let web = try #require(outcome.service("web"))
        #expect(web.hostname == "web.default.svc.cluster.local")
        #expect(web.vips.map(\.description) == ["10.96.0.1/32", "fd00:96::1/128"])
        #expect(
            web.ports == [
                ServicePort(name: "http", servicePort: 80, targetPort: 8080, applicationProtocol: .http),
                ServicePort(name: "admin", servicePort: 81, targetPort: nil),
                ServicePort(name: "same", servicePort: 82, targetPort: 82),
            ])
        #expect(web.ipFamilies == .dual && web.isCanonical && web.loadBalancing == .standard)
        #expect(outcome.findings == [])
    }

    @Test("Without EndpointSlices the selector finds the pods of the namespace, with named ports and readiness")
    func derivedEndpoints() throws {
        let outcome = try translated(
            service,
            pod(
                "a", labels: "{app: web, x: y}",
                spec: "{containers: [{name: c, ports: [{name: admin, containerPort: 9000}]}]}"),
            pod("b", labels: "{app: web}", status: "{podIP: 10.0.0.2, conditions: [{type: Ready, status: 'False'}]}"),
            pod("c", labels: "{app: web}", metadata: "deletionTimestamp: '2024-01-01T00:00:00Z'"),
            pod("d", namespace: "other", labels: "{app: web}"),
            pod("e", labels: "{app: other}"),
            pod("f", labels: "{app: web}", status: "{}"))
        #expect(
            outcome.endpoints == [
                "web a 81>9000", "web b unready unserving", "web c unready terminating",
            ])
    }

    @Test("EndpointSlices count instead of the selector when there are any")
    func slices() throws {
        let slice = """
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
            addressType: IPv4
            ports: [{name: http, port: 8081, protocol: TCP}, {name: admin, port: 9001}]
            endpoints:
            - addresses: [10.0.0.1]
              targetRef: {kind: Pod, name: a, namespace: default}
              conditions: {ready: true, serving: true, terminating: false}
            - addresses: [10.0.0.2]
              conditions: {ready: false, serving: true, terminating: true}
            - addresses: [192.168.1.1]
              zone: z1
            - addresses: [192.168.1.2]
              conditions: {ready: null}
            ---
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: web-2, labels: {kubernetes.io/service-name: web}}
            addressType: IPv6
            ports: [{name: same, port: 83}]
            endpoints: [{addresses: ["fd00::1"], targetRef: {kind: Pod, name: a}}]
            """
        let outcome = try translated(
            service, slice, pod("a", labels: "{app: web}"),
            pod("b", labels: "{app: web}", status: "{podIP: 10.0.0.2}"), pod("c", labels: "{app: web}"))
        #expect(
            outcome.endpoints == [
                "web a 80>8081 81>9001 82>83", "web b 80>8081 81>9001 unready terminating",
                "web 192.168.1.1 80>8081 81>9001", "web 192.168.1.2 80>8081 81>9001",
            ])
        let bare = try #require(outcome.workload("192.168.1.1"))
        #expect(bare.tunnelProtocol == .tcp && !bare.isPod && bare.locality.zone == "z1")
    }

    @Test(
        "Where traffic goes first",
        arguments: [
            ("trafficDistribution: PreferClose", LoadBalancing.preferSameZone),
            ("trafficDistribution: PreferSameNode", .preferSameNode),
            ("internalTrafficPolicy: Local", .localNode),
            ("trafficDistribution: PreferClose\n  internalTrafficPolicy: Local", .localNode),
            ("internalTrafficPolicy: Cluster", .standard),
        ])
    func distribution(_ field: String, _ expected: LoadBalancing) throws {
        let outcome = try translated("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  \(field)\n")
        #expect(outcome.service("a")?.loadBalancing == expected)
        #expect(outcome.findings == [])
    }

    @Test("Headless services have no address, ExternalName ones are passed over")
    func headlessAndExternal() throws {
        let outcome = try translated(
            """
            {apiVersion: v1, kind: List, items: [
              {apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: None, publishNotReadyAddresses: yes}},
              {apiVersion: v1, kind: Service, metadata: {name: b}, spec: {type: ExternalName, externalName: x.example}}]}
            """)
        #expect(outcome.service("a")?.vips == [] && outcome.service("a")?.publishNotReadyAddresses == true)
        #expect(outcome.service("b") == nil)
        #expect(outcome.findings == [])
    }

    @Test("A ServiceEntry becomes a service for each host, with its endpoints")
    func serviceEntry() throws {
        let outcome = try translated(
            """
            apiVersion: networking.istio.io/v1beta1
            kind: ServiceEntry
            metadata: {name: db, namespace: data}
            spec:
              hosts: [db.example.com, db2.example.com]
              addresses: [240.0.0.1, 240.1.0.0/16]
              ports: [{number: 5432, name: tcp, protocol: TCP, targetPort: 6432}]
              location: MESH_EXTERNAL
              resolution: STATIC
              exportTo: ["."]
              subjectAltNames: ["spiffe://cluster.local/ns/data/sa/db"]
              endpoints:
              - address: 192.0.2.1
                ports: {tcp: 7432}
                locality: eu/eu-1/a
                weight: 5
                serviceAccount: db
                labels: {networking.istio.io/tunnel: http}
              - address: 192.0.2.2
            ---
            apiVersion: networking.istio.io/v1
            kind: ServiceEntry
            metadata: {name: any}
            spec: {hosts: [any.example], addresses: [198.51.100.0/24], ports: [{number: 443, name: tls, protocol: TLS}]}
            """)
        #expect(outcome.findings == [])
        #expect(outcome.model.services.map(\.hostname) == ["db.example.com", "db2.example.com", "any.example"])
        let database = try #require(outcome.service("db"))
        #expect(
            database.ports == [ServicePort(name: "tcp", servicePort: 5432, targetPort: 6432, applicationProtocol: .tcp)]
        )
        #expect(database.vips.map(\.description) == ["240.0.0.1/32", "240.1.0.0/16"])
        #expect(database.visibility == .namespace && !database.isCanonical)
        #expect(database.subjectAltNames == ["spiffe://cluster.local/ns/data/sa/db"])
        #expect(outcome.service("any")?.loadBalancing == .passthrough)
        #expect(
            outcome.endpoints == [
                "db 192.0.2.1 5432>7432", "db2 192.0.2.1 5432>7432", "db 192.0.2.2", "db2 192.0.2.2",
            ])
        let workload = try #require(outcome.model.workloads.first)
        #expect(workload.capacity == 5 && workload.serviceAccount == "db" && workload.tunnelProtocol == .hbone)
        #expect(workload.locality == Locality(region: "eu", zone: "eu-1", subzone: "a"))
    }

    @Test("A ServiceEntry's workloadSelector finds pods and workload entries of its namespace")
    func workloadSelector() throws {
        let outcome = try translated(
            """
            apiVersion: networking.istio.io/v1
            kind: ServiceEntry
            metadata: {name: vm}
            spec:
              hosts: [vm.example]
              ports: [{number: 80, name: http}]
              resolution: STATIC
              workloadSelector: {labels: {app: vm}}
            ---
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: vm-1}
            spec: {address: 192.0.2.7, labels: {app: vm}, ports: {http: 8080}, serviceAccount: vm, network: n2}
            ---
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: vm-2, labels: {app: vm}}
            spec: {address: vm.example.com}
            """, pod("a", labels: "{app: vm}"))
        #expect(outcome.endpoints == ["vm a", "vm vm-1 80>8080"])
        #expect(outcome.workload("vm-1")?.network == "n2")
        #expect(outcome.findings.count == 1 && outcome.findings[0].contains("spec.address: is no IP address"))
    }

    @Test("A Gateway of a waypoint class with an address is a waypoint; bindings follow labels")
    func waypoints() throws {
        let outcome = try translated(
            """
            apiVersion: v1
            kind: Namespace
            metadata: {name: default, labels: {istio.io/use-waypoint: w, team: a}}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: w, labels: {istio.io/waypoint-for: all}}
            spec:
              gatewayClassName: istio-waypoint
              listeners:
              - name: mesh
                port: 15008
                protocol: HBONE
                allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}
            status:
              addresses:
              - {type: Hostname, value: w.default.svc.cluster.local}
              - {type: IPAddress, value: 10.96.0.9}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: starting}
            spec: {gatewayClassName: ambit-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: a, labels: {istio.io/use-waypoint: x, istio.io/use-waypoint-namespace: other}}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: b, labels: {istio.io/use-waypoint: none}}
            """, pod("p", labels: "{istio.io/use-waypoint: w}"))
        #expect(outcome.model.waypoints.count == 1)
        let waypoint = try #require(outcome.model.waypoints.first)
        // Its service is not in the folder, so the address counts.
        #expect(waypoint.destination == .address(IPAddress(v4: 0x0A60_0009)))
        #expect(waypoint.trafficType == .all && waypoint.allowedNamespaces == .names(["default"]))
        #expect(outcome.service("a")?.waypoint == .gateway(namespace: "other", name: "x"))
        #expect(outcome.service("b")?.waypoint == WaypointBinding.none)
        #expect(outcome.workload("p")?.waypoint == .gateway(namespace: "default", name: "w"))
        #expect(outcome.findings.count == 1 && outcome.findings[0].contains("no waypoint other/x with an address"))
    }

    @Test(
        "xfcc-include-client-identity is the Gateway's, else that of its class; anything but true is no",
        arguments: [
            ("", "", false), ("\"true\"", "", true), ("", "\"true\"", true), ("\"false\"", "\"true\"", false),
            ("\"yes\"", "", false),
        ])
    func clientIdentity(_ ofGateway: String, _ ofClass: String, _ expected: Bool) throws {
        func annotations(_ value: String) -> String {
            value.isEmpty ? "" : ", annotations: {ambient.istio.io/xfcc-include-client-identity: \(value)}"
        }
        let outcome = try translated(
            """
            apiVersion: gateway.networking.k8s.io/v1
            kind: GatewayClass
            metadata: {name: ambit-waypoint\(annotations(ofClass))}
            spec: {controllerName: ambit.dev/waypoint-controller}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: w\(annotations(ofGateway))}
            spec: {gatewayClassName: ambit-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
            status: {addresses: [{type: IPAddress, value: 10.96.0.9}]}
            """)
        #expect(outcome.model.waypoints.map(\.tellsClientIdentity) == [expected])
        #expect(outcome.findings == [])
    }

    @Test("A Gateway that asks the tunnel to end HBONE is a waypoint of any class; its pods are bound, others not")
    func inboundBinding() throws {
        let gateway = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: GatewayClass
            metadata: {name: bound, annotations: {ambient.istio.io/waypoint-inbound-binding: NONE/15088}}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: w, annotations: {ambient.istio.io/waypoint-inbound-binding: PROXY}}
            spec: {gatewayClassName: istio, listeners: [{name: proxy, port: 15088, protocol: HTTP}]}
            status: {addresses: [{type: IPAddress, value: 10.96.0.9}]}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: v}
            spec: {gatewayClassName: bound}
            status: {addresses: [{type: IPAddress, value: 10.96.0.8}]}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: u, annotations: {ambient.istio.io/waypoint-inbound-binding: HTTP}}
            spec: {gatewayClassName: istio}
            status: {addresses: [{type: IPAddress, value: 10.96.0.7}]}
            """
        let label = "gateway.networking.k8s.io/gateway-name"
        let outcome = try translated(
            gateway, pod("p", labels: "{\(label): w}"), pod("q", labels: "{\(label): v}"),
            pod("r", labels: "{\(label): u}"), pod("s"))
        #expect(outcome.model.waypoints.map { "\($0.name):\($0.hbonePort)" } == ["v:15008", "w:15008"])
        #expect(outcome.workload("p")?.applicationTunnel == ApplicationTunnel(preamble: .proxy, port: nil))
        #expect(outcome.workload("q")?.applicationTunnel == ApplicationTunnel(preamble: .none, port: 15088))
        #expect(outcome.workload("r")?.applicationTunnel == nil && outcome.workload("s")?.applicationTunnel == nil)
        #expect(outcome.findings.count { $0.contains("must be NONE or PROXY") } == 1)
    }

    @Test("A waypoint's hostname is preferred when its Service is known")
    func waypointHostname() throws {
        let outcome = try translated(
            """
            apiVersion: gateway.networking.k8s.io/v1beta1
            kind: Gateway
            metadata: {name: w, namespace: x}
            spec: {gatewayClassName: ambit-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
            status: {addresses: [{value: 10.96.0.9}, {type: Hostname, value: w.x.svc.cluster.local}]}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: w, namespace: x}
            """)
        let key = ServiceKey(namespace: "x", hostname: "w.x.svc.cluster.local")
        #expect(outcome.model.waypoints.first?.destination == .service(key))
    }
}
