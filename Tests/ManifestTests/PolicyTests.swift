// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh
internal import Testing

@testable internal import Manifest

@Suite("AuthorizationPolicy and PeerAuthentication")
struct PolicyTests {
    /// A policy of namespace `ns` with a spec in flow or block form.
    private func policy(_ spec: String, annotations: String = "{}") throws -> (AuthorizationPolicy, [String]) {
        let outcome = try translated(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
                + "metadata: {name: p, namespace: ns, annotations: \(annotations)}\nspec: \(spec)\n")
        return (try #require(outcome.policy("p")), outcome.findings)
    }

    private func firstMatch(_ policy: AuthorizationPolicy) -> AuthorizationPolicy.Match? {
        policy.rules.first?.clauses.first?.matches.first
    }

    @Test("Every field of source is read; fields of one source stand in one match")
    func source() throws {
        let (policy, findings) = try policy(
            """
            {action: DENY, selector: {matchLabels: {app: a}}, rules: [{from: [{source: {
              principals: ["cluster.local/ns/a/sa/b", "spiffe://td/x*"], notPrincipals: ["*/sa/c"],
              namespaces: [a*], notNamespaces: ["*"], ipBlocks: [10.0.0.0/8], notIpBlocks: ["10.1.2.3"],
              serviceAccounts: [a/b, c], notServiceAccounts: [d]}}, {source: {namespaces: [z]}}]}]}
            """)
        #expect(findings == [])
        #expect(policy.action == .deny && policy.selector == ["app": "a"] && policy.rules.count == 1)
        #expect(policy.rules[0].clauses.count == 1 && policy.rules[0].clauses[0].matches.count == 2)
        let match = try #require(firstMatch(policy))
        #expect(match.principals == [.exact("cluster.local/ns/a/sa/b"), .prefix("td/x")])
        #expect(match.notPrincipals == [.suffix("/sa/c")])
        #expect(match.namespaces == [.prefix("a")] && match.notNamespaces == [.presence])
        #expect(match.sourceIPs.map(\.description) == ["10.0.0.0/8"])
        #expect(match.notSourceIPs.map(\.description) == ["10.1.2.3/32"])
        #expect(
            match.serviceAccounts == [
                ServiceAccountMatch(namespace: "a", name: "b"), ServiceAccountMatch(namespace: "ns", name: "c"),
            ])
        #expect(match.notServiceAccounts == [ServiceAccountMatch(namespace: "ns", name: "d")])
        #expect(match.omits == [])
    }

    @Test("Operations and conditions: to is one clause, each condition of when is its own")
    func operationAndConditions() throws {
        let (policy, findings) = try policy(
            """

              rules:
              - to: [{operation: {ports: ["80", "443"], notPorts: ["90"]}}]
                when:
                - {key: source.ip, values: [10.0.0.0/8], notValues: [10.9.0.0/16]}
                - {key: source.namespace, values: [a]}
                - {key: source.principal, notValues: ["*"]}
                - {key: destination.ip, values: [10.0.0.1]}
                - {key: destination.port, values: ["8080"]}
                - {key: source.serviceAccount, values: [a/b]}
            """)
        #expect(findings == [])
        let clauses = try #require(policy.rules.first?.clauses)
        #expect(clauses.count == 7 && clauses.allSatisfy { $0.matches.count == 1 })
        #expect(clauses[0].matches[0].destinationPorts == [80, 443])
        #expect(clauses[0].matches[0].notDestinationPorts == [90])
        #expect(clauses[1].matches[0].sourceIPs.count == 1 && clauses[1].matches[0].notSourceIPs.count == 1)
        #expect(clauses[2].matches[0].namespaces == [.exact("a")])
        #expect(clauses[3].matches[0].notPrincipals == [.presence])
        #expect(clauses[4].matches[0].destinationIPs.map(\.description) == ["10.0.0.1/32"])
        #expect(clauses[5].matches[0].destinationPorts == [8080])
        #expect(clauses[6].matches[0].serviceAccounts == [ServiceAccountMatch(namespace: "a", name: "b")])
    }

    @Test("An empty spec allows nothing, rules: [{}] matches everything, dry-run is only reported")
    func shapes() throws {
        let (empty, _) = try policy("{}")
        #expect(empty == AuthorizationPolicy(namespace: "ns", name: "p", action: .allow))
        for spec in ["{rules: [{}]}", "{rules: [{from: [], to: [], when: []}]}"] {
            let (all, _) = try policy(spec)
            #expect(all.rules == [AuthorizationPolicy.Rule()])
        }
        let (dry, _) = try policy("{}", annotations: "{istio.io/dry-run: \"true\"}")
        #expect(dry.isDryRun)
        let (odd, findings) = try policy("{}", annotations: "{istio.io/dry-run: \"maybe\"}")
        #expect(!odd.isDryRun && findings.count == 1)
    }

