// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Identity
@testable import TLS

/// A root with an intermediate below it, made and revoked by the `openssl ca` command.
struct ForeignAuthority {
    let directory: TemporaryDirectory
    let trustDomain = TrustDomain.clusterLocal

    init() throws {
        directory = try TemporaryDirectory()
        let configuration = """
            [ca]
            default_ca = d
            [d]
            database = index.txt
            crlnumber = crlnumber
            serial = serial
            new_certs_dir = .
            default_md = sha256
            policy = p
            unique_subject = no
            default_days = 1
            default_crl_days = 1
            [p]
            organizationName = optional
            commonName = optional
            [root]
            basicConstraints = critical,CA:TRUE
            keyUsage = critical,keyCertSign,cRLSign
            subjectKeyIdentifier = hash
            [intermediate]
            basicConstraints = critical,CA:TRUE,pathlen:0
            keyUsage = critical,keyCertSign,cRLSign
            subjectKeyIdentifier = hash
            authorityKeyIdentifier = keyid
            [crl]
            authorityKeyIdentifier = keyid
            [req]
            distinguished_name = n
            [n]
            """
        try directory.write(Array(configuration.utf8), to: "ca.cnf")
        try directory.write([], to: "index.txt")
        try directory.write(Array("01\n".utf8), to: "crlnumber")
        try directory.write(Array("1000\n".utf8), to: "serial")
        try key("root.key")
        try run(
            "req -x509 -new -key root.key -subj /CN=root -days 2 -config ca.cnf -extensions root -out root.crt")
        try intermediate("one")
    }

    func run(_ command: String) throws {
        let result = try OpenSSLTool.run(command.split(separator: " ").map(String.init), in: directory.path)
        try #require(result.status == 0, "\(result.output)")
    }

    func key(_ name: String) throws {
        try run("ecparam -name prime256v1 -genkey -noout -out \(name)")
    }

    /// Makes `name.crt` and `name.key`, signed by the root.
    func intermediate(_ name: String) throws {
        try key("\(name).key")
        try run("req -new -key \(name).key -subj /CN=intermediate -config ca.cnf -out \(name).csr")
        try run(
            "ca -batch -notext -config ca.cnf -cert root.crt -keyfile root.key -extensions intermediate "
                + "-in \(name).csr -out \(name).crt")
    }

    /// A CA of ours that signs with intermediate `name`.
    func authority(_ name: String) throws -> CertificateAuthority {
        let text = try directory.read("\(name).crt")
        let keyText = try directory.read("\(name).key")
        let rootText = try directory.read("root.crt")
        return try CertificateAuthority(
            trustDomain: trustDomain, certificates: Certificate.parse(pem: text.span),
            key: PrivateKey(pem: keyText.span), roots: Certificate.parse(pem: rootText.span), now: .now())
    }

    func mint(_ account: String, by name: String) throws -> X509SVID {
        let id = try SPIFFEID(trustDomain: trustDomain, namespace: "default", serviceAccount: account)
        return try authority(name).mint(for: id, validity: 3600, now: .now())
    }

    /// Revokes `certificate`, and returns the CRL of `issuer`, which has issued it.
    func revoke(_ certificate: Certificate, issuer: String, extra: String = "") throws -> RevocationSet {
        try directory.write(certificate.pem(), to: "revoked.crt")
        try run("ca -batch -config ca.cnf -cert \(issuer).crt -keyfile \(issuer).key -revoke revoked.crt")
        return try list(of: issuer, extra: extra)
    }

    func list(of issuer: String, extra: String = "") throws -> RevocationSet {
        try run(
            "ca -batch -config ca.cnf -cert \(issuer).crt -keyfile \(issuer).key -gencrl -crlexts crl -out list.pem"
                + extra)
        let text = try directory.read("list.pem")
        return try RevocationSet(text.span)
    }

    /// Runs a handshake in which the server checks `policy`.
    func connect(_ client: X509SVID, _ server: X509SVID, _ policy: RevocationPolicy) throws -> TLSPair {
        let bundle = try authority("one").bundle
        let pair = try TLSPair(
            client: TLSContext(role: .client, svid: client, bundle: bundle, trustDomain: trustDomain),
            server: TLSContext(
                role: .server, svid: server, bundle: bundle, trustDomain: trustDomain, revocation: policy),
            expecting: .oneOf([server.id]))
        pair.run()
        return pair
    }
}

@Suite struct RevocationTests {
    @Test("Leaves of an intermediate verify, and their connection knows leaf and intermediate")
    func path() throws {
        let foreign = try ForeignAuthority()
        let pair = try foreign.connect(
            foreign.mint("client", by: "one"), foreign.mint("server", by: "one"), .unchecked)
        #expect(pair.serverError == nil && pair.clientError == nil)
        #expect(pair.serverPath.count == 2)
        #expect(pair.clientPath.count == 2)
    }

