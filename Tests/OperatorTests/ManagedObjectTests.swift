// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Identity
import Manifest
import Testing

@testable import Operator

@Suite("What the controller compares and writes")
struct ManagedObjectTests {
    private func node(_ text: String) throws -> YAMLNode {
        try #require(try YAMLDocument.parse(Array(text.utf8)).first).root
    }

    private func value(_ text: String) throws -> ManifestValue { ManifestValue(try node(text)) }

    @Test(
        "An object says enough when it says at least what we say",
        arguments: [
            // Defaults that the server adds.
            (#"{"a": 1}"#, #"{"a": 1, "b": 2}"#, true),
            (#"{"a": 1}"#, #"{"a": 2}"#, false),
            (#"{"a": {"b": "x"}}"#, #"{"a": {}}"#, false),
            (#"{"a": true}"#, #"{"a": false}"#, false),
            // A sidecar in front of ours, and fields in it.
            (
                #"{"c": [{"name": "w", "image": "i"}]}"#,
                #"{"c": [{"name": "s"}, {"name": "w", "image": "i", "x": 1}]}"#, true
            ),
            (#"{"c": [{"name": "w", "image": "i"}]}"#, #"{"c": [{"name": "w", "image": "j"}]}"#, false),
            // Lists without names have their order.
            (#"{"c": ["ALL"]}"#, #"{"c": ["ALL"]}"#, true),
            (#"{"c": ["a", "b"]}"#, #"{"c": ["b", "a"]}"#, false),
            (#"{"c": ["a", "b"]}"#, #"{"c": ["a"]}"#, false),
        ])
    func covered(wanted: String, actual: String, isCovered: Bool) throws {
        #expect(try value(wanted).isCovered(by: try node(actual)) == isCovered)
    }

    @Test(
        "A field that another manager has is left out, as the API server names it",
        arguments: [
            (".spec.replicas", #"{"spec": {"t": {"c": [{"name": "w", "image": "i"}]}}, "m": {"a.b/c": 1, "a": 2}}"#),
            (
                #".spec.t.c[name="w"].image"#,
                #"{"spec": {"replicas": 2, "t": {"c": [{"name": "w"}]}}, "m": {"a.b/c": 1, "a": 2}}"#
            ),
            // Names of labels have dots; the longest that fits is meant.
            (".m.a.b/c", #"{"spec": {"replicas": 2, "t": {"c": [{"name": "w", "image": "i"}]}}, "m": {"a": 2}}"#),
            // An item that has no name: the whole list is the other's.
            (".spec.t.c[port=1].image", #"{"spec": {"replicas": 2, "t": {}}, "m": {"a.b/c": 1, "a": 2}}"#),
        ])
    func without(field: String, rest: String) throws {
        let whole = try value(
            #"{"spec": {"replicas": 2, "t": {"c": [{"name": "w", "image": "i"}]}}, "m": {"a.b/c": 1, "a": 2}}"#)
        #expect(whole.without(field[...]) == (try value(rest)))
    }

    @Test("A field that we do not write cannot be left out", arguments: [".status", "spec", ".spec.x.y", ""])
    func unknownField(field: String) throws {
        #expect(try value(#"{"spec": {"replicas": 2}}"#).without(field[...]) == nil)
    }

    private static let time = UnixTime(seconds: 1_767_225_600)

    @Test("A condition keeps the time of its last transition until its status changes, and others' stay as they are")
    func conditions() throws {
        let others = #"{"type": "Other", "status": "True", "reason": "r", "message": "", "lastTransitionTime": "x"}"#
        let existing = try node("[\(others), \(written(status: "True", reason: "Old", time: "2025-01-01T00:00:00Z"))]")
        func merged(_ isTrue: Bool) -> ManifestValue {
            ObjectConditions(own: [ObjectCondition("Accepted", isTrue, "New", "m")], generation: 3)
                .merged(with: existing, time: Self.time)
        }
        let same = try value("[\(others), \(written(status: "True", reason: "New", time: "2025-01-01T00:00:00Z"))]")
        #expect(merged(true) == same)
        let other = try value("[\(others), \(written(status: "False", reason: "New", time: "2026-01-01T00:00:00Z"))]")
        #expect(merged(false) == other)
    }

    private func written(status: String, reason: String, time: String) -> String {
        """
        {"type": "Accepted", "status": "\(status)", "reason": "\(reason)", "message": "m", "lastTransitionTime": "\(time)", \
        "observedGeneration": 3}
        """
    }

    @Test("A condition that is not said any more goes, when nobody else says it")
    func retired() throws {
        let existing = try node(#"[{"type": "Mine", "status": "True"}, {"type": "Theirs", "status": "True"}]"#)
        let merged = ObjectConditions(own: [], retired: ["Mine"], generation: 1).merged(with: existing, time: Self.time)
        #expect(merged == (try value(#"[{"type": "Theirs", "status": "True"}]"#)))
    }

    @Test("Entries of other controllers in a route's status keep their place, and there are 32 at most")
    func routeEntries() throws {
        let reference = #"{"group": "", "kind": "Service", "name": "s"}"#
        let theirs = #"{"controllerName": "theirs", "parentRef": \#(reference)}"#
        let stale = #"{"controllerName": "ambit.dev/waypoint-controller", "parentRef": {"name": "gone"}}"#
        let ours = #"{"controllerName": "ambit.dev/waypoint-controller", "parentRef": \#(reference)}"#
        let status = RouteStatus(
            references: Array(try node("[\(reference)]").elements), generation: 1, refusal: nil, findings: [],
            parents: [RouteStatus.Parent(index: 0)])
        let merged = status.parents(existing: try node("[\(ours), \(stale), \(theirs)]"), time: Self.time)
        guard case .sequence(let entries) = merged else { throw OperatorError("no list") }
        #expect(entries.map { $0["controllerName"] } == [.text("ambit.dev/waypoint-controller"), .text("theirs")])
        let full = "[" + Array(repeating: theirs, count: 32).joined(separator: ",") + "]"
        guard case .sequence(let all) = status.parents(existing: try node(full), time: Self.time) else {
            throw OperatorError("no list")
        }
        #expect(all.count == 32 && all.allSatisfy { $0["controllerName"] == .text("theirs") })
    }

    @Test("Labels of the Gateway's infrastructure cannot take a pod out of its Service or into the mesh")
    func infrastructureLabels() throws {
        var settings = GatewaySettings(
            name: try WaypointName(namespace: "shop", name: "w"), uid: "u", className: "ambit-waypoint", replicas: 2)
        settings.labels = [("istio.io/dataplane-mode", "ambient"), (WaypointLabel.gatewayName, "x"), ("team", "a")]
        let objects = WaypointWorkload(
            settings: settings, configuration: ControllerConfiguration(), image: "i", roots: ""
        ).objects
        let deployment = try #require(objects.first { $0.key.kind == .deployment }).value
        let labels = deployment["spec"]?["template"]?["metadata"]?["labels"]
        #expect(labels?["istio.io/dataplane-mode"] == .text("none"))
        #expect(labels?[WaypointLabel.gatewayName] == .text("w") && labels?["team"] == .text("a"))
    }
}
