// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import AllocationCounter
import Manifest
import Mesh
import Testing

@testable import Kubernetes

/// What a tunnel keeps of a cluster: the objects, what translating changes needs, and the snapshot of the mesh.
private struct KnownCluster {
    var reduction = ObjectReduction(reader: ManifestReader())
    var translator: MeshTranslator
    var index = MeshIndex(MeshModel())
    var snapshot = MeshSnapshot()

    init() {
        var options = TranslationOptions()
        options.node = "ip-10-0-0-1.eu-central-1.compute.internal"
        translator = MeshTranslator(options)
    }

    /// Takes an object as the API server sends it.
    mutating func take(_ json: String, _ kind: ObjectKind) throws {
        let version = kind == .endpointSlice ? "discovery.k8s.io/v1" : "v1"
        let update = reduction.update(try YAMLNode(json: Array(json.utf8)), kind, apiVersion: version)
        guard case .set(let object, let findings) = update else {
            Issue.record("\(update)")
            return
        }
        #expect(findings.isEmpty)
        translator.store.set(object)
    }

    /// Makes the mesh of what has come.
    ///
    /// - Returns: the bytes that are held then, without what objects to come may share, which is bounded.
    mutating func publish() -> Int {
        if let update = translator.follow(), index.apply(update) {
            snapshot = index.snapshot(generation: snapshot.generation + 1)
        }
        reduction = ObjectReduction(reader: ManifestReader())
        return allocated_bytes()
    }
}

@Suite("Memory of objects")
struct ObjectMemoryTests {
    /// With those of the last service as many as tables hold in whole pieces (`ChunkedArray`).
    static let pods = 1_270
    /// Pods of one Deployment, behind one service.
    static let replicas = 10

    static func namespace(_ app: Int) -> String { "payments-production-\(app % 20)" }
    static func name(_ app: Int) -> String { "checkout-backend-\(app)" }

    static func node(_ pod: Int) -> String {
        "ip-10-0-\((pod / 100) >> 8)-\(pod / 100 & 255).eu-central-1.compute.internal"
    }

    /// A pod of a Deployment as a cloud's cluster has it.
    static func pod(_ number: Int) -> String {
        let app = number / replicas
        let hash = String(0x5_6000_0000 + app * 7919, radix: 32)
        let owner = "\(name(app))-\(hash)"
        let address = "10.\(number >> 16).\(number >> 8 & 255).\(number & 255)"
        let digits = String(number, radix: 16)
        let uid = "8f3b5c1e-0000-4000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits
        let annotations = #""kubernetes.io/config.source":"api","prometheus.io/scrape":"true""#
        let labels =
            #""app.kubernetes.io/name":"\#(name(app))","app.kubernetes.io/version":"v1.12.3","pod-template-hash":"\#(hash)","#
            + #""app.kubernetes.io/component":"backend","topology.kubernetes.io/zone":"eu-central-1a""#
        return #"{"metadata":{"name":"\#(podName(number))","namespace":"\#(namespace(app))","uid":"\#(uid)","#
            + #""creationTimestamp":"2026-11-21T20:00:00Z","labels":{\#(labels)},"annotations":{\#(annotations)},"#
            + #""ownerReferences":[{"kind":"ReplicaSet","name":"\#(owner)","controller":true}]},"#
            + #""spec":{"nodeName":"\#(node(number))","serviceAccountName":"\#(name(app))","containers":[{"name":"main","#
            + #""ports":[{"name":"http","containerPort":8080},{"name":"metrics","containerPort":9090}]}]},"#
            + #""status":{"phase":"Running","podIP":"\#(address)","podIPs":[{"ip":"\#(address)"}],"#
            + #""conditions":[{"type":"Ready","status":"True"}]}}"#
    }

    static func podName(_ number: Int) -> String {
        let app = number / replicas
        let hash = String(0x5_6000_0000 + app * 7919, radix: 32)
        return "\(name(app))-\(hash)-" + String(0x100_0000 + number, radix: 32)
    }

    static func service(_ app: Int) -> String {
        #"{"metadata":{"name":"\#(name(app))","namespace":"\#(namespace(app))","labels":{"app.kubernetes.io/name":"\#(name(app))"}},"#
            + #""spec":{"clusterIP":"172.20.\#(app >> 8).\#(app & 255)","clusterIPs":["172.20.\#(app >> 8).\#(app & 255)"],"#
            + #""selector":{"app.kubernetes.io/name":"\#(name(app))"},"#
            + #""ports":[{"name":"http","port":80,"targetPort":"http"},{"name":"metrics","port":9090,"targetPort":"metrics"}]}}"#
    }

    static func slice(_ app: Int, full: Bool) -> String {
        let endpoints = (full ? app * replicas..<(app + 1) * replicas : 0..<0).map { number in
            #"{"addresses":["10.\#(number >> 16).\#(number >> 8 & 255).\#(number & 255)"],"conditions":{"ready":true,"serving":true},"#
                + #""targetRef":{"kind":"Pod","name":"\#(podName(number))"},"zone":"eu-central-1a","#
                + #""nodeName":"\#(node(number))"}"#
        }
        let labels = #""app.kubernetes.io/name":"\#(name(app))""#
        return #"{"metadata":{"name":"\#(name(app))-x7k2p","namespace":"\#(namespace(app))","labels":{\#(labels),"#
            + #""kubernetes.io/service-name":"\#(name(app))","endpointslice.kubernetes.io/managed-by":"endpointslice-controller.k8s.io"}},"#
            + #""addressType":"IPv4","ports":[{"name":"http","port":8080},{"name":"metrics","port":9090}],"#
            + #""endpoints":[\#(endpoints.joined(separator: ","))]}"#
    }

    @Test("A pod and its place among the endpoints take at most 1 KiB, a service 2 KiB, an EndpointSlice 1 KiB")
    func bounds() throws {
        guard allocation_counting_works() == 1 else { return }
        let services = Self.pods / Self.replicas
        var cluster = KnownCluster()
        // What there is once: the code's own tables, and the last service and its pods, all told twice.
        for _ in 0..<2 {
            try cluster.take(Self.service(services), .service)
            for full in [false, true] {
                try cluster.take(Self.slice(services, full: full), .endpointSlice)
                _ = cluster.publish()
            }
            for number in Self.pods..<Self.pods + Self.replicas { try cluster.take(Self.pod(number), .pod) }
        }
        let empty = cluster.publish()
        for app in 0..<services { try cluster.take(Self.slice(app, full: false), .endpointSlice) }
        let withSlices = cluster.publish()
        for app in 0..<services { try cluster.take(Self.service(app), .service) }
        let withServices = cluster.publish()
        for number in 0..<Self.pods { try cluster.take(Self.pod(number), .pod) }
        for app in 0..<services { try cluster.take(Self.slice(app, full: true), .endpointSlice) }
        let withPods = cluster.publish()
        #expect(cluster.snapshot.workloadCount == Self.pods + Self.replicas)
        let service = (withServices - withSlices) / services
        let slice = (withSlices - empty) / services
        let pod = (withPods - withServices) / Self.pods
        #expect(pod <= 1_024, "seen: 1,012")
        #expect(service <= 2_048, "seen: 1,858")
        #expect(slice <= 1_024, "seen: 719")
        withExtendedLifetime(cluster) {}
    }
}