    @Test("A revoked leaf is refused; a leaf of the same authority that is not revoked passes")
    func revokedLeaf() throws {
        let foreign = try ForeignAuthority()
        let client = try foreign.mint("client", by: "one")
        let other = try foreign.mint("other", by: "one")
        let server = try foreign.mint("server", by: "one")
        let before = try foreign.connect(client, server, .unchecked)
        let set = try foreign.revoke(client.leaf, issuer: "one")
        let policy = RevocationPolicy.lists(set, acceptsExpired: false, requiresStatus: false)
        #expect(try foreign.connect(client, server, policy).serverError == .certificateRevoked)
        let unharmed = try foreign.connect(other, server, policy)
        #expect(unharmed.serverError == nil)
        // The connection that lives since before the revocation is told apart from the others.
        #expect(set.revokes(anyOf: before.serverPath))
        #expect(!set.revokes(anyOf: before.clientPath))
        #expect(!set.revokes(anyOf: unharmed.serverPath))
    }

    @Test("A revoked intermediate takes all below it along, and nothing of a namesake")
    func revokedIntermediate() throws {
        let foreign = try ForeignAuthority()
        try foreign.intermediate("two")  // has the same name as the first, and another key
        let first = try foreign.mint("client", by: "one")
        let second = try foreign.mint("client", by: "two")
        let server = try foreign.mint("server", by: "two")
        let live = try foreign.connect(first, server, .unchecked)
        let text = try foreign.directory.read("one.crt")
        let set = try foreign.revoke(Certificate.parse(pem: text.span)[0], issuer: "root")
        let policy = RevocationPolicy.lists(set, acceptsExpired: false, requiresStatus: false)
        #expect(try foreign.connect(first, server, policy).serverError == .certificateRevoked)
        let unharmed = try foreign.connect(second, server, policy)
        #expect(unharmed.serverError == nil)
        #expect(set.revokes(anyOf: live.serverPath))
        #expect(!set.revokes(anyOf: unharmed.serverPath))
    }

    @Test("An authority without a list passes unless a status is required")
    func unknownStatus() throws {
        let foreign = try ForeignAuthority()
        let client = try foreign.mint("client", by: "one")
        let server = try foreign.mint("server", by: "one")
        let set = try foreign.list(of: "root")
        for (required, error) in [(false, nil), (true, TLSError.revocationUnknown)] {
            let pair = try foreign.connect(
                client, server, .lists(set, acceptsExpired: false, requiresStatus: required))
            #expect(pair.serverError == error)
        }
    }

    @Test("An expired list refuses or passes by setting, and what it revokes stays revoked")
    func expiredList() throws {
        let foreign = try ForeignAuthority()
        let client = try foreign.mint("client", by: "one")
        let revoked = try foreign.mint("revoked", by: "one")
        let server = try foreign.mint("server", by: "one")
        let set = try foreign.revoke(
            revoked.leaf, issuer: "one", extra: " -crl_lastupdate 20200101000000Z -crl_nextupdate 20200102000000Z")
        #expect(set.expiry == UnixTime(seconds: 1_577_923_200))
        for (accepts, error) in [(false, TLSError.revocationUnknown), (true, nil)] {
            let policy = RevocationPolicy.lists(set, acceptsExpired: accepts, requiresStatus: false)
            #expect(try foreign.connect(client, server, policy).serverError == error)
        }
        let lenient = RevocationPolicy.lists(set, acceptsExpired: true, requiresStatus: false)
        #expect(try foreign.connect(revoked, server, lenient).serverError == .certificateRevoked)
    }

    @Test("A list that somebody else signed in the name of the authority revokes nothing and refuses")
    func forgedList() throws {
        let foreign = try ForeignAuthority()
        let client = try foreign.mint("client", by: "one")
        let server = try foreign.mint("server", by: "one")
        let impostor = try ForeignAuthority()
        let impostorLeaf = try impostor.mint("x", by: "one")
        let set = try impostor.revoke(impostorLeaf.leaf, issuer: "one")
        let pair = try foreign.connect(client, server, .lists(set, acceptsExpired: false, requiresStatus: true))
        #expect(pair.serverError == .revocationUnknown)
    }

    @Test("A CRL that is configured and cannot be read refuses every peer")
    func unavailable() throws {
        let foreign = try ForeignAuthority()
        let pair = try foreign.connect(
            foreign.mint("client", by: "one"), foreign.mint("server", by: "one"), .unavailable)
        #expect(pair.serverError == .revocationUnknown)
    }

    @Test("Several lists in one PEM file, and one in DER, are read; garbage, a cut and nothing are errors")
    func parsing() throws {
        let foreign = try ForeignAuthority()
        _ = try foreign.list(of: "root")
        let first = try foreign.directory.read("list.pem")
        _ = try foreign.list(of: "one")
        let both = first + (try foreign.directory.read("list.pem"))
        #expect(try RevocationSet(both.span).lists.count == 2)
        try foreign.run("crl -in list.pem -outform der -out list.der")
        let der = try foreign.directory.read("list.der")
        #expect(try RevocationSet(der.span).lists.count == 1)
        let malformed = [Array("garbage".utf8), [], Array(der.dropLast()), Array(both.dropLast(60))]
        for bytes in malformed {
            #expect(throws: IdentityError.malformed(.revocationList)) { try RevocationSet(bytes.span) }
        }
        #expect(throws: IdentityError.file(.revocationList, .open, errno: ENOENT)) {
            try RevocationSet(path: foreign.directory.path + "/none")
        }
    }
}
