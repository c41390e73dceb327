// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Mesh

/// Random meshes over a vocabulary so small that policies match often, in every way.
struct RandomPolicies {
    private var random: RandomSource

    init(seed: UInt64) {
        random = RandomSource(seed: seed)
    }

    private mutating func chance(_ percent: UInt64) -> Bool { random.next(upperBound: 100 as UInt64) < percent }

    private mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int(random.next(upperBound: UInt64(values.count)))]
    }

    private mutating func some<Value>(_ percent: UInt64, _ make: (inout RandomPolicies) -> Value) -> [Value] {
        guard chance(percent) else { return [] }
        return (0...Int(random.next(upperBound: 3 as UInt64))).map { _ in make(&self) }
    }

    static let namespaces = ["a", "b", "ab", "istio-system"]
    static let accounts = ["x", "y", "xy"]
    static let workloads = ["w0", "w1", "w2", "w3"]

    mutating func workload() -> String { pick(Self.workloads) }

    mutating func attempt() -> Attempt {
        var attempt = Attempt()
        if chance(80) {
            let domain = pick(["t", "u"])
            attempt.identity =
                chance(85)
                ? "spiffe://\(domain)/ns/\(pick(Self.namespaces))/sa/\(pick(Self.accounts))"
                : "spiffe://\(domain)" + pick(["", "/ns/a", "/ns/a/sa/x/y", "/z/ns/a/sa/x", "/ns/a/x"])
        }
        attempt.source = pick(["10.0.0.1", "10.0.1.1", "10.1.0.1", "fd00::1", "fd00::1:1"])
        attempt.destination = pick(["10.0.0.9:80", "10.0.0.9:81", "[fd00::9]:80"])
        return attempt
    }

    mutating func model() -> MeshModel {
        var model = MeshModel()
        for (number, uid) in Self.workloads.enumerated() {
            var workload = Workload(uid: uid, name: uid, namespace: Self.namespaces[number % 3])
            workload.labels = labels()
            model.workloads.append(workload)
        }
        let count = pick([1, 2, 5, 12, 30])
        let deniesOften = chance(30)
        for number in 0..<count {
            let action: AuthorizationPolicy.Action = chance(deniesOften ? 60 : 15) ? .deny : .allow
            var policy = AuthorizationPolicy(namespace: pick(Self.namespaces), name: "p\(number)", action: action)
            policy.selector = chance(30) ? labels() : [:]
            policy.isDryRun = chance(20)
            policy.isUnreadable = chance(2)
            policy.rules = (0..<pick([0, 1, 1, 2, 6])).map { _ in rule() }
            model.authorizationPolicies.append(policy)
        }
        for number in 0..<pick([0, 0, 1, 4]) {
            var policy = PeerAuthentication(namespace: pick(Self.namespaces), name: "m\(number)", mode: mode())
            policy.selector = chance(50) ? labels() : [:]
            policy.creationTimestamp = Int64(pick([0, 1, 2]))
            if chance(50) { policy.portLevelMTLS = [80: mode()] }
            model.peerAuthentications.append(policy)
        }
        return model
    }

    private mutating func mode() -> PeerAuthentication.Mode { pick([.unset, .permissive, .strict, .disable]) }

    private mutating func labels() -> [String: String] {
        var labels: [String: String] = [:]
        for key in ["k", "l", "m"] where chance(40) { labels[key] = pick(["1", "2"]) }
        return labels
    }

    private mutating func rule() -> Rule {
        Rule(clauses: (0..<pick([0, 1, 1, 1, 2, 2, 3])).map { _ in clause() })
    }

    private mutating func clause() -> Clause {
        Clause(matches: (0..<pick([0, 1, 1, 1, 2, 3])).map { _ in match() })
    }

    private mutating func match() -> Match {
        var match = Match()
        match.namespaces = some(25) { $0.text(Self.namespaces + [""]) }
        match.notNamespaces = some(8) { $0.text(Self.namespaces) }
        match.principals = some(25) { $0.principal() }
        match.notPrincipals = some(8) { $0.principal() }
        match.serviceAccounts = some(15) { $0.account() }
        match.notServiceAccounts = some(8) { $0.account() }
        match.sourceIPs = some(15) { $0.block() }
        match.notSourceIPs = some(8) { $0.block() }
        match.destinationIPs = some(8) { $0.block() }
        match.notDestinationIPs = some(8) { $0.block() }
        match.destinationPorts = some(20) { $0.pick([80, 81, 82]) }
        match.notDestinationPorts = some(8) { $0.pick([80, 81, 82]) }
        if chance(4) { match.omits = pick([.layer7, .unreadable]) }
        return match
    }

    private mutating func text(_ words: [String]) -> StringMatch {
        let word = pick(words)
        return pick([
            .exact(word), .exact(word), .prefix(String(word.prefix(1))), .suffix(String(word.suffix(1))), .presence,
        ])
    }

    private mutating func principal() -> StringMatch {
        let namespace = pick(Self.namespaces)
        let account = pick(Self.accounts)
        let exact = "\(pick(["t", "u"]))/ns/\(namespace)/sa/\(account)"
        return pick([
            .exact(exact), .exact(exact), .exact("t/ns/a"), .prefix("t/ns/\(namespace)/"), .prefix("t/ns/\(namespace)"),
            .prefix("t/ns/\(namespace)/sa/x"), .suffix("/ns/\(namespace)/sa/\(account)"),
            .suffix("\(namespace)/sa/\(account)"), .suffix("sa/\(account)"), .presence,
        ])
    }

    private mutating func account() -> ServiceAccountMatch {
        ServiceAccountMatch(namespace: pick(Self.namespaces), name: pick(Self.accounts))
    }

    private mutating func block() -> CIDR {
        cidr(
            pick([
                "10.0.0.1/32", "10.0.0.0/24", "10.0.0.0/16", "0.0.0.0/0", "fd00::1/128", "fd00::/64", "::/0",
                "10.0.0.9/32", "fd00::9/128", "10.1.0.0/16",
            ]))
    }
}
