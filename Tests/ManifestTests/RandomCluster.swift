// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

@testable internal import Manifest

/// Random objects of a cluster so small that they meet often: the same addresses, labels, hosts and names again and again.
struct RandomCluster {
    private var random: RandomSource
    /// Whether there are only objects that are followed one by one.
    private let isPlain: Bool

    init(seed: UInt64, isPlain: Bool) {
        random = RandomSource(seed: seed)
        self.isPlain = isPlain
    }

    static let namespaces = ["a", "b", "istio-system"]
    static let addresses = (1...7).map { IPAddress(v4: 0x0A00_0000 | UInt32($0)) } + [IPAddress(high: 0xFD00, low: 1)]
    static let hosts = ["s0.a.svc.cluster.local", "s1.a.svc.cluster.local", "s0.b.svc.cluster.local", "x.example"]

    mutating func chance(_ percent: UInt64) -> Bool { random.next(upperBound: 100 as UInt64) < percent }

    mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int(random.next(upperBound: UInt64(values.count)))]
    }

    private mutating func some<Value>(_ values: [Value], _ percent: UInt64) -> [Value] {
        var result: [Value] = []
        for value in values where chance(percent) { result.append(value) }
        return result
    }

    private mutating func labels(_ percent: UInt64 = 50) -> [String: String] {
        var labels: [String: String] = [:]
        for key in ["app", "tier"] where chance(percent) { labels[key] = pick(["x", "y"]) }
        return labels
    }

    /// Something that changes a cluster: an object that is there now or is gone, or a file that is another.
    mutating func step(_ store: inout ObjectStore) {
        for _ in 0..<pick([1, 1, 1, 2, 5]) {
            switch random.next(upperBound: 100 as UInt64) {
            case 0..<70: store.set(object())
            case 70..<92: store.remove(object().key)
            case 92..<98:
                var contents = ManifestReader.Contents()
                for _ in 0..<pick([0, 1, 4]) { contents.objects.append(object()) }
                if chance(10) { contents.refused = [object().key] }
                _ = store.replace(file: pick(["f1", "f2"]), with: contents)
            default: store.remove(file: pick(["f1", "f2"]))
            }
        }
    }

    private mutating func object() -> ManifestObject {
        let number = random.next(upperBound: 125 as UInt64)
        switch isPlain && 91..<100 ~= number ? 0 : number {
        case 0..<40: return pod()
        case 40..<55: return service()
        case 55..<70: return slice()
        case 70..<78: return policy()
        case 78..<83: return peerAuthentication()
        case 83..<87: return namespace()
        case 87..<91: return node()
        case 91..<94: return gateway()
        case 94..<97: return serviceEntry()
        case 97..<100: return workloadEntry()
        case 100..<110: return httpRoute()
        case 110..<118: return virtualService()
        default: return destinationRule()
        }
    }

    private mutating func backend() -> RouteObject.Backend {
        var backend = RouteObject.Backend()
        backend.reference.host =
            chance(50)
            ? .service(namespace: chance(20) ? pick(Self.namespaces) : nil, name: pick(["s0", "s1", "s2", "s9"]))
            : .hostname(pick(Self.hosts + ["s0", "s1.b"]))
        backend.reference.port = pick([80, 80, 81])
        if chance(30) { backend.reference.subset = pick(["v1", "v2"]) }
        return backend
    }

    private mutating func rule() -> RouteObject.Rule {
        var rule = RouteObject.Rule()
        var match = RouteObject.Match()
        match.match.path = .prefix(pick(["/", "/x"]))
        rule.matches = [match]
        for _ in 0..<pick([0, 1, 2]) { rule.backends.append(backend()) }
        return rule
    }

    private mutating func httpRoute() -> ManifestObject {
        var route = RouteObject()
        var parent = RouteObject.Parent()
        (parent.group, parent.kind) = pick([("", "Service"), ("", "Service"), ("networking.istio.io", "ServiceEntry")])
        parent.name = pick(["s0", "s1", "t0"])
        if chance(30) { parent.namespace = pick(Self.namespaces) }
        route.parents = [parent]
        for _ in 0..<pick([1, 2]) { route.rules.append(rule()) }
        return object(.httpRoute, ["r0", "r1", "r2"], .route(route))
    }

    private mutating func virtualService() -> ManifestObject {
        var route = RouteObject()
        route.hosts = some(Self.hosts + ["s0", "*.example"], 30)
        route.exportTo = pick([[], [], ["."]])
        route.rules = [rule()]
        return object(.virtualService, ["v0", "v1"], .route(route))
    }

    private mutating func destinationRule() -> ManifestObject {
        var rule = DestinationRuleObject()
        rule.host = pick(Self.hosts + ["s1", "*"])
        for name in some(["v1", "v2"], 50) {
            rule.policy.subsets.append(.init(name: name, labels: labels(), policy: TrafficPolicy()))
        }
        return object(.destinationRule, ["d0", "d1"], .destinationRule(rule))
    }

    private mutating func object(
        _ kind: ObjectKind, _ names: [String], labels: [String: String] = [:], _ body: ManifestObject.Body
    ) -> ManifestObject {
        var metadata = ObjectMetadata()
        metadata.labels = labels
        let namespace = kind.isClusterScoped ? "" : pick(Self.namespaces)
        return ManifestObject(
            key: ObjectKey(kind: kind, namespace: namespace, name: pick(names)), line: UInt32(pick([1, 1, 2])),
            metadata: metadata, body: body, source: nil)
    }

    private mutating func waypointLabels(_ percent: UInt64) -> [String: String] {
        guard chance(percent) else { return [:] }
        return ["istio.io/use-waypoint": pick(["w", "v", "none"])]
    }

    private mutating func pod() -> ManifestObject {
        var pod = PodObject()
        pod.nodeName = pick(["n0", "n1", ""])
        pod.serviceAccountName = pick(["default", "other", ""])
        pod.isHostNetwork = chance(10)
        pod.namedPorts = chance(30) ? ["http": pick([80, 8080])] : [:]
        pod.addresses = some(Self.addresses, 15)
        pod.isReady = chance(80)
        pod.isFinished = chance(5)
        var labels = labels()
        labels.merge(waypointLabels(15)) { $1 }
        if chance(20) { labels["istio.io/dataplane-mode"] = pick(["ambient", "none"]) }
        if chance(10) { labels["gateway.networking.k8s.io/gateway-name"] = pick(["w", "v"]) }
        var object = object(.pod, ["p0", "p1", "p2", "p3"], labels: labels, .pod(pod))
        object.metadata.isDeleting = chance(10)
        if chance(10) { object.metadata.annotations["ambit.dev/netns"] = pick(["/run/netns/x", "relative"]) }
        return object
    }

    private mutating func service() -> ManifestObject {
        var service = ServiceObject()
        service.clusterIPs = some(Self.addresses, 15)
        service.ports = [
            ServiceObject.Port(name: "http", port: 80, targetPort: chance(50) ? 8080 : nil, targetPortName: "http")
        ]
        service.selector = labels()
        service.publishNotReadyAddresses = chance(20)
        if chance(30) {
            service.loadBalancing = pick([
                .passthrough, LoadBalancing(mode: .failover, routingPreference: [.zone, .node]),
            ])
        }
        service.isExternalName = chance(5)
        return object(.service, ["s0", "s1", "s2"], labels: waypointLabels(30), .service(service))
    }

    private mutating func slice() -> ManifestObject {
        var slice = EndpointSliceObject()
        slice.serviceName = pick(["s0", "s1", ""])
        slice.ports = chance(50) ? ["http": pick([8080, 9090])] : [:]
        for _ in 0..<pick([0, 1, 2, 3]) {
            var endpoint = EndpointSliceObject.Endpoint(address: pick(Self.addresses))
            endpoint.podName = pick(["p0", "p1", "p2", ""])
            endpoint.nodeName = pick(["n0", "n1", ""])
            endpoint.zone = pick(["z1", ""])
            endpoint.isReady = chance(80)
            endpoint.isTerminating = chance(10)
            slice.endpoints.append(endpoint)
        }
        return object(.endpointSlice, ["e0", "e1", "e2"], .endpointSlice(slice))
    }

    private mutating func policy() -> ManifestObject {
        var object = object(.authorizationPolicy, ["q0", "q1", "q2"], .metadataOnly)
        var policy = AuthorizationPolicy(
            namespace: object.key.namespace, name: object.key.name, action: pick([.allow, .deny]))
        policy.selector = labels(40)
        policy.isDryRun = chance(20)
        policy.isUnreadable = chance(10)
        for _ in 0..<pick([0, 1, 2]) {
            var match = AuthorizationPolicy.Match()
            match.namespaces = [.exact(pick(Self.namespaces))]
            policy.rules.append(.init(clauses: [.init(matches: [match])]))
        }
        var body = AuthorizationPolicyObject(policy: policy)
        body.isForWaypoints = chance(10)
        object.body = .authorizationPolicy(body)
        return object
    }

    private mutating func peerAuthentication() -> ManifestObject {
        var object = object(.peerAuthentication, ["m0", "m1"], .metadataOnly)
        var policy = PeerAuthentication(
            namespace: object.key.namespace, name: object.key.name, mode: pick([.unset, .permissive, .strict]))
        policy.selector = labels(30)
        policy.creationTimestamp = pick([0, 1])
        if chance(40) { policy.portLevelMTLS = [80: pick([.strict, .permissive])] }
        object.body = .peerAuthentication(policy)
        return object
    }

    private mutating func namespace() -> ManifestObject {
        var labels = waypointLabels(isPlain ? 0 : 30)
        if chance(50) { labels["istio.io/dataplane-mode"] = "ambient" }
        return object(.namespace, Self.namespaces, labels: labels, .metadataOnly)
    }

    private mutating func node() -> ManifestObject {
        object(.node, ["n0", "n1"], labels: ["topology.kubernetes.io/zone": pick(["z1", "z2"])], .metadataOnly)
    }

    private mutating func gateway() -> ManifestObject {
        var gateway = GatewayObject()
        gateway.className = pick(["ambit-waypoint", "other"])
        gateway.hbonePort = 15008
        gateway.allowedNamespaces = pick([
            .same, .all, .selected(LabelSelector(matchLabels: ["istio.io/dataplane-mode": "ambient"])),
        ])
        for _ in 0..<pick([0, 1, 2]) {
            gateway.addresses.append(chance(50) ? .ip(pick(Self.addresses)) : .hostname(pick(Self.hosts)))
        }
        var object = object(
            .gateway, ["w", "v"], labels: chance(50) ? ["istio.io/waypoint-for": pick(["all", "workload"])] : [:],
            .gateway(gateway))
        if chance(20) { object.metadata.annotations["ambient.istio.io/waypoint-inbound-binding"] = "PROXY/15088" }
        return object
    }

    private mutating func serviceEntry() -> ManifestObject {
        var entry = ServiceEntryObject()
        entry.hosts = some(Self.hosts, 40)
        entry.addresses = some(["10.0.0.0/29", "10.0.0.3/32"], 40).compactMap { CIDR($0) }
        entry.ports = [ServiceEntryObject.Port(name: "http", number: 80)]
        if chance(50) {
            entry.workloadSelector = labels()
        } else {
            var inline = WorkloadEntryObject()
            inline.address = pick(Self.addresses)
            entry.endpoints = [inline]
        }
        return object(.serviceEntry, ["t0", "t1"], labels: waypointLabels(20), .serviceEntry(entry))
    }

    private mutating func workloadEntry() -> ManifestObject {
        var entry = WorkloadEntryObject()
        entry.address = pick(Self.addresses)
        entry.labels = labels()
        entry.network = pick(["", "far"])
        entry.weight = UInt32(pick([1, 3]))
        return object(.workloadEntry, ["k0", "k1"], .workloadEntry(entry))
    }
}
