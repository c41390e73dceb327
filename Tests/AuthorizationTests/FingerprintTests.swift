// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Authorization
import Mesh
import Testing

/// Which changes make live connections to a pod be looked at again.
@Suite struct FingerprintTests {
    static func deny(_ name: String, namespace: String = "default", port: UInt16 = 81) -> AuthorizationPolicy {
        let rules = [rule(match { $0.destinationPorts = [port] })]
        return AuthorizationPolicy(namespace: namespace, name: name, action: .deny, rules: rules)
    }

    static func selecting(_ app: String, _ policy: AuthorizationPolicy) -> AuthorizationPolicy {
        var policy = policy
        policy.selector = ["app": app]
        return policy
    }

    struct Change: CustomStringConvertible, Sendable {
        var description: String
        var concerns: Bool
        var apply: @Sendable (inout MeshModel) -> Void
    }

    static let changes = [
        Change(description: "nothing", concerns: false) { _ in },
        Change(description: "a policy of the namespace", concerns: true) {
            $0.authorizationPolicies.append(deny("new"))
        },
        Change(description: "a policy of the mesh", concerns: true) {
            $0.authorizationPolicies.append(deny("new", namespace: "istio-system"))
        },
        Change(description: "a policy of another namespace", concerns: false) {
            $0.authorizationPolicies.append(deny("new", namespace: "other"))
        },
        Change(description: "a policy that selects it", concerns: true) {
            $0.authorizationPolicies.append(selecting("web", deny("new")))
        },
        Change(description: "a policy that selects others", concerns: false) {
            $0.authorizationPolicies.append(selecting("db", deny("new")))
        },
        Change(description: "a label that a policy selects", concerns: true) { $0.workloads[0].labels["tier"] = "1" },
        Change(description: "a label that no policy selects", concerns: false) { $0.workloads[0].labels["hash"] = "1" },
        Change(description: "another port in a rule", concerns: true) {
            $0.authorizationPolicies[0].rules = [rule(match { $0.destinationPorts = [82] })]
        },
        Change(description: "dry run", concerns: true) { $0.authorizationPolicies[0].isDryRun = true },
        Change(description: "ALLOW for DENY", concerns: true) { $0.authorizationPolicies[0].action = .allow },
        Change(description: "the policy goes", concerns: true) { $0.authorizationPolicies.remove(at: 0) },
        Change(description: "STRICT of the namespace", concerns: true) {
            $0.peerAuthentications = [PeerAuthenticationTests.policy(.strict)]
        },
        Change(description: "PERMISSIVE of the namespace, as before", concerns: false) {
            $0.peerAuthentications = [PeerAuthenticationTests.policy(.permissive)]
        },
        Change(description: "STRICT of one port", concerns: true) {
            $0.peerAuthentications = [
                PeerAuthenticationTests.policy(.unset, selector: ["app": "web"], ports: [9: .strict])
            ]
        },
        Change(description: "STRICT of another namespace", concerns: false) {
            $0.peerAuthentications = [PeerAuthenticationTests.policy(.strict, namespace: "other")]
        },
        Change(description: "another pod", concerns: false) {
            $0.workloads.insert(Workload(uid: "new", name: "new", namespace: "default"), at: 0)
        },
    ]

    @Test("Only changes of what binds a pod concern its connections", arguments: changes)
    func change(row: Change) throws {
        var tiered = Self.deny("tiered")
        tiered.selector = ["tier": "1"]
        var model = MeshModel.web([Self.deny("old"), tiered])
        let old = MeshSnapshot(model, generation: 1)
        row.apply(&model)
        let new = MeshSnapshot(model, generation: 2)
        let before = try #require(old.workload(uid: "web"))
        let after = try #require(old.counterpart(of: before, in: new))
        #expect(new.description(of: after) == "default/web")
        #expect(new.hasSameInboundRules(for: after, as: old, at: before) == !row.concerns)
    }
}
