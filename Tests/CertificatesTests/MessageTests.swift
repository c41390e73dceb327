// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import GRPC
import Identity
import Testing

@testable import Certificates

@Suite("What goes to a CA service and comes back")
struct MessageTests {
    @Test("A request is read as it was written")
    func request() throws {
        var message = try CertificateRequestMessage([])
        message.csr = "csr"
        message.validitySeconds = 3_600
        #expect(try CertificateRequestMessage(message.encoded) == message)
        message.impersonatedIdentity = "spiffe://cluster.local/ns/a/sa/b"
        #expect(try CertificateRequestMessage(message.encoded) == message)
    }

    @Test("An impersonated identity that is no text names nobody instead of the caller")
    func impersonationWithoutText() throws {
        var value = ProtobufWriter()
        value.field(4, integer: 1)  // bool_value
        var entry = ProtobufWriter()
        entry.field(1, text: "ImpersonatedIdentity")
        entry.field(2, bytes: value.bytes)
        var fields = ProtobufWriter()
        fields.field(1, bytes: entry.bytes)
        var writer = ProtobufWriter()
        writer.field(4, bytes: fields.bytes)
        #expect(try CertificateRequestMessage(writer.bytes).impersonatedIdentity == "")
    }

    private let now = UnixTime.now()

    private func answer(
        _ authority: CertificateAuthority, _ key: PrivateKey, for account: String
    ) throws -> CertificateResponseMessage {
        let id = try SPIFFEID(trustDomain: .clusterLocal, namespace: "ns", serviceAccount: account)
        let chain = try authority.mint(for: id, publicKey: key.publicKey(), validity: 60, now: now)
        let texts = try chain.map { String(decoding: try $0.pem(), as: UTF8.self) }
        return CertificateResponseMessage(
            chain: texts + [String(decoding: try authority.bundle.pem(), as: UTF8.self)])
    }

    private func makeAuthority() throws -> CertificateAuthority {
        let root = try CertificateAuthority.makeRoot(trustDomain: .clusterLocal, now: now)
        return try CertificateAuthority(
            trustDomain: .clusterLocal, certificates: [root.certificate], key: root.key, now: now)
    }

    @Test("An answer is taken only if it is complete, for us, for our key, and verifies")
    func answers() throws {
        let authority = try makeAuthority()
        let key = try PrivateKey.generate()
        let id = try SPIFFEID(trustDomain: .clusterLocal, namespace: "ns", serviceAccount: "web")
        func outcome(_ message: CertificateResponseMessage, _ key: PrivateKey) -> String {
            do throws(CertificateError) {
                return try IssuedCertificate(answer: message, key: key, for: id, now: now).svid.id.description
            } catch {
                return "\(error)"
            }
        }
        let good = try answer(authority, key, for: "web")
        #expect(outcome(good, key) == id.description)
        let other = try answer(authority, key, for: "db")
        #expect(outcome(other, key).contains("somebody else: spiffe://cluster.local/ns/ns/sa/db"))
        #expect(outcome(good, try PrivateKey.generate()).contains("private key does not belong"))
        #expect(outcome(CertificateResponseMessage(chain: []), key).contains("without certificate"))
        #expect(outcome(CertificateResponseMessage(chain: [good.chain[0]]), key).contains("without certificate"))
        #expect(outcome(CertificateResponseMessage(chain: [good.chain[0], "x"]), key).contains("malformed"))
        let stranger = try makeAuthority()
        let root = String(decoding: try stranger.bundle.pem(), as: UTF8.self)
        #expect(
            outcome(CertificateResponseMessage(chain: [good.chain[0], root]), key).contains("does not verify"))
    }

    @Test(
        "The address of a CA service is a host and a port",
        arguments: [
            ("istiod.istio-system.svc:15012", "istiod.istio-system.svc:15012"), ("192.0.2.1:1", "192.0.2.1:1"),
            ("[2001:db8::1]:15012", "[2001:db8::1]:15012"), ("host", nil), ("host:", nil), ("host:0", nil),
            (":15012", nil), ("-host:1", nil), ("ho st:1", nil), ("host:65536", nil), ("https://host:1", nil),
        ] as [(String, String?)])
    func addresses(_ text: String, _ expected: String?) {
        #expect(CertificateAuthorityAddress(text)?.description == expected)
    }
}
