// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
import Bytes
import Identity
import Testing

@testable import TLS

@Suite struct TLSSessionTests {
    @Test("Two workloads of one trust domain shake hands and know each other by SPIFFE ID", arguments: [1, 7, .max])
    func handshake(step: Int) throws {
        let mesh = try TestMesh()
        let server = try mesh.id("server")
        let pair = try TLSPair(
            client: mesh.context(.client, "client"), server: mesh.context(.server, "server"),
            expecting: .oneOf([server]))
        pair.run(step: step)
        #expect(pair.clientError == nil)
        #expect(pair.serverError == nil)
        #expect(pair.clientPeer == server)
        let client = try mesh.id("client")
        #expect(pair.serverPeer == client)
        let cipher = pair.client.cipherName
        #expect(cipher == "TLS_AES_128_GCM_SHA256")
        let group = pair.client.groupName
        #expect(group != nil)
        #expect(pair.clientOutcomes.filter { $0 == .handshakeCompleted }.count == 1)
        #expect(pair.serverOutcomes.filter { $0 == .handshakeCompleted }.count == 1)
    }

    @Test(
        "Octets sealed on one side are opened on the other, in records of at most 16384",
        arguments: [1, 16_384, 300_000])
    func transfer(count: Int) throws {
        let mesh = try TestMesh()
        let pair = try TLSPair(
            client: mesh.context(.client, "client"), server: mesh.context(.server, "server"),
            expecting: .oneOf([mesh.id("server")]))
        pair.run()
        var random = RandomSource(seed: UInt64(count))
        let sent = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        try pair.client.seal(sent.span, into: &pair.toServer)
        let sealed = pair.toServer.count
        #expect(sealed <= TLSSession.sealedSize(count))
        pair.run(step: 60_000)
        #expect(pair.serverError == nil)
        #expect(pair.receivedByServer == sent)
        try pair.server.seal(sent.span, into: &pair.toClient)
        pair.run()
        #expect(pair.receivedByClient == sent)
    }

    @Test("close_notify is an outcome, and the other direction stays usable (RFC 8446 §6.1)")
    func closure() throws {
        let mesh = try TestMesh()
        let pair = try TLSPair(
            client: mesh.context(.client, "client"), server: mesh.context(.server, "server"),
            expecting: .oneOf([mesh.id("server")]))
        pair.run()
        pair.client.close(into: &pair.toServer)
        pair.run()
        #expect(pair.serverOutcomes.last == .closed)
        let text = Array("still here".utf8)
        try pair.server.seal(text.span, into: &pair.toClient)
        pair.run()
        #expect(pair.receivedByClient == text)
    }

    @Test("A client refuses another workload than the one it expects, and says whom it met")
    func unexpectedIdentity() throws {
        let mesh = try TestMesh()
        let pair = try TLSPair(
            client: mesh.context(.client, "client"), server: mesh.context(.server, "other"),
            expecting: .oneOf([mesh.id("server")]))
        pair.run()
        #expect(pair.clientError == .unexpectedIdentity)
        #expect(pair.serverError == .alert(42))
        let line = pair.client.describe(.unexpectedIdentity)
        #expect(line.contains("/sa/other, expected spiffe://cluster.local/ns/default/sa/server"))
    }

    @Test("An empty list of expected identities accepts nobody")
    func nobodyExpected() throws {
        let mesh = try TestMesh()
        let pair = try TLSPair(
            client: mesh.context(.client, "client"), server: mesh.context(.server, "server"), expecting: .oneOf([]))
        pair.run()
        #expect(pair.clientError == .unexpectedIdentity)
    }

    @Test("A server refuses a peer of another trust domain, even of an authority that it trusts")
    func otherTrustDomain() throws {
        let mesh = try TestMesh()
        let other = try TestMesh("other.example")
        let both = mesh.authority.bundle.merging(other.authority.bundle)
        let pair = try TLSPair(
            client: other.context(.client, "client", bundle: both),
            server: mesh.context(.server, "server", bundle: both),
            expecting: .oneOf([mesh.id("server")]))
        pair.run()
        #expect(pair.serverError == .otherTrustDomain || pair.clientError == .otherTrustDomain)
    }

    @Test("An authority outside the bundle is unknown")
    func unknownAuthority() throws {
        let mesh = try TestMesh()
        let impostor = try TestMesh()
        let pair = try TLSPair(
            client: impostor.context(.client, "client", bundle: mesh.authority.bundle),
            server: mesh.context(.server, "server"), expecting: .oneOf([mesh.id("server")]))
        pair.run()
        #expect(pair.serverError == .unknownAuthority)
        #expect(pair.clientError == .alert(48))
    }

