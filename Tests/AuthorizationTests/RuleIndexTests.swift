// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Authorization
import Bytes
import Mesh
import Testing

/// The compiled index: as good as trying every rule, and without trying every rule.
@Suite struct RuleIndexTests {
    @Test("Rules about other peers, ports and addresses are not looked at", arguments: [0, 1, 2, 3, 4, 5, 6])
    func anchors(kind: Int) throws {
        let rules = (0..<1_000).map { number in
            rule(
                match { match in
                    switch kind {
                    case 0: match.principals = [.exact("cluster.local/ns/n/sa/s\(number)")]
                    case 1: match.namespaces = [.exact("n\(number)")]
                    case 2: match.serviceAccounts = [ServiceAccountMatch(namespace: "n", name: "s\(number)")]
                    case 3: match.destinationPorts = [UInt16(number + 1)]
                    case 4: match.sourceIPs = [cidr("10.\(number / 256).\(number % 256).0/24")]
                    case 5: match.principals = [.prefix("cluster.local/ns/n\(number)/")]
                    default: match.principals = [.suffix("/ns/n/sa/s\(number)")]
                    }
                })
        }
        let policy = AuthorizationPolicy(namespace: "default", name: "p", action: .allow, rules: rules)
        let snapshot = MeshSnapshot(.web([policy]), generation: 1)
        let set = try #require(snapshot.workloads.records[0].namespaceRules)
        let index = snapshot.policies.ruleIndexes[PolicyTable.position(of: .allow, in: set)]
        #expect(index.unanchored.isEmpty)
        let lists = index.buckets.positions.map { snapshot.policies.buckets[$0].references.count }
        #expect(lists.max() == 1)
        #expect(lists.reduce(0, +) == 1_000)
    }

    @Test("The rarest key of a rule is its anchor")
    func rarest() throws {
        let rules = (0..<1_000).map { number in
            rule(
                match {
                    $0.destinationPorts = [80]
                    $0.namespaces = [.exact("n\(number)")]
                })
        }
        let policy = AuthorizationPolicy(namespace: "default", name: "p", action: .allow, rules: rules)
        let snapshot = MeshSnapshot(.web([policy]), generation: 1)
        let set = try #require(snapshot.workloads.records[0].namespaceRules)
        #expect(snapshot.policies.ruleIndexes[PolicyTable.position(of: .allow, in: set)].keys == .namespace)
    }

    @Test("A rule set is shared by the workloads it binds")
    func sharing() {
        var model = MeshModel.web([PolicyTests.deny([Rule()]), PolicyTests.deny([Rule()], namespace: "istio-system")])
        for number in 0..<100 {
            model.workloads.append(Workload(uid: "\(number)", name: "\(number)", namespace: "default"))
        }
        let snapshot = MeshSnapshot(model, generation: 1)
        #expect(snapshot.policies.ruleSetKeys.count == 2)
        #expect(snapshot.policies.mutualTLSModes.count == 1)
    }

    @Test("The compiled index decides like the definition of a policy, for random meshes", arguments: 0..<64)
    func agreesWithDefinition(block: UInt64) throws {
        for offset in 0..<32 as Range<UInt64> {
            var generator = RandomPolicies(seed: block * 32 + offset)
            let model = generator.model()
            let snapshot = MeshSnapshot(model, generation: 1)
            for _ in 0..<12 {
                let attempt = generator.attempt()
                let uid = generator.workload()
                let verdict = attempt.verdict(in: snapshot, workload: uid)
                let expected = Definition(model: model).verdict(attempt, workload: uid)
                let actual = Definition.Answer(verdict, in: snapshot)
                try #require(actual == expected, "seed \(block * 32 + offset): \(attempt) to \(uid)")
            }
        }
    }
}
