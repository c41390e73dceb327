// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Mesh
internal import Testing

@testable internal import Manifest

@Suite("ManifestReader and ObjectStore")
struct ManifestReaderTests {
    private func findings(_ text: String) throws -> [String] {
        try ManifestReader().read(Array(text.utf8), file: "f.yaml").findings.map(\.description)
    }

    @Test(
        "Every mistake is named with file, line, object and field",
        arguments: [
            (
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  nodeNme: x\n",
                ["f.yaml:6: warning: Pod default/a: spec.nodeNme: unknown field; ignored"]
            ),
            (
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels:\n    v: 1\n",
                [
                    "f.yaml:6: error: Pod default/a: metadata.labels.v: must be a string, not an integer (put it into quotes)"
                ]
            ),
            (
                "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports:\n  - port: 0\n  - {port: 80, targetPort: 1e3}\n",
                [
                    "f.yaml:6: error: Service default/a: spec.ports[0].port: must be a number from 1 to 65535",
                    "f.yaml:7: error: Service default/a: spec.ports[1].targetPort: must be a number from 1 to 65535",
                ]
            ),
            (
                "apiVersion: v1\nkind: Service\nmetadata: {name: a, annotations: {a/b: [x]}}\n",
                ["f.yaml:3: error: Service default/a: metadata.annotations[\"a/b\"]: must be a string, not a list"]
            ),
            ("a: 1\n", ["f.yaml:1: error: the object has no apiVersion or no kind; ignored"]),
            (
                "- a\n",
                ["f.yaml:1: error: a document must be a Kubernetes object: a mapping with apiVersion and kind"]
            ),
            (
                "apiVersion: v1\nkind: Pod\nmetadata: {}\n",
                ["f.yaml:1: error: Pod: the object has no metadata.name; ignored"]
            ),
            (
                "apiVersion: v1\nkind: Pod\nmetadata: {name: A/b}\n",
                [
                    "f.yaml:3: error: Pod: metadata.name: must be a DNS name: lower-case letters, digits, - and ., at most 253"
                ]
            ),
            (
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n",
                ["f.yaml:2: warning: the mesh does not read objects of kind Deployment (apps/v1); ignored"]
            ),
            (
                "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\n",
                ["f.yaml:2: warning: the mesh does not read objects of kind Gateway (networking.istio.io/v1); ignored"]
            ),
        ] as [(String, [String])])
    func findings(_ text: String, _ expected: [String]) throws {
        #expect(try findings(text) == expected)
    }

    @Test("Kinds that are only tolerated, or only read by waypoints, give no warning whatever they hold")
    func silence() throws {
        for kind in ObjectKind.allCases
        where kind.isForWaypoints || [.secret, .configMap, .serviceAccount].contains(kind) {
            let version = kind.group.isEmpty ? "v1" : kind.group + "/v1alpha3"
            let text = "apiVersion: \(version)\nkind: \(kind.name)\nmetadata: {name: a}\nwhatever: {x: [1]}\n"
            #expect(try findings(text) == [])
        }
    }

    @Test("Lists hold objects, with or without their own kind; all versions of a group are alike")
    func lists() throws {
        let text = """
            apiVersion: v1
            kind: List
            items:
            - {apiVersion: v1, kind: Pod, metadata: {name: a}}
            - {apiVersion: v1, kind: PodList, items: [{metadata: {name: b}}]}
            - {apiVersion: security.istio.io/v1alpha7, kind: PeerAuthentication, metadata: {name: c}}
            """
        let contents = try ManifestReader().read(Array(text.utf8), file: "f")
        #expect(contents.objects.map(\.key.name) == ["a", "b", "c"])
        #expect(contents.findings == [])
    }

    @Test("A JSON file goes the same way")
    func json() throws {
        let text = "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\",\n\t\"metadata\": {\"name\": \"a\\u002db\"}\n}"
        #expect(try ManifestReader().read(Array(text.utf8), file: "f.json").objects.map(\.key.name) == ["a-b"])
    }

    @Test("An object that cannot be used keeps its last good version, one that is gone disappears")
    func lastGood() throws {
        var store = ObjectStore()
        func replace(_ text: String) throws -> [String] {
            let contents = try ManifestReader().read(Array(text.utf8), file: "f")
            _ = store.replace(file: "f", with: contents)
            return translate(store).model.workloads.map { "\($0.name) \($0.node)" }
        }
        #expect(try replace(pod("a", spec: "{nodeName: n1}") + pod("b")) == ["a n1", "b "])
        #expect(try replace(pod("a", spec: "{nodeName: [n2]}")) == ["a n1"])
        #expect(try replace(pod("a", labels: "{x: 1}")) == ["a n1"])
        #expect(try replace(pod("a", spec: "{nodeName: n3}")) == ["a n3"])
        #expect(try replace("# nothing\n") == [])
        #expect(try replace(pod("a", spec: "{nodeName: [n2]}")) == [])
    }

    @Test("Of an object in several files the last one by name counts, with a warning")
    func duplicates() throws {
        let outcome = try translated(
            pod("a", spec: "{nodeName: n0}"), pod("a", spec: "{nodeName: n1}") + pod("a", spec: "{nodeName: n2}"))
        #expect(outcome.workload("a")?.node == "n2")
        #expect(
            outcome.findings == [
                "1.yaml:13: warning: Pod default/a: also stands in line 2; this one counts",
                "1.yaml:13: warning: Pod default/a: also stands in 0.yaml:2; this one counts",
            ])
    }

    @Test("A source without files sets and removes single objects")
    func singleObjects() throws {
        let contents = try ManifestReader().read(Array((pod("a") + pod("b")).utf8), file: "")
        var store = ObjectStore()
        for object in contents.objects { store.set(object) }
        store.remove(ObjectKey(kind: .pod, namespace: "default", name: "a"))
        #expect(translate(store).model.workloads.map(\.name) == ["b"])
    }

    @Test("The order of objects and files does not matter")
    func order() throws {
        let texts = [
            pod("a", labels: "{app: x}"), pod("b", labels: "{app: x}"),
            "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {app: x}, ports: [{port: 80}]}\n",
        ]
        let first = try translated(texts[0], texts[1], texts[2]).model
        #expect(try translated(texts[2], texts[1], texts[0]).model == first)
    }

    @Test("The findings of one object are bounded")
    func manyFindings() throws {
        let fields = (0..<500).map { "\n  f\($0): 1" }.joined()
        #expect(try findings("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\(fields)\n").count == 65)
    }
}
