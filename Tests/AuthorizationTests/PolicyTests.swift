// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Authorization
import Mesh
import Testing

/// How matches, clauses, rules and policies combine.
@Suite struct PolicyTests {
    static let port80 = match { $0.destinationPorts = [80] }
    static let port81 = match { $0.destinationPorts = [81] }
    static let fromDefault = match { $0.namespaces = [.exact("default")] }
    static let fromBad = match { $0.namespaces = [.exact("bad")] }

    static func allow(_ rules: [Rule], name: String = "p", namespace: String = "default") -> AuthorizationPolicy {
        AuthorizationPolicy(namespace: namespace, name: name, action: .allow, rules: rules)
    }

    static func deny(_ rules: [Rule], name: String = "p", namespace: String = "default") -> AuthorizationPolicy {
        AuthorizationPolicy(namespace: namespace, name: name, action: .deny, rules: rules)
    }

    struct Nesting: CustomStringConvertible, Sendable {
        var description: String
        var rules: [Rule]
        var matches: Bool
    }

    static let nestings = [
        Nesting(description: "no rules match nothing", rules: [], matches: false),
        Nesting(description: "a rule without clauses matches", rules: [Rule()], matches: true),
        Nesting(description: "a clause without matches holds", rules: [Rule(clauses: [Clause()])], matches: true),
        Nesting(
            description: "a clause of empty matches does not hold",
            rules: [Rule(clauses: [Clause(matches: [Match()])])],
            matches: false),
        Nesting(
            description: "an empty match beside one that holds does no harm",
            rules: [Rule(clauses: [Clause(matches: [Match(), port80])])], matches: true),
        Nesting(
            description: "clauses are and-ed: both hold",
            rules: [Rule(clauses: [Clause(matches: [fromDefault]), Clause(matches: [port80])])], matches: true),
        Nesting(
            description: "clauses are and-ed: one fails",
            rules: [Rule(clauses: [Clause(matches: [fromDefault]), Clause(matches: [port81])])], matches: false),
        Nesting(
            description: "matches are or-ed", rules: [Rule(clauses: [Clause(matches: [fromBad, fromDefault])])],
            matches: true),
        Nesting(description: "rules are or-ed", rules: [rule(port81), rule(port80)], matches: true),
        Nesting(description: "no rule matches", rules: [rule(port81), rule(fromBad)], matches: false),
    ]

    @Test("ztunnel rbac_nesting: rules or, clauses and, matches or", arguments: nestings)
    func nesting(row: Nesting) {
        #expect(Attempt.client.isAllowed(in: .web([Self.allow(row.rules)])) == row.matches)
        #expect(Attempt.client.isAllowed(in: .web([Self.deny(row.rules)])) == !row.matches)
    }

    // MARK: Order

    struct Order: CustomStringConvertible, Sendable {
        var description: String
        var policies: [AuthorizationPolicy]
        var refusal: String?
    }

    static let orders = [
        Order(description: "no policies", policies: [], refusal: nil),
        Order(
            description: "a DENY that matches", policies: [deny([Rule()])], refusal: "explicitly denied by: default/p"),
        Order(description: "a DENY that does not match", policies: [deny([rule(port81)])], refusal: nil),
        Order(description: "an ALLOW that matches", policies: [allow([Rule()])], refusal: nil),
        Order(
            description: "an ALLOW that does not match", policies: [allow([rule(port81)])],
            refusal: "allow policies exist, but none allowed"),
        Order(
            description: "an ALLOW without rules", policies: [allow([])],
            refusal: "allow policies exist, but none allowed"),
        Order(
            description: "DENY before ALLOW", policies: [allow([Rule()], name: "a"), deny([Rule()], name: "b")],
            refusal: "explicitly denied by: default/b"),
        Order(
            description: "one ALLOW of several",
            policies: [allow([rule(port81)], name: "a"), allow([rule(port80)], name: "b")],
            refusal: nil),
        Order(
            description: "the first DENY by name is named",
            policies: [deny([Rule()], name: "z"), deny([Rule()], name: "b"), deny([Rule()], name: "c")],
            refusal: "explicitly denied by: default/b"),
        Order(
            description: "a DENY of the mesh", policies: [deny([Rule()], namespace: "istio-system")],
            refusal: "explicitly denied by: istio-system/p"),
        Order(
            description: "an ALLOW of the mesh is one of all",
            policies: [allow([rule(port80)], namespace: "ambit-system"), allow([rule(port81)])], refusal: nil),
        Order(
            description: "an ALLOW of another namespace is none", policies: [allow([rule(port81)], namespace: "other")],
            refusal: nil),
    ]

