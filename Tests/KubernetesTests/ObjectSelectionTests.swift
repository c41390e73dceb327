// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Manifest
import Testing

@testable import Kubernetes

@Suite("ObjectSelection")
struct ObjectSelectionTests {
    private static let metadata =
        #""metadata":{"name":"web","namespace":"shop","uid":"2b7e0a3c-9d41-4c5e-8f10-0123456789ab","resourceVersion":"7","#
        + #""generateName":"web-","generation":3,"creationTimestamp":"2026-11-21T20:00:00Z","finalizers":["a/b"],"#
        + #""deletionTimestamp":null,"labels":{"app":"web","kubernetes.io/service-name":"web"},"#
        + #""annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"a\":\"b\"}","note":"x","#
        + #""ambit.dev/exclude-inbound-ports":"81","networking.istio.io/traffic-distribution":"PreferClose"},"#
        + #""ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-5","uid":"u","controller":true}],"#
        + #""managedFields":[{"manager":"k","fieldsV1":{"f:spec":{"f:x":{".":{}}}}}]}"#

    /// Objects with what the mesh reads of them and much else.
    private static let samples: [(ObjectKind, String)] = [
        (
            .pod,
            #""spec":{"nodeName":"n1","serviceAccountName":"web","hostNetwork":false,"volumes":[{"name":"v"}],"containers":["#
                + #"{"name":"c","env":[{"name":"A","value":"b"}],"ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}]}],"#
                + #""initContainers":[{"name":"i","restartPolicy":"Always","ports":[{"containerPort":9090}]}]},"#
                + #""status":{"phase":"Running","hostIP":"10.9.9.9","podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"},{"ip":"fd00::1"}],"#
                + #""conditions":[{"type":"Initialized","status":"True"},{"type":"Ready","status":"False","reason":"r"}],"#
                + #""containerStatuses":[{"name":"c","state":{"running":{}}}]}"#
        ),
        (.pod, #""spec":{"containers":[null,{"ports":[{"containerPort":0}]}],"nodeName":7},"status":{"podIP":"x"}"#),
        (.pod, #""spec":[],"status":null"#),
        (.node, #""spec":{"podCIDR":"10.0.0.0/24"},"status":{"images":[{"names":["a"],"sizeBytes":1}]}"#),
        (.namespace, #""spec":{"finalizers":["kubernetes"]},"status":{"phase":"Active"}"#),
        (
            .service,
            #""spec":{"clusterIP":"10.1.0.1","clusterIPs":["10.1.0.1"],"selector":{"app":"web"},"type":"ClusterIP","#
                + #""ports":[{"name":"http","port":80,"targetPort":"http","appProtocol":"http"}]},"status":{"loadBalancer":{}}"#
        ),
        (
            .endpointSlice,
            #""addressType":"IPv4","ports":[{"name":"http","port":8080}],"endpoints":[{"addresses":["10.0.0.1"],"#
                + #""conditions":{"ready":true},"targetRef":{"kind":"Pod","name":"web"},"nodeName":"n1","zone":"a"}]"#
        ),
        (
            .gateway,
            #""spec":{"gatewayClassName":"ambit-waypoint","listeners":[]},"status":{"conditions":[{"type":"Accepted"}]}"#
        ),
        (
            .authorizationPolicy,
            #""spec":{"action":"DENY","rules":[{"to":[{"operation":{"ports":["9090"]}}]}],"new":1}"#
        ),
    ]

    @Test(
        "An object means the same, is kept and told of as the same, whether all of its text is read or what is selected"
    )
    func sameMeaning() throws {
        for (kind, rest) in Self.samples {
            let text = Array("{\(Self.metadata),\(rest)}".utf8)
            let event = Array("{\"type\":\"MODIFIED\",\"object\":{\(Self.metadata),\(rest)}}".utf8)
            guard case .set(let watched, "7") = try WatchEvent(event, ObjectSelection.event(kind)) else {
                Issue.record("\(kind.name): no event")
                continue
            }
            let whole = try YAMLNode(json: text)
            let version = try #require(APIResource(kind).map { $0.apiVersion($0.versions[0]) })
            for selected in [try YAMLNode(json: text, ObjectSelection.item(kind)), watched] {
                var (one, other) = (
                    ObjectReduction(reader: ManifestReader()), ObjectReduction(reader: ManifestReader())
                )
                let (before, after) = (
                    one.update(whole, kind, apiVersion: version), other.update(selected, kind, apiVersion: version)
                )
                Self.expectSame(before, after)
                let kept = ObjectText.octets(selected, kind, apiVersion: version)
                #expect(kept == ObjectText.octets(whole, kind, apiVersion: version))
                #expect(ObjectFacts(whole, kind, version: "v1") == ObjectFacts(selected, kind, version: "v1"))
                #expect(selected["metadata"]?["managedFields"] == nil)
            }
        }
    }

    private static func expectSame(_ before: ClusterUpdate, _ after: ClusterUpdate) {
        switch (before, after) {
        case (.set(let one, let findings), .set(let other, let otherFindings)):
            #expect(one.key == other.key && one.metadata == other.metadata && findings == otherFindings)
            #expect(String(describing: one.body) == String(describing: other.body))
        case (.refused(let one, let findings), .refused(let other, let otherFindings)):
            #expect(one == other && findings == otherFindings)
        default: Issue.record("\(before) and \(after)")
        }
    }

    @Test("What our tunnels write of a capture is kept of the own node's pods only; what Istio's wrote, of all")
    func reports() throws {
        let theirs = #""ambient.istio.io/redirection":"enabled""#
        let ours = theirs + #","ambit.dev/redirection":"enabled""#
        for (node, annotations, kept) in [
            ("n1", ours, 2), ("n2", ours, 0), ("", ours, 0), ("n2", theirs, 1), ("n1", theirs, 1),
        ] {
            let text = #"{"metadata":{"name":"web","annotations":{\#(annotations)}},"spec":{"nodeName":"n1"}}"#
            var reduction = ObjectReduction(reader: ManifestReader(), node: node)
            guard
                case .set(let object, _) = reduction.update(
                    try YAMLNode(json: Array(text.utf8), ObjectSelection.item(.pod)), .pod, apiVersion: "v1")
            else {
                Issue.record("not read")
                continue
            }
            #expect(object.metadata.annotations.count == kept)
        }
    }
}
