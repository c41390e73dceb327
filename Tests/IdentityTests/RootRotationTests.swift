// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
import Foundation
import Identity
import Testing

@Suite struct RootRotationTests {
    @Test("At each step of a rotation, leaves of the step before verify with the bundle of the step after, and reverse")
    func steps() throws {
        let directory = try TemporaryDirectory()
        let now = UnixTime.now()
        let id = try SPIFFEID("spiffe://cluster.local/ns/a/sa/b")
        func open() throws -> CertificateAuthority {
            try CertificateAuthority.open(
                directory: directory.path, trustDomain: .clusterLocal, create: false, now: now)
        }
        _ = try CertificateAuthority.open(directory: directory.path, trustDomain: .clusterLocal, now: now)
        var stages = [try open()]
        #expect(try RootRotation.phase(directory: directory.path) == .stable)
        #expect(
            try RootRotation.begin(directory: directory.path, trustDomain: .clusterLocal, now: now) == .distributing)
        stages.append(try open())
        #expect(try RootRotation.switchSigner(directory: directory.path) == .retiring)
        stages.append(try open())
        #expect(try RootRotation.finish(directory: directory.path) == .stable)
        stages.append(try open())
        #expect(stages.map(\.bundle.authorities.count) == [1, 2, 2, 1])
        for (here, signer) in stages.enumerated() {
            let leaf = try signer.mint(for: id, validity: 60, now: now)
            for (there, relying) in stages.enumerated() where abs(here - there) <= 1 {
                try relying.bundle.verify(leaf.chain, at: now)
            }
        }
        let old = try stages[0].mint(for: id, validity: 60, now: now)
        #expect(throws: IdentityError.chain) { try stages[3].bundle.verify(old.chain, at: now) }
    }

    @Test("Each step happens once: repeating it changes nothing, and none can be skipped")
    func idempotent() throws {
        let directory = try TemporaryDirectory()
        let now = UnixTime.now()
        _ = try CertificateAuthority.open(directory: directory.path, trustDomain: .clusterLocal, now: now)
        #expect(try RootRotation.switchSigner(directory: directory.path) == .stable)
        #expect(try RootRotation.finish(directory: directory.path) == .stable)
        for _ in 0..<2 {
            try RootRotation.begin(directory: directory.path, trustDomain: .clusterLocal, now: now)
            let authority = try CertificateAuthority.open(
                directory: directory.path, trustDomain: .clusterLocal, now: now)
            #expect(authority.bundle.authorities.count == 2)
        }
        #expect(try RootRotation.finish(directory: directory.path) == .distributing)
        let mode = try FileManager.default.attributesOfItem(atPath: directory.path + "/next.key")[.posixPermissions]
        #expect(mode as? Int == 0o600)
    }
}

