// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Authorization
import Mesh
import Testing

/// Every field of a match against plaintext, the expected peer, and another peer.
@Suite struct MatchTests {
    struct Row: CustomStringConvertible, Sendable {
        var description: String
        var match: Match
        var plaintext: Bool
        var client: Bool
        var stranger: Bool

        init(
            _ description: String, plaintext: Bool, client: Bool, stranger: Bool,
            _ set: (inout Match) -> Void
        ) {
            self.description = description
            match = AuthorizationTests.match(set)
            self.plaintext = plaintext
            self.client = client
            self.stranger = stranger
        }
    }

    static let rows = [
        Row("namespaces exact", plaintext: false, client: true, stranger: false) {
            $0.namespaces = [.exact("default")]
        },
        Row("namespaces prefix", plaintext: false, client: true, stranger: false) { $0.namespaces = [.prefix("def")] },
        Row("namespaces suffix", plaintext: false, client: false, stranger: true) { $0.namespaces = [.suffix("ad")] },
        Row("namespaces presence", plaintext: false, client: true, stranger: true) { $0.namespaces = [.presence] },
        // ztunnel: a peer without identity has the namespace "".
        Row("namespaces empty", plaintext: true, client: false, stranger: false) { $0.namespaces = [.exact("")] },
        Row("namespaces or", plaintext: false, client: true, stranger: true) {
            $0.namespaces = [.exact("default"), .exact("bad")]
        },
        Row("notNamespaces exact", plaintext: true, client: false, stranger: true) {
            $0.notNamespaces = [.exact("default")]
        },
        Row("notNamespaces presence", plaintext: true, client: false, stranger: false) {
            $0.notNamespaces = [.presence]
        },
        Row("principals exact", plaintext: false, client: true, stranger: false) {
            $0.principals = [.exact("cluster.local/ns/default/sa/client")]
        },
        Row("principals with scheme never match", plaintext: false, client: false, stranger: false) {
            $0.principals = [.exact("spiffe://cluster.local/ns/default/sa/client")]
        },
        Row("principals prefix", plaintext: false, client: true, stranger: false) {
            $0.principals = [.prefix("cluster.local/ns/default/")]
        },
        Row("principals suffix", plaintext: false, client: false, stranger: true) {
            $0.principals = [.suffix("/ns/bad/sa/stranger")]
        },
        // Plaintext has no principal, so it is not even present.
        Row("principals presence", plaintext: false, client: true, stranger: true) { $0.principals = [.presence] },
        Row("notPrincipals exact", plaintext: true, client: false, stranger: true) {
            $0.notPrincipals = [.exact("cluster.local/ns/default/sa/client")]
        },
        // What Istio makes of STRICT.
        Row("notPrincipals presence", plaintext: true, client: false, stranger: false) {
            $0.notPrincipals = [.presence]
        },
        Row("serviceAccounts", plaintext: false, client: true, stranger: false) {
            $0.serviceAccounts = [ServiceAccountMatch(namespace: "default", name: "client")]
        },
        Row("serviceAccounts of another namespace", plaintext: false, client: false, stranger: false) {
            $0.serviceAccounts = [ServiceAccountMatch(namespace: "bad", name: "client")]
        },
        Row("serviceAccounts ignore the trust domain", plaintext: false, client: false, stranger: true) {
            $0.serviceAccounts = [ServiceAccountMatch(namespace: "bad", name: "stranger")]
        },
        Row("notServiceAccounts", plaintext: true, client: false, stranger: true) {
            $0.notServiceAccounts = [ServiceAccountMatch(namespace: "default", name: "client")]
        },
        Row("sourceIPs", plaintext: true, client: true, stranger: true) { $0.sourceIPs = [cidr("192.168.0.0/16")] },
        Row("sourceIPs elsewhere", plaintext: false, client: false, stranger: false) {
            $0.sourceIPs = [cidr("10.0.0.0/8")]
        },
        Row("sourceIPs all", plaintext: true, client: true, stranger: true) { $0.sourceIPs = [cidr("0.0.0.0/0")] },
        // ::/0 is every IPv6 address, and no IPv4 address.
        Row("sourceIPs other family", plaintext: false, client: false, stranger: false) {
            $0.sourceIPs = [cidr("::/0")]
        },
        Row("notSourceIPs", plaintext: false, client: false, stranger: false) {
            $0.notSourceIPs = [cidr("192.168.0.1/32")]
        },
        Row("destinationIPs", plaintext: true, client: true, stranger: true) {
            $0.destinationIPs = [cidr("10.0.0.1/32")]
        },
        Row("destinationIPs elsewhere", plaintext: false, client: false, stranger: false) {
            $0.destinationIPs = [cidr("10.0.0.2/32")]
        },
        Row("notDestinationIPs", plaintext: true, client: true, stranger: true) {
            $0.notDestinationIPs = [cidr("10.0.0.2/32")]
        },
        Row("destinationPorts", plaintext: true, client: true, stranger: true) { $0.destinationPorts = [81, 80] },
        Row("destinationPorts other", plaintext: false, client: false, stranger: false) { $0.destinationPorts = [81] },
        Row("notDestinationPorts", plaintext: false, client: false, stranger: false) { $0.notDestinationPorts = [80] },
        Row("a field and its negation are both needed", plaintext: false, client: false, stranger: true) {
            $0.namespaces = [.presence]
            $0.notNamespaces = [.exact("default")]
        },
        Row("different fields are all needed", plaintext: false, client: true, stranger: false) {
            $0.namespaces = [.exact("default")]
            $0.destinationPorts = [80]
            $0.sourceIPs = [cidr("192.168.0.1/32")]
        },
        Row("one field of several fails", plaintext: false, client: false, stranger: false) {
            $0.namespaces = [.exact("default")]
            $0.destinationPorts = [81]
        },
        Row("no field at all", plaintext: false, client: false, stranger: false) { _ in },
    ]