    @Test(
        "Fields that need HTTP are flagged, reported, and leave the rest of the match",
        arguments: [
            "methods: [GET]", "paths: [/a]", "hosts: [a]", "notMethods: [GET]", "notPaths: [/a]", "notHosts: [a]",
        ])
    func layer7(_ field: String) throws {
        let (policy, findings) = try policy("{action: DENY, rules: [{to: [{operation: {\(field), ports: [\"80\"]}}]}]}")
        #expect(firstMatch(policy)?.omits == .layer7)
        #expect(firstMatch(policy)?.destinationPorts == [80])
        #expect(findings.count == 1 && findings[0].contains("warning: AuthorizationPolicy ns/p: spec.rules[0].to[0]"))
    }

    @Test("HTTP conditions and request principals are flagged too")
    func layer7Sources() throws {
        let (first, _) = try policy(
            "{rules: [{from: [{source: {requestPrincipals: [\"*\"], remoteIpBlocks: [10.0.0.1]}}]}]}")
        #expect(firstMatch(first)?.omits == .layer7 && firstMatch(first)?.isEmpty == true)
        let (second, findings) = try policy("{rules: [{when: [{key: 'request.headers[x]', values: [a]}]}]}")
        #expect(firstMatch(second)?.omits == .layer7)
        #expect(findings.count == 1 && findings[0].contains("the rule allows nothing"))
    }

    @Test(
        "What cannot be understood inside a rule is left out whole and flagged",
        arguments: [
            "{from: [{source: {ipBlocks: [10.0.0.0/8, 10.0.0.0/33]}}]}",
            "{from: [{source: {principal: [a]}}]}",
            "{from: [{source: {principals: a}}]}",
            "{from: [{source: {principals: [1]}}]}",
            "{from: [{source: {principals: [\"\"]}}]}",
            "{from: [{source: {serviceAccounts: [\"a/b*\"]}}]}",
            "{from: [{source: {serviceAccounts: [a/b/c]}}]}",
            "{from: [{source: {}}]}",
            "{from: [{sourc: {namespaces: [a]}}]}",
            "{from: [null]}",
            "{from: {source: {namespaces: [a]}}}",
            "{to: [{operation: {ports: [80]}}]}",
            "{to: [{operation: {ports: [\"0\"]}}]}",
            "{to: [{operation: {ports: [\"080\"]}}]}",
            "{to: [{operation: {ports: [\"65536\"]}}]}",
            "{to: [{operation: {methods: GET}}]}",
            "{when: [{key: source.ipp, values: [a]}]}",
            "{when: [{key: source.ip}]}",
            "{when: [{values: [a]}]}",
            "{when: [{key: source.ip, values: [x]}]}",
            "{form: [{source: {namespaces: [a]}}]}",
            "5",
        ])
    func unreadableRules(_ rule: String) throws {
        let (policy, findings) = try policy("{action: DENY, rules: [\(rule)]}")
        #expect(!policy.isUnreadable)
        let matches = try #require(policy.rules.first).clauses.flatMap(\.matches)
        #expect(matches.contains { $0.omits.contains(.unreadable) })
        #expect(matches.allSatisfy { $0.isEmpty })
        #expect(findings.contains { $0.contains("error: AuthorizationPolicy ns/p: spec.rules[0]") })
    }

    @Test(
        "What cannot be understood in the policy itself makes all of it unreadable",
        arguments: [
            ("{action: DENY, rule: []}", AuthorizationPolicy.Action.deny),
            ("{rule: []}", .allow),
            ("{action: BLOCK, rules: []}", .deny),
            ("{action: [DENY]}", .deny),
            ("{selector: {matchLabel: {a: b}}}", .allow),
            ("{selector: {matchExpressions: []}}", .allow),
            ("{selector: {matchLabels: {a: 1}}}", .allow),
            ("{rules: {}}", .allow),
            ("{rules: [null]}", .allow),
            ("[]", .allow),
            ("{selector: {matchLabels: {a: b}}, targetRefs: [{kind: Service, name: a}]}", .allow),
        ])
    func unreadablePolicies(_ spec: String, _ action: AuthorizationPolicy.Action) throws {
        let (policy, findings) = try policy(spec)
        #expect(policy.isUnreadable && policy.action == action)
        #expect(findings.contains { $0.contains("the policy cannot be understood") })
    }

