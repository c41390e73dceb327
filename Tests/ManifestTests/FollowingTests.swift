// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh
internal import Testing

@testable internal import Manifest

/// Following a mesh change by change: it must never differ from what the same objects mean as a whole.
@Suite("MeshTranslator.follow and MeshIndex")
struct FollowingTests {
    @Test(
        "After each of 40 random changes of all kinds of objects; without waypoints and entries never made anew",
        arguments: 0..<24 as Range<UInt64>)
    func agreesWithWhole(seed: UInt64) throws {
        let isPlain = seed % 3 == 0
        var cluster = RandomCluster(seed: seed, isPlain: isPlain)
        var options = TranslationOptions()
        if seed % 2 == 1 { options.node = "n0" }
        var translator = MeshTranslator(options)
        var index = MeshIndex(MeshModel())
        var earlier: (snapshot: MeshSnapshot, rendering: [String])?
        for step in 0..<40 {
            cluster.step(&translator.store)
            if let update = translator.follow() {
                if case .whole = update, isPlain { #expect(step == 0) }
                _ = index.apply(update)
            }
            let whole = translate(translator.store, options: options)
            let snapshot = index.snapshot(generation: UInt64(step))
            let rendering = snapshot.rendering
            let expected = MeshSnapshot(whole.model, generation: 0).rendering
            try #require(rendering == expected, "step \(step): \(difference(rendering, expected))")
            try #require(index.routes == whole.model.routes, "step \(step)")
            try #require(translator.currentFindings == whole.findings, "step \(step)")
            if let earlier, step % 7 == 0 {
                try #require(earlier.snapshot.rendering == earlier.rendering, "an earlier snapshot changed at \(step)")
            }
            if step % 7 == 0 { earlier = (snapshot, rendering) }
        }
    }

    private func difference(_ one: [String], _ other: [String]) -> String {
        let (left, right) = (Set(one), Set(other))
        return "only followed: \(left.subtracting(right).sorted().prefix(3)), "
            + "only whole: \(right.subtracting(left).sorted().prefix(3))"
    }

    /// A cluster with pods, a service by selector and one by slices.
    private func translator() throws -> MeshTranslator {
        let text = """
            {apiVersion: v1, kind: Service, metadata: {name: all}, spec: {selector: {app: x}, ports: [{name: http, port: 80}]}}
            ---
            {apiVersion: v1, kind: Service, metadata: {name: listed}, spec: {ports: [{port: 80}]}}
            ---
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: listed-1, labels: {kubernetes.io/service-name: listed}}
            endpoints: [{addresses: [10.0.0.1], targetRef: {kind: Pod, name: p1}}]
            ports: [{port: 8080}]
            ---
            {apiVersion: v1, kind: Pod, metadata: {name: p1, labels: {app: x}}, status: {podIP: 10.0.0.1}}
            """
        var translator = MeshTranslator(TranslationOptions())
        for object in try ManifestReader().read(Array(text.utf8), file: "").objects { translator.store.set(object) }
        guard case .whole(let model)? = translator.follow() else {
            Issue.record("the first is not whole")
            return translator
        }
        #expect(model.endpoints.count == 2)
        return translator
    }

    private func object(_ text: String) throws -> ManifestObject {
        var reader = ManifestReader()
        reader.readsRoutes = true
        return try #require(reader.read(Array(text.utf8), file: "").objects.first)
    }

    @Test("A pod that comes touches its own workload and the services that select it, and nothing else")
    func newPod() throws {
        var translator = try translator()
        translator.store.set(try object(pod("p2", labels: "{app: x}", status: "{podIP: 10.0.0.2}")))
        guard case .change(let change)? = translator.follow() else {
            Issue.record("not a change")
            return
        }
        #expect(change.workloads.keys.sorted() == ["Kubernetes//Pod/default/p2"])
        #expect(change.endpoints.keys.map(\.hostname) == ["all.default.svc.cluster.local"])
        #expect(change.endpoints.values.first?.count == 2)
    }

    @Test("A pod that goes touches the services whose slices name it, too")
    func gonePod() throws {
        var translator = try translator()
        translator.store.remove(ObjectKey(kind: .pod, namespace: "default", name: "p1"))
        guard case .change(let change)? = translator.follow() else {
            Issue.record("not a change")
            return
        }
        #expect(change.workloads["Kubernetes//Pod/default/p1"] == .some(nil))
        #expect(change.endpoints.keys.map(\.name).sorted() == ["all", "listed"])
    }

    @Test("A route has routes translated and nothing else; so has another Service, but not one whose pods are others")
    func routes() throws {
        var translator = try translator()
        translator.store.set(
            try object(
                """
                apiVersion: gateway.networking.k8s.io/v1
                kind: HTTPRoute
                metadata: {name: r}
                spec:
                  parentRefs: [{group: "", kind: Service, name: all}]
                  rules: [{backendRefs: [{name: listed, port: 80}]}]
                """))
        guard case .change(let routed)? = translator.follow() else {
            Issue.record("not a change")
            return
        }
        #expect(routed.routes?.bindings.count == 1 && routed.workloads.isEmpty && routed.services.isEmpty)
        translator.store.set(try object(pod("p2", labels: "{app: x}", status: "{podIP: 10.0.0.2}")))
        guard case .change(let grown)? = translator.follow() else {
            Issue.record("not a change")
            return
        }
        #expect(grown.endpoints.count == 1 && grown.routes == nil)
        translator.store.remove(ObjectKey(kind: .service, namespace: "default", name: "listed"))
        guard case .change(let change)? = translator.follow() else {
            Issue.record("not a change")
            return
        }
        guard case .forward(let backends)? = change.routes?.bindings.first?.http?.rules.first?.action else {
            Issue.record("no rule")
            return
        }
        #expect(backends.map(\.target) == [.invalid])
    }

    @Test("What says the same again is no change of the mesh: a Node that reports, a Pod whose status is written again")
    func heartbeat() throws {
        var translator = try translator()
        var index = MeshIndex(MeshModel())
        _ = index.apply(.whole(translate(translator.store).model))
        translator.store.set(try object("{apiVersion: v1, kind: Node, metadata: {name: n1}}"))
        if let update = translator.follow() { _ = index.apply(update) }
        translator.store.set(try object("{apiVersion: v1, kind: Node, metadata: {name: n1, annotations: {a: b}}}"))
        #expect(translator.follow() == nil)
        translator.store.set(try object(pod("p1", labels: "{app: x}", status: "{podIP: 10.0.0.1, phase: Running}")))
        guard let update = translator.follow() else { return }
        let isChanged = index.apply(update)
        #expect(!isChanged)
    }

    @Test("Nothing has changed when nothing was touched")
    func idle() throws {
        var translator = try translator()
        #expect(translator.follow() == nil)
    }
}

extension ServiceKey {
    fileprivate var name: String { String(hostname.prefix { $0 != "." }) }
}
