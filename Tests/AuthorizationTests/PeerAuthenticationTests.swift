// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Authorization
import Bytes
import Mesh
import Testing

/// Which peer authentication decides about a port.
@Suite struct PeerAuthenticationTests {
    static func policy(
        _ mode: PeerAuthentication.Mode, namespace: String = "default", name: String = "p",
        selector: [String: String] = [:], ports: [UInt16: PeerAuthentication.Mode] = [:], created: Int64 = 0
    ) -> PeerAuthentication {
        var policy = PeerAuthentication(namespace: namespace, name: name, mode: mode)
        policy.selector = selector
        policy.portLevelMTLS = ports
        policy.creationTimestamp = created
        return policy
    }

    static let web = ["app": "web"]

    struct Row: CustomStringConvertible, Sendable {
        var description: String
        var policies: [PeerAuthentication]
        /// Who refuses plaintext on port 80; nil when nobody does.
        var refusedBy: String?
    }

    static let rows = [
        Row(description: "none", policies: [], refusedBy: nil),
        Row(description: "mesh", policies: [policy(.strict, namespace: "istio-system")], refusedBy: "istio-system/p"),
        Row(description: "namespace", policies: [policy(.strict)], refusedBy: "default/p"),
        Row(description: "another namespace", policies: [policy(.strict, namespace: "other")], refusedBy: nil),
        Row(description: "selector", policies: [policy(.strict, selector: web)], refusedBy: "default/p"),
        Row(description: "other selector", policies: [policy(.strict, selector: ["app": "db"])], refusedBy: nil),
        Row(description: "disable is permissive", policies: [policy(.disable)], refusedBy: nil),
        Row(
            description: "namespace over mesh",
            policies: [policy(.strict, namespace: "istio-system"), policy(.permissive)],
            refusedBy: nil),
        Row(
            description: "unset inherits", policies: [policy(.strict, namespace: "istio-system"), policy(.unset)],
            refusedBy: "istio-system/p"),
        Row(
            description: "selector over namespace",
            policies: [policy(.permissive), policy(.strict, name: "w", selector: web)], refusedBy: "default/w"),
        Row(
            description: "selector disables", policies: [policy(.strict), policy(.disable, name: "w", selector: web)],
            refusedBy: nil),
        Row(
            description: "a selector in a root namespace is for that namespace only",
            policies: [policy(.strict, namespace: "istio-system", selector: web)], refusedBy: nil),
        Row(
            description: "port strict", policies: [policy(.permissive, selector: web, ports: [80: .strict])],
            refusedBy: "default/p"),
        Row(
            description: "port permissive", policies: [policy(.strict, selector: web, ports: [80: .permissive])],
            refusedBy: nil),
        Row(
            description: "another port permissive",
            policies: [policy(.strict, selector: web, ports: [81: .permissive])],
            refusedBy: "default/p"),
        Row(
            description: "port unset inherits from the namespace",
            policies: [policy(.strict), policy(.unset, name: "w", selector: web, ports: [80: .unset])],
            refusedBy: "default/p"),
        Row(
            description: "port disabled under a strict namespace",
            policies: [policy(.strict), policy(.unset, name: "w", selector: web, ports: [80: .disable])], refusedBy: nil
        ),
        Row(
            description: "port level without selector is ignored",
            policies: [policy(.permissive, ports: [80: .strict])],
            refusedBy: nil),
        Row(
            description: "the oldest of two counts",
            policies: [policy(.permissive, name: "a", created: 2), policy(.strict, name: "b", created: 1)],
            refusedBy: "default/b"),
        Row(
            description: "the first name of two of one age counts",
            policies: [policy(.permissive, name: "b"), policy(.strict, name: "a")], refusedBy: "default/a"),
        Row(
            description: "the oldest of two selectors counts",
            policies: [
                policy(.permissive, name: "a", selector: web, created: 2),
                policy(.strict, name: "b", selector: web, created: 1),
            ], refusedBy: "default/b"),
    ]

    @Test(
        "Istio PeerAuthentication: mesh, namespace, selector and port, the narrowest that says something",
        arguments: rows)
    func precedence(row: Row) {
        let snapshot = MeshSnapshot(.web([], row.policies), generation: 1)
        let verdict = Attempt.plaintext.verdict(in: snapshot)
        let text = row.refusedBy.map { "PeerAuthentication \($0) requires mTLS" }
        #expect(snapshot.refusal(of: verdict) == text)
        #expect(Attempt.client.verdict(in: snapshot).isAllowed)
    }

    @Test("STRICT refuses plaintext before any ALLOW is asked")
    func beforePolicies() {
        let allow = AuthorizationPolicy(namespace: "default", name: "a", action: .allow, rules: [Rule()])
        let snapshot = MeshSnapshot(.web([allow], [Self.policy(.strict)]), generation: 1)
        let verdict = Attempt.plaintext.verdict(in: snapshot)
        #expect(snapshot.refusal(of: verdict) == "PeerAuthentication default/p requires mTLS")
    }
}
