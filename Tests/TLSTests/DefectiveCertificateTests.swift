// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
import Bytes
import Foundation
import Testing

@testable import Identity
@testable import TLS

/// A leaf certificate that the `openssl` command makes with the extensions given, signed by a mesh's root.
struct Forgery: Sendable, CustomTestStringConvertible {
    let name: String
    let extensions: [String]
    var arguments: [String] = []
    let error: TLSError?

    var testDescription: String { name }

    static let usage = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=serverAuth,clientAuth"]
    static let uri = ["subjectAltName=critical,URI:spiffe://cluster.local/ns/default/sa/forged"]

    /// Makes the certificate with its key in `directory`, where `ca.crt` and `ca.key` are.
    func make(in directory: TemporaryDirectory, authority: String = "ca") throws -> X509SVID {
        try directory.write(Array(extensions.joined(separator: "\n").utf8), to: "extensions.cnf")
        for command in [
            ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "leaf.key"],
            ["req", "-new", "-key", "leaf.key", "-subj", "/", "-out", "leaf.csr"],
            [
                "x509", "-req", "-in", "leaf.csr", "-CA", "\(authority).crt", "-CAkey", "\(authority).key",
                "-CAcreateserial", "-extfile", "extensions.cnf", "-out", "leaf.crt",
            ] + (arguments.isEmpty ? ["-days", "1"] : arguments),
        ] {
            let result = try OpenSSLTool.run(command, in: directory.path)
            try #require(result.status == 0, "\(result.output)")
        }
        return try directory.readLeaf(id: SPIFFEID("spiffe://cluster.local/ns/default/sa/forged"))
    }
}

@Suite struct DefectiveCertificateTests {
    static let forgeries: [Forgery] = [
        Forgery(name: "no defect", extensions: Forgery.usage + Forgery.uri, error: nil),
        Forgery(name: "no defect: no extended key usage", extensions: [Forgery.usage[0]] + Forgery.uri, error: nil),
        Forgery(
            name: "no defect: a DNS name beside the URI",
            extensions: Forgery.usage + ["subjectAltName=URI:spiffe://cluster.local/ns/default/sa/forged,DNS:web"],
            error: nil),
        Forgery(
            name: "CA flag on a leaf", extensions: Forgery.usage + Forgery.uri + ["basicConstraints=critical,CA:TRUE"],
            error: .peerNotSVID(.authority)),
        Forgery(name: "no key usage", extensions: Forgery.uri, error: .peerNotSVID(.keyUsageMissing)),
        Forgery(
            name: "key usage not critical", extensions: Forgery.uri + ["keyUsage=digitalSignature"],
            error: .peerNotSVID(.keyUsageMissing)),
        Forgery(
            name: "key usage signs certificates",
            extensions: Forgery.uri + ["keyUsage=critical,digitalSignature,keyCertSign"],
            error: .peerNotSVID(.keyUsageSigns)),
        Forgery(
            name: "key usage signs CRLs", extensions: Forgery.uri + ["keyUsage=critical,digitalSignature,cRLSign"],
            error: .peerNotSVID(.keyUsageSigns)),
        Forgery(
            name: "key usage without digital signature", extensions: Forgery.uri + ["keyUsage=critical,keyAgreement"],
            error: .peerNotSVID(.keyUsageWithoutDigitalSignature)),
        Forgery(
            name: "extended key usage for servers only",
            extensions: [Forgery.usage[0], "extendedKeyUsage=serverAuth"] + Forgery.uri,
            error: .peerNotSVID(.extendedKeyUsage)),
        Forgery(
            name: "extended key usage for clients only",
            extensions: [Forgery.usage[0], "extendedKeyUsage=clientAuth"] + Forgery.uri,
            error: .peerNotSVID(.extendedKeyUsage)),
        Forgery(
            name: "extended key usage for code signing",
            extensions: [Forgery.usage[0], "extendedKeyUsage=codeSigning"] + Forgery.uri,
            error: .peerNotSVID(.extendedKeyUsage)),
        Forgery(name: "no names", extensions: Forgery.usage, error: .peerNotSVID(.noURIName)),
        Forgery(
            name: "a DNS name only", extensions: Forgery.usage + ["subjectAltName=DNS:web.default.svc"],
            error: .peerNotSVID(.noURIName)),
        Forgery(
            name: "two SPIFFE IDs",
            extensions: Forgery.usage + [
                "subjectAltName=URI:spiffe://cluster.local/ns/default/sa/forged,URI:spiffe://cluster.local/ns/a/sa/b"
            ], error: .peerNotSVID(.severalURINames)),
        Forgery(
            name: "a SPIFFE ID and another URI",
            extensions: Forgery.usage + [
                "subjectAltName=URI:spiffe://cluster.local/ns/default/sa/forged,URI:https://example.org"
            ], error: .peerNotSVID(.severalURINames)),
        Forgery(
            name: "another scheme", extensions: Forgery.usage + ["subjectAltName=URI:https://cluster.local/ns/a/sa/b"],
            error: .peerNotSVID(.invalidID(.scheme))),
        Forgery(
            name: "upper case in the trust domain",
            extensions: Forgery.usage + ["subjectAltName=URI:spiffe://Cluster.local/ns/a/sa/b"],
            error: .peerNotSVID(.invalidID(.trustDomainCharacter))),
        Forgery(
            name: "a query behind the ID",
            extensions: Forgery.usage + ["subjectAltName=URI:spiffe://cluster.local/ns/a/sa/b?x=y"],
            error: .peerNotSVID(.invalidID(.pathCharacter))),
        Forgery(
            name: "an ID without path", extensions: Forgery.usage + ["subjectAltName=URI:spiffe://cluster.local"],
            error: .peerNotSVID(.noPath)),
        Forgery(
            name: "another trust domain",
            extensions: Forgery.usage + ["subjectAltName=URI:spiffe://example.org/ns/default/sa/forged"],
            error: .otherTrustDomain),
    ]

