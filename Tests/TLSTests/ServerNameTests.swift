// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Identity
import Testing

@testable import TLS

@Suite("Servers that are known by name")
struct ServerNameTests {
    private let mesh: TestMesh
    private let server: TLSContext

    init() throws {
        mesh = try TestMesh()
        let names = try ["istiod.istio-system.svc", "192.0.2.1", "2001:db8::1"].map { try #require(ServerName($0)) }
        let credentials = try mesh.authority.mintServer(names, validity: 60, now: .now())
        server = try TLSContext(serving: credentials.chain, key: credentials.privateKey)
    }

    private func client(_ name: String, of mesh: TestMesh) throws -> TLSContext {
        try TLSContext(server: try #require(ServerName(name)), authorities: mesh.authority.bundle.authorities)
    }

    @Test(
        "A server is taken by any of its names, and a client without certificate by it",
        arguments: ["istiod.istio-system.svc", "ISTIOD.istio-system.svc", "192.0.2.1", "2001:db8::1"])
    func named(_ name: String) throws {
        let pair = try TLSPair(client: client(name, of: mesh), server: server, expecting: .anyInTrustDomain)
        pair.run()
        #expect(pair.isEstablished)
        #expect(pair.clientPeer == nil && pair.serverPeer == nil)
    }

    @Test(
        "RFC 9525 §6: a server is refused under a name that its certificate does not have",
        arguments: ["istiod.istio-system", "svc", "192.0.2.2", "2001:db8::2", "localhost"])
    func otherName(_ name: String) throws {
        let pair = try TLSPair(client: client(name, of: mesh), server: server, expecting: .anyInTrustDomain)
        pair.run()
        #expect(pair.clientError == .unexpectedServerName && !pair.isEstablished)
    }

    @Test("A server of another authority is refused")
    func otherAuthority() throws {
        let pair = try TLSPair(
            client: client("192.0.2.1", of: TestMesh()), server: server, expecting: .anyInTrustDomain)
        pair.run()
        #expect(pair.clientError == .unknownAuthority)
    }

    @Test("The certificate of a named server makes it no member of the mesh")
    func noMember() throws {
        let pair = try TLSPair(
            client: mesh.context(.client, "web"), server: server, expecting: .oneOf([mesh.id("istiod")]))
        pair.run()
        #expect(pair.clientError == .peerNotSVID(.extendedKeyUsage))
    }

    @Test("A member of the mesh is no server of any name")
    func noServer() throws {
        let member = try mesh.context(.server, "web")
        let pair = try TLSPair(client: client("web", of: mesh), server: member, expecting: .anyInTrustDomain)
        pair.run()
        #expect(pair.clientError == .unexpectedServerName)
    }

    @Test(
        "Names are DNS names or addresses", arguments: ["", ".", "a..b", "-a", "a-", "a b", "*.a", "a/b", "a:1", "ä"])
    func noName(_ text: String) {
        #expect(ServerName(text) == nil)
    }
}
