// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import Identity
import Testing

@Suite struct CertificateAuthorityTests {
    @Test("A CA is made on first start and found again, with a key only its owner reads")
    func createdOnce() throws {
        let directory = try TemporaryDirectory()
        let now = UnixTime.now()
        let made = try CertificateAuthority.open(
            directory: directory.path, trustDomain: .clusterLocal, now: now)
        let found = try CertificateAuthority.open(
            directory: directory.path, trustDomain: .clusterLocal, now: now)
        #expect(made.bundle == found.bundle)
        let attributes = try FileManager.default.attributesOfItem(atPath: directory.path + "/ca.key")
        #expect((attributes[.posixPermissions] as? Int) == 0o600)
    }

    @Test("Starts at the same time agree on one CA")
    func createdConcurrently() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/ca"
        let bundles = try await withThrowingTaskGroup(of: TrustBundle.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try CertificateAuthority.open(directory: path, trustDomain: .clusterLocal, now: .now()).bundle
                }
            }
            return try await group.reduce(into: Set<TrustBundle>()) { $0.insert($1) }
        }
        #expect(bundles.count == 1)
    }

    @Test("A key that others may read is refused", arguments: [0o640, 0o604, 0o660])
    func looseMode(mode: Int) throws {
        let directory = try TemporaryDirectory()
        _ = try CertificateAuthority.open(directory: directory.path, trustDomain: .clusterLocal, now: .now())
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: directory.path + "/ca.key")
        #expect(throws: IdentityError.fileMode(.authorityKey, mode: UInt32(mode))) {
            try CertificateAuthority.open(directory: directory.path, trustDomain: .clusterLocal, now: .now())
        }
    }

    @Test("A certificate without its key, or the reverse, is never replaced", arguments: ["ca.key", "ca.crt"])
    func incomplete(name: String) throws {
        let directory = try TemporaryDirectory()
        _ = try CertificateAuthority.open(directory: directory.path, trustDomain: .clusterLocal, now: .now())
        try FileManager.default.removeItem(atPath: directory.path + "/" + name)
        let missing: IdentityError.File = name == "ca.key" ? .authorityKey : .authorityCertificate
        #expect(throws: IdentityError.incomplete(missing: missing)) {
            try CertificateAuthority.open(directory: directory.path, trustDomain: .clusterLocal, now: .now())
        }
    }

    @Test("A CA of another trust domain is refused")
    func otherTrustDomain() throws {
        let directory = try TemporaryDirectory()
        _ = try CertificateAuthority.open(directory: directory.path, trustDomain: .clusterLocal, now: .now())
        let other = try TrustDomain("example.org")
        #expect(throws: IdentityError.trustDomainMismatch) {
            try CertificateAuthority.open(directory: directory.path, trustDomain: other, now: .now())
        }
    }

    @Test("openssl verify accepts what is minted, and openssl x509 shows exactly the extensions of X509-SVID §4")
    func judgedByOpenSSL() throws {
        let directory = try TemporaryDirectory()
        let now = UnixTime.now()
        let authority = try CertificateAuthority.open(
            directory: directory.path, trustDomain: .clusterLocal, now: now)
        let id = try SPIFFEID(trustDomain: .clusterLocal, namespace: "shop", serviceAccount: "cart")
        let svid = try authority.mint(for: id, validity: 3600, now: now)
        try directory.write(svid.leaf.pem(), to: "leaf.pem")
        for purpose in ["sslserver", "sslclient"] {
            let verified = try OpenSSLTool.run(
                ["verify", "-x509_strict", "-purpose", purpose, "-CAfile", "ca.crt", "leaf.pem"], in: directory.path)
            #expect(verified.status == 0, "\(verified.output)")
        }
        let text = try OpenSSLTool.run(
            ["x509", "-noout", "-text", "-certopt", "no_pubkey,no_sigdump", "-in", "leaf.pem"], in: directory.path
        ).output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: "\n")
        #expect(text.contains("Version: 3 (0x2)"))
        #expect(text.contains("\nSubject: \n") || text.contains("\nSubject:\n"))
        #expect(text.contains("X509v3 Subject Alternative Name: critical\nURI:\(id)"))
        #expect(text.contains("X509v3 Key Usage: critical\nDigital Signature\n"))
        #expect(
            text.contains(
                "X509v3 Extended Key Usage:\nTLS Web Server Authentication, TLS Web Client Authentication"))
        #expect(text.contains("X509v3 Basic Constraints: critical\nCA:FALSE"))
        #expect(text.contains("X509v3 Authority Key Identifier:"))
        #expect(text.components(separatedBy: "X509v3 ").count == 7)  // the heading and five extensions
        #expect(svid.leaf.notBefore == now.advanced(bySeconds: -60))
        #expect(svid.leaf.notAfter == now.advanced(bySeconds: 3600))
    }

    @Test("Serial numbers are random, positive and 16 octets long")
    func serials() throws {
        let now = UnixTime.now()
        let root = try CertificateAuthority.makeRoot(trustDomain: .clusterLocal, now: now)
        let authority = try CertificateAuthority(
            trustDomain: .clusterLocal, certificates: [root.certificate], key: root.key, now: now)
        let id = try SPIFFEID("spiffe://cluster.local/ns/a/sa/b")
        let serials = try Set(
            (0..<50).map { _ in try authority.mint(for: id, validity: 60, now: now).leaf.serialNumber })
        #expect(serials.count == 50)
        #expect(serials.allSatisfy { $0.count == 16 && $0[0] & 0x80 == 0 })
    }

    @Test("The CA mints for workloads of its own trust domain only, and never beyond its own end")
    func limits() throws {
        let now = UnixTime.now()
        let root = try CertificateAuthority.makeRoot(trustDomain: .clusterLocal, now: now)
        let authority = try CertificateAuthority(
            trustDomain: .clusterLocal, certificates: [root.certificate], key: root.key, now: now)
        let id = try SPIFFEID("spiffe://cluster.local/ns/a/sa/b")
        #expect(throws: IdentityError.trustDomainMismatch) {
            try authority.mint(for: SPIFFEID("spiffe://example.org/ns/a/sa/b"), validity: 60, now: now)
        }
        #expect(throws: IdentityError.svid(.noPath)) {
            try authority.mint(for: SPIFFEID("spiffe://cluster.local"), validity: 60, now: now)
        }
        #expect(throws: IdentityError.validity) { try authority.mint(for: id, validity: 0, now: now) }
        let long = try authority.mint(for: id, validity: 20 * 365 * 86_400, now: now)
        #expect(long.leaf.notAfter == root.certificate.notAfter)
        let later = root.certificate.notAfter.advanced(bySeconds: 1)
        #expect(throws: IdentityError.authorityValidity) { try authority.mint(for: id, validity: 60, now: later) }
    }

    @Test("A signing request made here is valid for openssl, and its certificate binds its key")
    func signingRequest() throws {
        let directory = try TemporaryDirectory()
        let now = UnixTime.now()
        let authority = try CertificateAuthority.open(
            directory: directory.path, trustDomain: .clusterLocal, now: now)
        let id = try SPIFFEID("spiffe://cluster.local/ns/a/sa/b")
        let key = try PrivateKey.generate()
        let pem = try CertificateSigningRequest.pem(for: id, key: key)
        try directory.write(pem, to: "request.pem")
        let judged = try OpenSSLTool.run(
            ["req", "-verify", "-noout", "-text", "-in", "request.pem"], in: directory.path)
        #expect(judged.status == 0 && judged.output.contains("X509v3 Subject Alternative Name: critical"))
        let request = try CertificateSigningRequest(pem: pem.span)
        #expect(request.id == id)
        let chain = try authority.mint(for: request, validity: 60, now: now)
        let svid = try X509SVID(chain: chain, privateKey: key)
        #expect(svid.id == id)
        try authority.bundle.verify(chain, at: now)
        #expect(throws: IdentityError.keyMismatch) {
            try X509SVID(chain: chain, privateKey: PrivateKey.generate())
        }
    }
}