@Suite struct IssuedIdentityTests {
    @Test("An identity written to files is read back, and openssl verifies it with the bundle beside it")
    func files() throws {
        let directory = try TemporaryDirectory()
        let now = UnixTime.now()
        let authority = try CertificateAuthority.open(
            directory: directory.path + "/ca", trustDomain: .clusterLocal, now: now)
        let id = try SPIFFEID("spiffe://cluster.local/ns/a/sa/b")
        let svid = try authority.mint(for: id, validity: 60, now: now)
        let out = directory.path + "/out"
        for _ in 0..<2 { try svid.write(to: out, bundle: authority.bundle) }
        let read = try X509SVID(directory: out)
        #expect(read.id == id && read.chain == svid.chain)
        let judged = try OpenSSLTool.run(["verify", "-CAfile", "bundle.pem", "svid.pem"], in: out)
        #expect(judged.status == 0, "\(judged.output)")
        #expect(
            try Set(FileManager.default.contentsOfDirectory(atPath: out)) == ["svid.pem", "svid.key", "bundle.pem"])
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: out + "/svid.key")
        #expect(throws: IdentityError.fileMode(.privateKey, mode: 0o644)) { try X509SVID(directory: out) }
        let description = CertificateDescription(svid.leaf)
        #expect(description.uriNames == [id.description])
        #expect(description.key == "EC P-256" && description.defect == nil && description.subject.isEmpty)
        #expect(description.issuer.contains("O=cluster.local"))
    }

    @Test("A CA made by openssl is adopted, as root or as intermediate, once, and only with its own key")
    func adoption() throws {
        let directory = try TemporaryDirectory()
        func run(_ command: String) throws {
            let result = try OpenSSLTool.run(command.split(separator: " ").map(String.init), in: directory.path)
            try #require(result.status == 0, "\(result.output)")
        }
        try directory.write(
            Array("basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n".utf8),
            to: "ca.cnf")
        try run("ecparam -name secp384r1 -genkey -noout -out root.key")
        try run(
            "req -x509 -new -key root.key -subj /CN=root -days 2 -out root.crt "
                + "-addext keyUsage=critical,keyCertSign,cRLSign")
        try run("genrsa -out middle.key 2048")
        try run("req -new -key middle.key -subj /CN=middle -out middle.csr")
        try run(
            "x509 -req -in middle.csr -CA root.crt -CAkey root.key -CAcreateserial -extfile ca.cnf -days 1 -out middle.crt"
        )
        let now = UnixTime.now()
        let root = try directory.read("root.crt")
        let rootKey = try directory.read("root.key")
        let middle = try directory.read("middle.crt")
        let middleKey = try directory.read("middle.key")
        let id = try SPIFFEID("spiffe://cluster.local/ns/a/sa/b")
        func adopt(_ certificate: [UInt8], _ key: [UInt8], _ roots: [UInt8], _ name: String) throws {
            _ = try CertificateAuthority.adopt(
                certificates: certificate.span, key: key.span, roots: roots.span,
                directory: directory.path + "/" + name, trustDomain: .clusterLocal, now: now)
        }
        try adopt(root, rootKey, [], "one")
        try adopt(middle, middleKey, root, "two")
        for (name, length) in [("one", 1), ("two", 2)] {
            let path = directory.path + "/" + name
            let authority = try CertificateAuthority.open(
                directory: path, trustDomain: .clusterLocal, create: false, now: now)
            let svid = try authority.mint(for: id, validity: 60, now: now)
            #expect(svid.chain.count == length)
            try authority.bundle.verify(svid.chain, at: now)
        }
        #expect(throws: IdentityError.file(.authorityKey, .create, errno: EEXIST)) {
            try adopt(root, rootKey, [], "one")
        }
        #expect(throws: IdentityError.keyMismatch) { try adopt(root, middleKey, [], "three") }
        #expect(throws: IdentityError.malformed(.bundle)) { try adopt(middle, middleKey, [], "four") }
        #expect(throws: IdentityError.foreignRoot) {
            try RootRotation.begin(directory: directory.path + "/two", trustDomain: .clusterLocal, now: now)
        }
    }

    @Test("Malformed signing requests are refused by name")
    func malformedRequests() throws {
        let directory = try TemporaryDirectory()
        func request(_ name: String?, key: [String] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            throws
            -> [UInt8]
        {
            var arguments = ["req", "-new", "-nodes", "-keyout", "k.pem", "-subj", "/CN=x", "-out", "r.pem"] + key
            if let name { arguments += ["-addext", name] }
            let result = try OpenSSLTool.run(arguments, in: directory.path)
            try #require(result.status == 0, "\(result.output)")
            return try directory.read("r.pem")
        }
        let good = "subjectAltName=URI:spiffe://cluster.local/ns/a/sa/b"
        let cases: [([UInt8], IdentityError)] = [
            (Array("garbage".utf8), .malformed(.signingRequest)),
            ([], .malformed(.signingRequest)),
            ([UInt8](repeating: 65, count: 20_000), .tooLarge(.signingRequest)),
            (try request(nil), .svid(.noURIName)),
            (try request("subjectAltName=DNS:web"), .svid(.noURIName)),
            (try request(good + ",URI:spiffe://cluster.local/ns/c/sa/d"), .svid(.severalURINames)),
            (try request("subjectAltName=URI:spiffe://cluster.local"), .svid(.noPath)),
            (try request("subjectAltName=URI:https://a/b"), .svid(.invalidID(.scheme))),
            (try request(good, key: ["-newkey", "rsa:1024"]), .keyNotAccepted),
            (try request(good, key: ["-newkey", "ed25519"]), .keyNotAccepted),
            (
                try request(good, key: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"]), .keyNotAccepted
            ),
        ]
        for (pem, error) in cases {
            #expect(throws: error) { try CertificateSigningRequest(pem: pem.span) }
        }
        // One octet of the signature changed.
        let der = try OpenSSLTool.run(
            ["req", "-in", "r.pem", "-outform", "der", "-out", "r.der"], in: directory.path)
        #expect(der.status == 0)
        _ = try request(good)
        _ = try OpenSSLTool.run(["req", "-in", "r.pem", "-outform", "der", "-out", "r.der"], in: directory.path)
        var damaged = try directory.read("r.der")
        damaged[damaged.count - 1] ^= 1
        let text =
            "-----BEGIN CERTIFICATE REQUEST-----\n"
            + Data(damaged).base64EncodedString(options: .lineLength64Characters)
            .replacingOccurrences(of: "\r\n", with: "\n") + "\n-----END CERTIFICATE REQUEST-----\n"
        let pem = Array(text.utf8)
        #expect(throws: IdentityError.requestSignature) { try CertificateSigningRequest(pem: pem.span) }
    }
}