    @Test("ztunnel rbac: each field of a match, as ALLOW and as DENY", arguments: rows)
    func field(row: Row) {
        for (attempt, expected) in [
            (Attempt.plaintext, row.plaintext), (.client, row.client), (.stranger, row.stranger),
        ] {
            let rules = [rule(row.match)]
            let allow = AuthorizationPolicy(namespace: "default", name: "p", action: .allow, rules: rules)
            #expect(attempt.isAllowed(in: .web([allow])) == expected, "ALLOW \(attempt)")
            let deny = AuthorizationPolicy(namespace: "default", name: "p", action: .deny, rules: rules)
            #expect(attempt.isAllowed(in: .web([deny])) == !expected, "DENY \(attempt)")
        }
    }

    @Test("The same rows give the same answers among many rules, where an index finds them", arguments: rows)
    func indexed(row: Row) {
        let others = (0..<20).map { number in
            rule(match { $0.principals = [.exact("cluster.local/ns/n\(number)/sa/s")] })
        }
        let policy = AuthorizationPolicy(
            namespace: "default", name: "p", action: .allow, rules: others + [rule(row.match)])
        let snapshot = MeshSnapshot(.web([policy]), generation: 1)
        #expect(Attempt.plaintext.verdict(in: snapshot).isAllowed == row.plaintext)
        #expect(Attempt.client.verdict(in: snapshot).isAllowed == row.client)
        #expect(Attempt.stranger.verdict(in: snapshot).isAllowed == row.stranger)
    }

    @Test("A SPIFFE ID of another form has neither namespace nor service account, but is a principal")
    func otherForm() {
        var attempt = Attempt(identity: "spiffe://cluster.local/spire/agent")
        let byPrincipal = rule(match { $0.principals = [.exact("cluster.local/spire/agent")] })
        let byNamespace = rule(match { $0.namespaces = [.presence] })
        #expect(
            attempt.isAllowed(in: .web([.init(namespace: "default", name: "p", action: .allow, rules: [byPrincipal])])))
        #expect(
            !attempt.isAllowed(in: .web([.init(namespace: "default", name: "p", action: .allow, rules: [byNamespace])]))
        )
        attempt.identity = "spiffe://cluster.local"
        let byDomain = rule(match { $0.principals = [.exact("cluster.local")] })
        #expect(
            attempt.isAllowed(in: .web([.init(namespace: "default", name: "p", action: .allow, rules: [byDomain])])))
    }

    @Test("IPv6 sources are matched by IPv6 blocks only")
    func ipv6() {
        var attempt = Attempt.client
        attempt.source = "2001:db8::7"
        func allows(_ block: String) -> Bool {
            let rules = [rule(match { $0.sourceIPs = [cidr(block)] })]
            return attempt.isAllowed(in: .web([.init(namespace: "default", name: "p", action: .allow, rules: rules)]))
        }
        #expect(allows("2001:db8::/32"))
        #expect(allows("2001:db8::7/128"))
        #expect(!allows("2001:db9::/32"))
        #expect(!allows("0.0.0.0/0"))
    }
}
