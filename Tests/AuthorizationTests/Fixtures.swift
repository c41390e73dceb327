// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Authorization
import Bytes
import Identity
import Mesh

/// An address that a test writes as text.
func ip(_ text: String) -> IPAddress {
    guard let address = IPAddress(text) else { preconditionFailure("no address: \(text)") }
    return address
}

/// A block that a test writes as text.
func cidr(_ text: String) -> CIDR {
    guard let block = CIDR(text) else { preconditionFailure("no block: \(text)") }
    return block
}

/// A SPIFFE ID that a test writes as text.
func spiffe(_ text: String) -> SPIFFEID {
    do {
        return try SPIFFEID(text)
    } catch {
        preconditionFailure("no SPIFFE ID: \(text)")
    }
}

typealias Match = AuthorizationPolicy.Match
typealias Clause = AuthorizationPolicy.Clause
typealias Rule = AuthorizationPolicy.Rule

/// One match as the only condition of a rule.
func rule(_ match: Match) -> Rule {
    Rule(clauses: [Clause(matches: [match])])
}

/// A match with some fields set.
func match(_ set: (inout Match) -> Void) -> Match {
    var match = Match()
    set(&match)
    return match
}

extension MeshModel {
    /// One pod `default/web` with label `app=web` at 10.0.0.1.
    static func web(_ policies: [AuthorizationPolicy] = [], _ peers: [PeerAuthentication] = []) -> MeshModel {
        var model = MeshModel()
        var workload = Workload(uid: "web", name: "web", namespace: "default", addresses: [ip("10.0.0.1")])
        workload.labels = ["app": "web"]
        workload.tunnelProtocol = .hbone
        model.workloads = [workload]
        model.authorizationPolicies = policies
        model.peerAuthentications = peers
        return model
    }
}

/// A peer and the port it asks for.
struct Attempt: CustomStringConvertible, Sendable {
    var identity: String?
    var source = "192.168.0.1"
    var destination = "10.0.0.1:80"

    /// Plaintext.
    static let plaintext = Attempt()
    /// The service account `client` of the namespace `default`.
    static let client = Attempt(identity: "spiffe://cluster.local/ns/default/sa/client")
    /// Another service account of another namespace and trust domain.
    static let stranger = Attempt(identity: "spiffe://other.local/ns/bad/sa/stranger")

    var description: String { "\(identity ?? "plaintext") \(source) -> \(destination)" }

    var peer: PeerInfo { PeerInfo(identity: identity.map(spiffe), sourceIP: ip(source)) }

    var address: SocketAddress {
        guard let address = SocketAddress(destination) else { preconditionFailure("no address: \(destination)") }
        return address
    }

    func verdict(in snapshot: MeshSnapshot, workload uid: String = "web") -> Verdict {
        guard let workload = snapshot.workload(uid: uid) else { preconditionFailure("no workload: \(uid)") }
        return snapshot.authorize(connectionTo: workload, at: address, from: peer)
    }

    func isAllowed(in model: MeshModel, workload uid: String = "web") -> Bool {
        verdict(in: MeshSnapshot(model, generation: 1), workload: uid).isAllowed
    }
}