    @Test("A server refuses each defect of a client's certificate by its name", arguments: forgeries)
    func clientCertificate(forgery: Forgery) throws {
        let mesh = try TestMesh()
        let directory = try TemporaryDirectory()
        try mesh.storeAuthority(in: directory)
        let client = try TLSContext(
            role: .client, svid: forgery.make(in: directory), bundle: mesh.authority.bundle,
            trustDomain: mesh.trustDomain)
        let pair = try TLSPair(
            client: client, server: mesh.context(.server, "server"), expecting: .oneOf([mesh.id("server")]))
        pair.run()
        #expect(pair.serverError == forgery.error)
        #expect((pair.serverPeer == nil) == (forgery.error != nil))
        if forgery.error != nil {
            // bad_certificate, or unsupported_certificate where OpenSSL itself saw a wrong purpose (RFC 8446 §6.2).
            #expect(pair.clientError == .alert(42) || pair.clientError == .alert(43))
        }
    }

    @Test("A client refuses each defect of a server's certificate by its name", arguments: forgeries)
    func serverCertificate(forgery: Forgery) throws {
        let mesh = try TestMesh()
        let directory = try TemporaryDirectory()
        try mesh.storeAuthority(in: directory)
        let server = try TLSContext(
            role: .server, svid: forgery.make(in: directory), bundle: mesh.authority.bundle,
            trustDomain: mesh.trustDomain)
        let pair = try TLSPair(
            client: mesh.context(.client, "client"), server: server, expecting: .oneOf([mesh.id("forged")]))
        pair.run()
        #expect(pair.clientError == forgery.error)
    }

    @Test("A leaf that signs another leaf is no authority")
    func leafAsAuthority() throws {
        let mesh = try TestMesh()
        let directory = try TemporaryDirectory()
        let signer = try mesh.authority.mint(for: mesh.id("signer"), validity: 3600, now: .now())
        try signer.write(to: directory.path, bundle: mesh.authority.bundle)
        try directory.write(directory.read("svid.pem"), to: "svid.crt")
        let forged = try Forgery(name: "", extensions: Forgery.usage + Forgery.uri, error: nil)
            .make(in: directory, authority: "svid")
        let svid = X509SVID(
            unchecked: forged.chain + [signer.leaf], privateKey: forged.privateKey, id: forged.id)
        let client = try TLSContext(
            role: .client, svid: svid, bundle: mesh.authority.bundle, trustDomain: mesh.trustDomain)
        let pair = try TLSPair(
            client: client, server: mesh.context(.server, "server"), expecting: .oneOf([mesh.id("server")]))
        pair.run()
        #expect(pair.serverError == .certificateUsage)
    }

    @Test("A self-signed leaf has an unknown authority")
    func selfSigned() throws {
        let mesh = try TestMesh()
        let directory = try TemporaryDirectory()
        for command in [
            ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "leaf.key"],
            [
                "req", "-x509", "-new", "-key", "leaf.key", "-subj", "/CN=x", "-out", "leaf.crt", "-days", "1",
                "-addext",
                Forgery.uri[0], "-addext", Forgery.usage[0],
            ],
        ] {
            try #require(OpenSSLTool.run(command, in: directory.path).status == 0)
        }
        let svid = try directory.readLeaf(id: mesh.id("x"))
        let client = try TLSContext(
            role: .client, svid: svid, bundle: mesh.authority.bundle, trustDomain: mesh.trustDomain)
        let pair = try TLSPair(
            client: client, server: mesh.context(.server, "server"), expecting: .oneOf([mesh.id("server")]))
        pair.run()
        #expect(pair.serverError == .unknownAuthority)
    }
}

extension TemporaryDirectory {
    /// `leaf.crt` and `leaf.key`, unchecked.
    func readLeaf(id: SPIFFEID) throws -> X509SVID {
        let certificate = try read("leaf.crt")
        let key = try read("leaf.key")
        let chain = try Certificate.parse(pem: certificate.span)
        return try X509SVID(unchecked: chain, privateKey: PrivateKey(pem: key.span), id: id)
    }
}