    @Test("ztunnel assert_rbac: DENY, then ALLOW, then yes if there is no ALLOW", arguments: orders)
    func order(row: Order) {
        let snapshot = MeshSnapshot(.web(row.policies), generation: 1)
        let verdict = Attempt.client.verdict(in: snapshot)
        #expect(snapshot.refusal(of: verdict) == row.refusal)
        #expect(verdict.isAllowed == (row.refusal == nil))
    }

    @Test("An ALLOW that decides is named")
    func allowedBy() {
        let policies = [Self.allow([rule(Self.port81)], name: "a"), Self.allow([rule(Self.port80)], name: "b")]
        let snapshot = MeshSnapshot(.web(policies), generation: 1)
        guard case .allowed(by: let policy?) = Attempt.client.verdict(in: snapshot).decision else {
            Issue.record("no policy named")
            return
        }
        #expect(snapshot.description(of: policy) == "default/b")
    }

    // MARK: Dry run

    struct DryRun: CustomStringConvertible, Sendable {
        var description: String
        var policies: [AuthorizationPolicy]
        var isAllowed: Bool
        var reports: [String]
    }

    static func trial(_ policy: AuthorizationPolicy) -> AuthorizationPolicy {
        var policy = policy
        policy.isDryRun = true
        return policy
    }

    static let dryRuns = [
        DryRun(
            description: "DENY matches", policies: [trial(deny([Rule()]))], isAllowed: true,
            reports: ["dry run: would be explicitly denied by: default/p"]),
        DryRun(
            description: "DENY does not match", policies: [trial(deny([rule(port81)]))], isAllowed: true, reports: []),
        DryRun(
            description: "ALLOW matches", policies: [trial(allow([Rule()]))], isAllowed: true,
            reports: ["dry run: would be allowed by: default/p"]),
        DryRun(
            description: "ALLOW does not match and is alone", policies: [trial(allow([rule(port81)]))], isAllowed: true,
            reports: ["dry run: allow policies exist, but none would allow"]),
        DryRun(
            description: "ALLOW does not match beside an enforced one",
            policies: [trial(allow([rule(port81)])), allow([Rule()], name: "q")], isAllowed: true, reports: []),
        DryRun(
            description: "ALLOW does not let anyone in",
            policies: [trial(allow([Rule()])), allow([rule(port81)], name: "q")],
            isAllowed: false, reports: ["dry run: would be allowed by: default/p"]),
        DryRun(
            description: "DENY is reported although an enforced one decides",
            policies: [trial(deny([Rule()])), deny([Rule()], name: "q")], isAllowed: false,
            reports: ["dry run: would be explicitly denied by: default/p"]),
    ]

    @Test("ztunnel assert_rbac_dry_run: policies under trial are reported, never enforced", arguments: dryRuns)
    func dryRun(row: DryRun) {
        let snapshot = MeshSnapshot(.web(row.policies), generation: 1)
        let verdict = Attempt.client.verdict(in: snapshot)
        #expect(verdict.isAllowed == row.isAllowed)
        #expect(snapshot.dryRunReports(of: verdict) == row.reports)
    }

    // MARK: What cannot be expressed

    struct Omission: CustomStringConvertible, Sendable {
        var description: String
        var rules: [Rule]
        /// Whether an ALLOW of these rules lets the client in, and a DENY keeps it out.
        var allows: Bool
        var denies: Bool
    }

    static let layer7 = match { $0.omits = .layer7 }
    static let unreadable = match { $0.omits = .unreadable }
    static let port80WithMethod = match {
        $0.destinationPorts = [80]
        $0.omits = .layer7
    }
    static let port81WithMethod = match {
        $0.destinationPorts = [81]
        $0.omits = .layer7
    }

