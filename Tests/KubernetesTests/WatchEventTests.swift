// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Manifest
import Testing

@testable import Kubernetes

@Suite("WatchEvent")
struct WatchEventTests {
    @Test("Events of each type are told apart")
    func types() throws {
        let pod = #"{"metadata":{"name":"a","namespace":"n","resourceVersion":"7"}}"#
        for type in ["ADDED", "MODIFIED"] {
            guard case .set(let node, "7") = try WatchEvent(Array(#"{"type":"\#(type)","object":\#(pod)}"#.utf8)) else {
                Issue.record("\(type) is no set")
                continue
            }
            #expect(node["metadata"]?["name"]?.string == "a")
        }
        guard case .deleted(let node, "7") = try WatchEvent(Array(#"{"type":"DELETED","object":\#(pod)}"#.utf8)) else {
            Issue.record("DELETED is no deletion")
            return
        }
        #expect(ObjectReduction.key(node, .pod) == ObjectKey(kind: .pod, namespace: "n", name: "a"))
    }

    @Test("Bookmarks tell how far the watch is, and one of them that the list is complete")
    func bookmarks() throws {
        let plain = #"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"8"}}}"#
        guard case .bookmark("8", isEndOfList: false) = try WatchEvent(Array(plain.utf8)) else {
            Issue.record("no bookmark")
            return
        }
        let last =
            #"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}"#
        guard case .bookmark("9", isEndOfList: true) = try WatchEvent(Array(last.utf8)) else {
            Issue.record("no end of the list")
            return
        }
    }

    @Test("ERROR events carry a status")
    func errors() throws {
        let text =
            #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too\nold"}}"#
        guard case .error(let status) = try WatchEvent(Array(text.utf8)) else {
            Issue.record("no error")
            return
        }
        #expect(status == APIStatus(code: 410, reason: "Expired", message: "too old"))
    }

    @Test(
        "What is no event is refused",
        arguments: [
            "", "[]", "{}", #"{"type":"ADDED"}"#, #"{"type":"NEW","object":{}}"#, #"{"type":"ADDED","object":[]}"#,
            #"{"type":"ADDED","object":{"#,
        ])
    func malformed(text: String) {
        #expect(throws: KubernetesError.self) { try WatchEvent(Array(text.utf8)) }
    }

    @Test("Objects are reduced to what the mesh reads")
    func reduction() throws {
        let text =
            #"{"metadata":{"name":"a","namespace":"n","labels":{"app":"a"},"annotations":{"ambit.dev/netns":"/x","kubectl.kubernetes.io/last-applied-configuration":"{}"},"managedFields":[{"f:metadata":{}}]},"spec":{"nodeName":"w","newField":1},"status":{"podIP":"10.0.0.1","phase":"Running"}}"#
        var reduction = ObjectReduction(reader: ManifestReader())
        guard
            case .set(let object, let findings) = reduction.update(
                try YAMLNode(json: Array(text.utf8)), .pod, apiVersion: "v1")
        else {
            Issue.record("not read")
            return
        }
        #expect(findings.isEmpty)
        #expect(object.metadata.labels == ["app": "a"])
        #expect(object.metadata.annotations == ["ambit.dev/netns": "/x"])
    }

    @Test("An object of another kind than asked for is not taken for one of it")
    func otherKind() throws {
        var reduction = ObjectReduction(reader: ManifestReader())
        let node = try YAMLNode(json: Array(#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}"#.utf8))
        guard case .lost(.pod, _) = reduction.update(node, .pod, apiVersion: "v1") else {
            Issue.record("a Secret was taken for a Pod")
            return
        }
    }

    /// Objects as large as etcd takes them (1.5 MiB).
    private static let large: [(ObjectKind, String, String)] = [
        (
            .authorizationPolicy, "security.istio.io/v1",
            #""spec":{"action":"DENY","rules":[{"from":[{"source":{"ipBlocks":["#
                + repeated(#""10.77.1.2""#) + "]}}]}]}"
        ),
        (
            .pod, "v1",
            #""spec":{"nodeName":"n1"},"status":{"conditions":["#
                + repeated(#"{"type":"Ready","status":"True"}"#) + "]}"
        ),
        (
            .pod, "v1",
            #""spec":{"nodeName":"n1"},"other":{"managedFields":[{"fieldsV1":{"f:metadata":{"f:labels":["#
                + repeated(#"{"f:app.kubernetes.io/name":{}}"#) + "]}}}]}"
        ),
    ]

    private static func repeated(_ text: String) -> String {
        Array(repeating: text, count: (1_500 << 10) / (text.utf8.count + 1)).joined(separator: ",")
    }

    @Test("An object as large as etcd takes is read whole, however it arrives", arguments: 0..<3)
    func largeObjects(number: Int) throws {
        let (kind, version, rest) = Self.large[number]
        let metadata = #""metadata":{"name":"x","namespace":"shop","uid":"u"}"#
        let object = #"{"apiVersion":"\#(version)","kind":"\#(kind.name)",\#(metadata),\#(rest)}"#
        let octets = Array((#"{"type":"MODIFIED","object":"# + object + "}\n").utf8)
        #expect(octets.count > 1_490 << 10)
        var splitter = JSONSplitter(.values)
        var pieces: [[UInt8]] = []
        for start in stride(from: 0, to: octets.count, by: 16_000) {
            let part = Array(octets[start..<min(octets.count, start + 16_000)])
            try splitter.receive(part.span, into: &pieces)
        }
        #expect(pieces.count == 1 && splitter.isBetweenValues)
        guard case .set(let node, _) = try WatchEvent(try #require(pieces.first)) else {
            Issue.record("it is no object")
            return
        }
        var reduction = ObjectReduction(reader: ManifestReader())
        guard case .set(let read, _) = reduction.update(node, kind, apiVersion: version) else {
            Issue.record("it is refused")
            return
        }
        #expect(read.key == ObjectKey(kind: kind, namespace: "shop", name: "x"))
    }
}