    @Test("A policy whose metadata is wrong still takes effect; without a name it is called after its line")
    func wrongMetadata() throws {
        let outcome = try translated(
            """
            {apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: a, labels: {b: 1}},
              spec: {action: DENY, rules: [{}]}}
            ---
            {apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {}, spec: {action: DENY, rules: [{}]}}
            ---
            {apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: B}, spec: {mtls: {mode: STRICT}}}
            """)
        #expect(outcome.model.authorizationPolicies.map(\.name) == ["a", "line-4"])
        #expect(outcome.model.authorizationPolicies.allSatisfy { $0.rules.count == 1 && $0.action == .deny })
        #expect(outcome.model.peerAuthentications.map(\.name) == ["line-6"])
        #expect(outcome.findings.filter { $0.contains(": error: ") }.count == 3)
    }

    @Test("Policies for waypoints and audits are left out; CUSTOM denies what it would ask about")
    func otherActions() throws {
        let outcome = try translated(
            """
            {apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: w}, spec: {
              targetRefs: [{group: "", kind: Service, name: a}], rules: [{to: [{operation: {methods: [GET]}}]}]}}
            ---
            {apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: w1}, spec: {
              targetRef: {kind: Gateway, name: a}}}
            ---
            {apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: a}, spec: {action: AUDIT}}
            ---
            {apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: c}, spec: {
              action: CUSTOM, provider: {name: x}, rules: [{to: [{operation: {paths: [/x]}}]}]}}
            """)
        #expect(outcome.model.authorizationPolicies.map(\.name) == ["c"])
        #expect(outcome.policy("c")?.action == .deny)
        #expect(outcome.findings.count == 3)
        #expect(!outcome.findings.contains { $0.contains("/w") })
    }

    @Test(
        "PeerAuthentication: modes, ports, and STRICT for what cannot be understood",
        arguments: [
            ("{mtls: {mode: STRICT}}", PeerAuthentication.Mode.strict, [:], 0),
            ("{mtls: {mode: PERMISSIVE}}", .permissive, [:], 0),
            ("{mtls: {mode: DISABLE}}", .disable, [:], 0),
            ("{}", .unset, [:], 0),
            (
                "{selector: {matchLabels: {a: b}}, portLevelMtls: {80: {mode: DISABLE}, \"81\": {}}}", .unset,
                [80: .disable, 81: .unset], 0
            ),
            ("{portLevelMtls: {80: {mode: DISABLE}}}", .unset, [80: .disable], 1),
            ("{mtls: {mode: strict}}", .strict, [:], 2),
            ("{mtls: STRICT}", .strict, [:], 2),
            ("{mtl: {mode: PERMISSIVE}}", .strict, [:], 2),
            ("{selector: {matchLabels: {a: b}}, portLevelMtls: {http: {mode: DISABLE}}}", .strict, [:], 2),
        ] as [(String, PeerAuthentication.Mode, [UInt16: PeerAuthentication.Mode], Int)])
    func peerAuthentication(
        _ spec: String, _ mode: PeerAuthentication.Mode, _ ports: [UInt16: PeerAuthentication.Mode], _ findings: Int
    ) throws {
        let outcome = try translated(
            "{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: p, "
                + "creationTimestamp: '2001-09-09T01:46:40Z'}, spec: \(spec)}")
        let policy = try #require(outcome.model.peerAuthentications.first)
        #expect(policy.mode == mode && policy.portLevelMTLS == ports)
        #expect(policy.creationTimestamp == 1_000_000_000)
        #expect(outcome.findings.count == findings)
    }

    @Test("Of peer authentications for the same workloads the oldest counts; the others say that they have no effect")
    func shadowed() throws {
        func object(_ namespace: String, _ name: String, _ year: Int, _ spec: String = "{}") -> String {
            "---\n{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: \(name), "
                + "namespace: \(namespace), creationTimestamp: '\(year)-01-01T00:00:00Z'}, spec: \(spec)}\n"
        }
        let selected = "{selector: {matchLabels: {a: b}}}"
        let outcome = try translated(
            object("x", "young", 2003) + object("x", "old", 2001) + object("y", "young", 2003)
                + object("x", "chosen", 2004, selected) + object("x", "chosen-too", 2005, selected)
                + object("istio-system", "mesh", 2002) + object("ambit-system", "mesh-too", 2003))
        let texts = outcome.findings.filter { $0.contains("no effect") }
        #expect(texts.count == 3)
        #expect(texts.contains { $0.contains("x/young: no effect: PeerAuthentication x/old is") })
        #expect(texts.contains { $0.contains("x/chosen-too: no effect: PeerAuthentication x/chosen is") })
        #expect(texts.contains { $0.contains("mesh-too: no effect: PeerAuthentication istio-system/mesh is") })
    }
}