    @Test("Expired and not yet valid certificates are told apart", arguments: [-86_400, 86_400])
    func validity(shift: Int64) throws {
        let now = UnixTime.now()
        let mesh = try TestMesh(now: now.advanced(bySeconds: min(shift, 0) * 2))
        let late = try TestMesh(now: now.advanced(bySeconds: -172_800))
        _ = late
        let server = try mesh.context(.server, "server", now: now.advanced(bySeconds: 0))
        let svid = try mesh.authority.mint(
            for: mesh.id("client"), validity: 3600, now: now.advanced(bySeconds: shift))
        let client = try TLSContext(
            role: .client, svid: svid, bundle: mesh.authority.bundle, trustDomain: mesh.trustDomain)
        let pair = try TLSPair(client: client, server: server, expecting: .oneOf([mesh.id("server")]))
        pair.run()
        #expect(pair.serverError == (shift < 0 ? .certificateExpired : .certificateNotYetValid))
    }

    @Test("Plain HTTP and garbage are no TLS", arguments: ["GET / HTTP/1.1\r\n\r\n", "\u{1}\u{2}garbage garbage"])
    func notTLS(text: String) throws {
        let mesh = try TestMesh()
        var session = try TLSSession(context: mesh.context(.server, "server"), expecting: .anyInTrustDomain)
        var plaintext = ByteBuffer(capacity: 100)
        var output = ByteBuffer(capacity: 10_000)
        var offset = 0
        var caught: TLSError?
        do throws(TLSError) {
            _ = try session.open(text.utf8.span, offset: &offset, plaintext: &plaintext, output: &output)
        } catch {
            caught = error
        }
        #expect(caught == .notTLS)
    }

    @Test("A damaged record ends the session")
    func damagedRecord() throws {
        let mesh = try TestMesh()
        let pair = try TLSPair(
            client: mesh.context(.client, "client"), server: mesh.context(.server, "server"),
            expecting: .oneOf([mesh.id("server")]))
        pair.run()
        let text = Array("payload".utf8)
        try pair.client.seal(text.span, into: &pair.toServer)
        damageEnd(of: &pair.toServer)
        pair.run()
        #expect(pair.serverError == .protocolViolation)
        #expect(!pair.isEstablished)
        #expect(pair.receivedByServer.isEmpty)
    }

    @Test("Room of any size for plaintext and output only takes more calls")
    func narrowBuffers() throws {
        let mesh = try TestMesh()
        let pair = try TLSPair(
            client: mesh.context(.client, "client"), server: mesh.context(.server, "server"),
            expecting: .oneOf([mesh.id("server")]))
        // The server's first flight through 100 octets at a time.
        try pair.client.start(into: &pair.toServer)
        var narrow = ByteBuffer(capacity: 100)
        var plaintext = ByteBuffer(capacity: 10)
        var offset = 0
        var flight: [UInt8] = []
        while true {
            let outcome = try pair.server.open(
                pair.toServer.readable, offset: &offset, plaintext: &plaintext, output: &narrow)
            flight.append(copying: narrow.readable)
            narrow.clear()
            if outcome == .needsInput { break }
            #expect(outcome == .outputFull)
        }
        pair.toServer.clear()
        pair.toClient.append(copying: flight.span)
        pair.clientOutcomes.append(.needsInput)
        pair.run()
        #expect(pair.isEstablished)
        // 5000 octets through 10 octets of plaintext room.
        let sent = [UInt8](repeating: 7, count: 5_000)
        try pair.client.seal(sent.span, into: &pair.toServer)
        var received = 0
        offset = 0
        while true {
            let outcome = try pair.server.open(
                pair.toServer.readable, offset: &offset, plaintext: &plaintext, output: &narrow)
            received += plaintext.count
            plaintext.clear()
            if outcome == .needsInput { break }
            #expect(outcome == .plaintextFull)
        }
        #expect(received == 5_000)
        let given = pair.toServer.count
        #expect(offset == given)
    }

    @Test("The first group that both sides have is used, and unknown ones are left out")
    func groups() throws {
        var options = TLSOptions()
        options.groups = ["not-a-group", "P-384", "X25519"]
        #expect(TLSLibrary.availableGroups(options) == ["P-384", "X25519"])
        #expect(TLSLibrary.availableGroups().contains("X25519"))
        #expect(TLSLibrary.version.hasPrefix("OpenSSL "))
        let mesh = try TestMesh()
        let pair = try TLSPair(
            client: mesh.context(.client, "client", options: options), server: mesh.context(.server, "server"),
            expecting: .oneOf([mesh.id("server")]))
        pair.run()
        let group = pair.client.groupName
        #expect(group?.lowercased() == "x25519")
        options.groups = ["not-a-group"]
        #expect(throws: TLSError.configuration) { try mesh.context(.client, "client", options: options) }
    }
}
