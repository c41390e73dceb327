// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Foundation
import Identity
import Kubernetes
import Manifest
import Testing

@testable import CertificateService

@Suite("A CA in a Secret")
struct AuthoritySecretTests {
    /// A Secret as an API server keeps it.
    private final class Stored {
        var entries: [String: String] = [:]
        var annotations: [String: String] = [:]
        var version = 1

        init(_ root: (certificate: Certificate, key: PrivateKey)) throws {
            entries["ca.crt"] = Data(try root.certificate.pem()).base64EncodedString()
            entries["ca.key"] = try root.key.withPEM { (pem) throws(IdentityError) in
                Data(String(decoding: pem).utf8).base64EncodedString()
            }
        }

        func read() throws -> AuthoritySecret {
            let value: [String: Any] = [
                "metadata": ["resourceVersion": "\(version)", "annotations": annotations], "data": entries,
            ]
            return try AuthoritySecret(YAMLNode(json: Array(JSONSerialization.data(withJSONObject: value))))
        }

        /// A merge patch (RFC 7386) on the version that it names.
        func patch(_ body: [UInt8]) throws {
            let value = try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
            let metadata = try #require(value["metadata"] as? [String: Any])
            guard metadata["resourceVersion"] as? String == "\(version)" else { throw Conflict() }
            for (name, text) in metadata["annotations"] as? [String: Any] ?? [:] {
                annotations[name] = text as? String
            }
            for (name, text) in value["data"] as? [String: Any] ?? [:] { entries[name] = text as? String }
            for (name, text) in value["stringData"] as? [String: String] ?? [:] {
                entries[name] = Data(text.utf8).base64EncodedString()
            }
            version += 1
        }
    }

    private struct Conflict: Error {}

    private let now = UnixTime.now()

    private func makeRoot() throws -> (certificate: Certificate, key: PrivateKey) {
        try CertificateAuthority.makeRoot(trustDomain: .clusterLocal, now: now)
    }

    /// The signer and the bundle that a replica would load.
    private func load(_ stored: Stored) throws -> CertificateAuthority {
        let text = try #require(Data(base64Encoded: stored.entries["ca.key"] ?? ""))
        let secret = try stored.read()
        return try CertificateAuthority(
            trustDomain: .clusterLocal, certificates: secret.certificates, key: PrivateKey(pem: Array(text).span),
            roots: secret.bundle.authorities, now: now)
    }

    @Test("Through a rotation leaves verify with the bundles of the neighbouring stages, and the key fits at each")
    func rotation() throws {
        let stored = try Stored(makeRoot())
        stored.annotations[AuthoritySecret.request] = "now"
        #expect(try stored.read().isRequested)
        var stages = [try load(stored)]
        let new = try makeRoot()
        try stored.patch(stored.read().beginning(with: new))
        #expect(try stored.read().phase == .distributing)
        #expect(try !stored.read().isRequested)
        stages.append(try load(stored))
        try stored.patch(stored.read().stamping(now))
        #expect(try stored.read().since == now)
        #expect(try stored.read().phase == .distributing)
        try stored.patch(stored.read().switching(trustDomain: .clusterLocal, now: now))
        #expect(try stored.read().phase == .retiring)
        #expect(try stored.read().since == nil)
        stages.append(try load(stored))
        try stored.patch(stored.read().finishing())
        #expect(try stored.read().phase == .stable)
        stages.append(try load(stored))
        #expect(stages.map(\.bundle.authorities.count) == [1, 2, 2, 1])
        #expect(stages[3].certificates == [new.certificate])
        #expect(Set(stored.entries.keys) == ["ca.crt", "ca.key"] && stored.annotations.isEmpty)
        let id = try SPIFFEID("spiffe://cluster.local/ns/a/sa/b")
        for (here, signer) in stages.enumerated() {
            let leaf = try signer.mint(for: id, validity: 60, now: now)
            for (there, relying) in stages.enumerated() where abs(here - there) <= 1 {
                try relying.bundle.verify(leaf.chain, at: now)
            }
        }
    }

    @Test("Of two replicas that begin at once one is refused, and finds the other's rotation when it reads again")
    func twoLeaders() throws {
        let stored = try Stored(makeRoot())
        let one = try stored.read()
        let other = try stored.read()
        try stored.patch(one.beginning(with: makeRoot()))
        let kept = stored.entries
        #expect(throws: Conflict.self) { try stored.patch(other.beginning(with: makeRoot())) }
        #expect(stored.entries == kept)
        #expect(try stored.read().phase == .distributing)
    }

    @Test("A change has arrived when this process signs and trusts as the Secret says")
    func arrival() throws {
        let stored = try Stored(makeRoot())
        let before = ServedRoots(try load(stored))
        try stored.patch(stored.read().beginning(with: makeRoot()))
        let after = ServedRoots(try load(stored))
        func isServed(_ served: ServedRoots) throws -> Bool {
            try stored.read().state(signer: served.signer, served: served.bundle, isPublished: true).isServed
        }
        #expect(try !isServed(before))
        #expect(try isServed(after))
        try stored.patch(stored.read().switching(trustDomain: .clusterLocal, now: now))
        #expect(try !isServed(after))
    }

    @Test("A new root whose key is another's, or that the bundle lacks, is never let sign")
    func nothingIsLost() throws {
        let stored = try Stored(makeRoot())
        try stored.patch(stored.read().beginning(with: makeRoot()))
        let whole = stored.entries
        for (name, text) in [
            ("next.key", try #require(whole["ca.key"])), ("rotation.crt", try #require(whole["ca.crt"])),
            ("next.key", "!"), ("next.crt", "AAAA"),
        ] {
            stored.entries = whole
            stored.entries[name] = text
            #expect(throws: AuthoritySecretError.self, "\(name)") {
                try stored.read().switching(trustDomain: .clusterLocal, now: now)
            }
        }
        stored.entries = whole
        stored.entries["ca.key"] = nil
        #expect(throws: AuthoritySecretError.missing("ca.key")) { try stored.read() }
    }
}