    static let omissions = [
        Omission(description: "methods only", rules: [rule(layer7)], allows: false, denies: true),
        Omission(description: "a method and the port", rules: [rule(port80WithMethod)], allows: false, denies: true),
        Omission(
            description: "a method and another port", rules: [rule(port81WithMethod)], allows: false, denies: false),
        Omission(
            description: "a method in one of two matches",
            rules: [Rule(clauses: [Clause(matches: [layer7, port81])])], allows: false, denies: true),
        Omission(
            description: "a method in one clause, another port in the other",
            rules: [Rule(clauses: [Clause(matches: [layer7]), Clause(matches: [port81])])], allows: false, denies: false
        ),
        Omission(
            description: "a header condition beside a port",
            rules: [Rule(clauses: [Clause(matches: [port80]), Clause(matches: [layer7])])], allows: false, denies: true),
        Omission(
            description: "one rule with a method, one without", rules: [rule(layer7), rule(port80)], allows: true,
            denies: true),
        Omission(description: "an address that is none", rules: [rule(unreadable)], allows: false, denies: true),
    ]

    @Test(
        "What cannot be decided at L4: an ALLOW rule with it never matches, a DENY does without it",
        arguments: omissions)
    func omission(row: Omission) {
        #expect(Attempt.client.isAllowed(in: .web([Self.allow(row.rules)])) == row.allows)
        #expect(Attempt.client.isAllowed(in: .web([Self.deny(row.rules)])) == !row.denies)
    }

    @Test("Design §3: an unreadable ALLOW matches nothing, an unreadable DENY denies")
    func unreadablePolicy() {
        var allow = Self.allow([Rule()])
        allow.isUnreadable = true
        #expect(!Attempt.client.isAllowed(in: .web([allow])))
        var deny = Self.deny([])
        deny.isUnreadable = true
        #expect(!Attempt.client.isAllowed(in: .web([deny])))
    }

    // MARK: Scope

    struct Scope: CustomStringConvertible, Sendable {
        var description: String
        var namespace: String
        var selector: [String: String]
        var binds: [String]
    }

    static let scopes = [
        Scope(description: "namespace", namespace: "default", selector: [:], binds: ["web", "db"]),
        Scope(description: "mesh", namespace: "istio-system", selector: [:], binds: ["web", "db", "far"]),
        Scope(description: "selector", namespace: "default", selector: ["app": "web"], binds: ["web"]),
        Scope(description: "two labels", namespace: "default", selector: ["app": "db", "tier": "1"], binds: ["db"]),
        Scope(
            description: "two labels, one wrong", namespace: "default", selector: ["app": "db", "tier": "2"], binds: []),
        Scope(description: "absent label", namespace: "default", selector: ["zone": "a"], binds: []),
        Scope(
            description: "selector of the mesh", namespace: "ambit-system", selector: ["app": "web"],
            binds: ["web", "far"]),
        Scope(description: "selector of another namespace", namespace: "else", selector: ["app": "web"], binds: []),
    ]

    @Test("A policy binds its namespace, the mesh, or the workloads it selects there", arguments: scopes)
    func scope(row: Scope) {
        var model = MeshModel.web()
        var database = Workload(uid: "db", name: "db", namespace: "default")
        database.labels = ["app": "db", "tier": "1"]
        var far = Workload(uid: "far", name: "far", namespace: "elsewhere")
        far.labels = ["app": "web"]
        model.workloads += [database, far]
        var policy = Self.deny([Rule()], namespace: row.namespace)
        policy.selector = row.selector
        model.authorizationPolicies = [policy]
        for uid in ["web", "db", "far"] {
            #expect(Attempt.client.isAllowed(in: model, workload: uid) == !row.binds.contains(uid), "\(uid)")
        }
    }

    @Test("Of two policies of one name the first counts")
    func duplicate() {
        #expect(Attempt.client.isAllowed(in: .web([Self.allow([Rule()]), Self.deny([Rule()])])))
    }
}
