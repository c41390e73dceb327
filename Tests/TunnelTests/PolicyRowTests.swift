// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Manifest
import Mesh
import Telemetry
import Testing

@testable import Tunnel

@Suite("The table of policies")
struct PolicyRowTests {
    private func policy(_ namespace: String, _ name: String, selector: [String: String] = [:]) -> AuthorizationPolicy {
        var policy = AuthorizationPolicy(namespace: namespace, name: name, action: .allow)
        policy.selector = selector
        return policy
    }

    private func workload(_ name: String, _ namespace: String, node: String, labels: [String: String] = [:]) -> Workload
    {
        var workload = Workload(uid: name, name: name, namespace: namespace)
        workload.node = node
        workload.labels = labels
        return workload
    }

    @Test("Each policy tells its scope and how many workloads of the node it binds, also one that allows nothing")
    func scopes() {
        var model = MeshModel(rootNamespaces: ["root"])
        model.authorizationPolicies = [
            policy("root", "all"), policy("root", "web", selector: ["app": "web"]), policy("a", "own"),
            policy("a", "web", selector: ["app": "web"]), policy("b", "own"),
        ]
        model.workloads = [
            workload("w1", "a", node: "here", labels: ["app": "web"]), workload("w2", "a", node: "here"),
            workload("w3", "b", node: "here", labels: ["app": "web"]), workload("w4", "a", node: "there"),
        ]
        let rows = MeshSnapshot(model, generation: 1).policyRows(node: "here", findings: [])
        let texts = rows.map { "\($0.namespace)/\($0.name) \($0.scope) \($0.workloads)" }
        #expect(
            texts == [
                "a/own Namespace 2", "a/web WorkloadSelector 1", "b/own Namespace 1", "root/all Global 3",
                "root/web WorkloadSelector 2",
            ])
    }

    @Test("What is wrong with a policy stands beside it, what is wrong elsewhere in rows of its own")
    func notes() {
        var model = MeshModel()
        model.authorizationPolicies = [policy("a", "p")]
        model.workloads = [workload("w1", "a", node: "there")]
        let rows = MeshSnapshot(model, generation: 1).policyRows(
            node: "here",
            findings: [
                Finding(.error, object: "AuthorizationPolicy a/p", text: "one"),
                Finding(.warning, object: "Pod a/x", text: "two"),
                Finding(.error, object: "AuthorizationPolicy a/p", text: "three"),
            ])
        #expect(rows.map(\.kind) == ["AuthorizationPolicy", "Finding"])
        #expect(rows.map(\.notes.count) == [2, 1])
    }

    @Test("A policy that selects no workload of any node says that it has no effect")
    func withoutEffect() {
        var model = MeshModel()
        model.authorizationPolicies = [
            policy("a", "here", selector: ["app": "web"]), policy("a", "nowhere", selector: ["app": "wbe"]),
            policy("a", "there", selector: ["app": "db"]),
        ]
        model.workloads = [
            workload("w1", "a", node: "here", labels: ["app": "web"]),
            workload("w2", "a", node: "there", labels: ["app": "db"]),
        ]
        let rows = MeshSnapshot(model, generation: 1).policyRows(node: "here", findings: [])
        #expect(rows.map(\.notes) == [[], ["no effect: it selects no workload of the mesh"], []])
    }
}
