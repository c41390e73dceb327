// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
import Bytes
import Foundation
import Testing

@testable import Identity
@testable import TLS

/// Hostile octets: whatever is changed in what a peer or a file says, the answer is an error or an outcome, no trap.
@Suite struct MutationTests {
    /// Changes, drops, doubles or adds octets at one to four places.
    private func mutate(_ bytes: [UInt8], _ random: inout RandomSource) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            guard !bytes.isEmpty else { return bytes }
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: bytes[place] = [0, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
            case 2: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...8, using: &random)))
            case 3: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 16)], at: place)
            default: bytes.truncate(to: place)
            }
        }
        return bytes
    }

    @Test("Documents with mutations parse or fail, seed by seed", arguments: 0..<8)
    func documents(seed: Int) throws {
        var random = RandomSource(seed: UInt64(seed))
        let mesh = try TestMesh()
        let svid = try mesh.authority.mint(for: mesh.id("a"), validity: 60, now: .now())
        let der = try svid.leaf.der()
        let pem = try svid.leaf.pem()
        let request = try CertificateSigningRequest.pem(for: mesh.id("a"), key: svid.privateKey)
        var parsed = 0
        for _ in 0..<100 {
            let (binary, text, question) = (mutate(der, &random), mutate(pem, &random), mutate(request, &random))
            do throws(IdentityError) {
                let certificate = try Certificate(der: binary.span)
                _ = CertificateDescription(certificate)
                parsed += 1
            } catch {
                #expect(error == .malformed(.certificate))
            }
            do throws(IdentityError) { _ = try Certificate.parse(pem: text.span) } catch {
                #expect(error == .malformed(.certificate))
            }
            do throws(IdentityError) { _ = try CertificateSigningRequest(pem: question.span) } catch {
                #expect(error != .cryptography)
            }
            do throws(IdentityError) { _ = try RevocationSet(binary.span) } catch {
                #expect(error == .malformed(.revocationList))
            }
        }
        #expect(parsed > 0)
    }

    @Test("A handshake with one mutated flight fails, or is one that both sides agree about", arguments: 0..<40)
    func handshake(seed: Int) throws {
        var random = RandomSource(seed: UInt64(seed))
        let mesh = try TestMesh()
        let pair = try TLSPair(
            client: mesh.context(.client, "client"), server: mesh.context(.server, "server"),
            expecting: .oneOf([mesh.id("server")]))
        try pair.client.start(into: &pair.toServer)
        pair.clientOutcomes.append(.needsInput)
        if seed % 2 == 0 {
            let flight = mutate(copy(of: pair.toServer), &random)
            pair.toServer.clear()
            pair.toServer.append(copying: flight.span)
        } else {
            let hello = copy(of: pair.toServer)
            pair.toServer.clear()
            var offset = 0
            _ = try pair.server.open(
                hello.span, offset: &offset, plaintext: &pair.atServer, output: &pair.toClient)
            let flight = mutate(copy(of: pair.toClient), &random)
            pair.toClient.clear()
            pair.toClient.append(copying: flight.span)
        }
        pair.run(step: Int.random(in: 1...300, using: &random))
        // Some octets are outside of the transcript: the version in a plain record's header, change_cipher_spec. All
        // others end the handshake, or leave it waiting when a flight was cut.
        guard pair.isEstablished else { return }
        #expect(try pair.clientPeer == mesh.id("server"))
        #expect(try pair.serverPeer == mesh.id("client"))
        let text = Array("agreed".utf8)
        try pair.client.seal(text.span, into: &pair.toServer)
        try pair.server.seal(text.span, into: &pair.toClient)
        pair.run()
        #expect(pair.receivedByServer == text && pair.receivedByClient == text)
    }

    @Test("Records with mutations never yield an octet that was not sent", arguments: 0..<40)
    func records(seed: Int) throws {
        var random = RandomSource(seed: UInt64(seed))
        let bench = try RecordBench()
        let content = (0..<300).map { UInt8(truncatingIfNeeded: $0) }
        var wire: [UInt8] = []
        for _ in 0..<5 { wire += bench.record(content) }
        let mutated = mutate(wire, &random)
        guard mutated != wire else { return }
        do { try bench.feed(mutated, step: Int.random(in: 1...400, using: &random)) } catch {}
        let received = bench.received
        #expect(received.count % 300 == 0 && received.count <= 1_500)
        #expect(received == Array((0..<(received.count / 300)).map { _ in content }.joined()))
    }
}

extension Array where Element == UInt8 {
    fileprivate mutating func truncate(to count: Int) { removeLast(self.count - count) }
}
