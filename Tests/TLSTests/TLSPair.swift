// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
import Bytes
import Identity

@testable import TLS

/// Identities and contexts for tests: one trust domain with its CA.
struct TestMesh {
    let trustDomain: TrustDomain
    let authority: CertificateAuthority
    let rootKey: PrivateKey

    init(_ name: String = "cluster.local", now: UnixTime = .now()) throws {
        trustDomain = try TrustDomain(name)
        let root = try CertificateAuthority.makeRoot(trustDomain: trustDomain, now: now)
        authority = try CertificateAuthority(
            trustDomain: trustDomain, certificates: [root.certificate], key: root.key, now: now)
        rootKey = root.key
    }

    /// Puts `ca.crt` and `ca.key` where the `openssl` command finds them.
    func storeAuthority(in directory: TemporaryDirectory) throws {
        try CertificateAuthority.store(certificates: authority.certificates, key: rootKey, in: directory.path)
    }

    func id(_ account: String) throws -> SPIFFEID {
        try SPIFFEID(trustDomain: trustDomain, namespace: "default", serviceAccount: account)
    }

    func context(
        _ role: TLSRole, _ account: String, bundle: TrustBundle? = nil, now: UnixTime = .now(),
        options: TLSOptions = TLSOptions()
    ) throws -> TLSContext {
        let svid = try authority.mint(for: id(account), validity: 3600, now: now)
        return try TLSContext(
            role: role, svid: svid, bundle: bundle ?? authority.bundle, trustDomain: trustDomain, options: options)
    }
}

/// A client and a server session that talk through two buffers.
final class TLSPair {
    var client: TLSSession
    var server: TLSSession
    var toServer = ByteBuffer(capacity: 1 << 20)
    var toClient = ByteBuffer(capacity: 1 << 20)
    var atServer = ByteBuffer(capacity: 1 << 20)
    var atClient = ByteBuffer(capacity: 1 << 20)
    var clientError: TLSError?
    var serverError: TLSError?
    var clientOutcomes: [TLSSession.Outcome] = []
    var serverOutcomes: [TLSSession.Outcome] = []

    init(
        client: TLSContext, server: TLSContext, expecting: PeerExpectation,
        clients: PeerExpectation = .anyInTrustDomain, destination: SocketAddress? = nil
    ) throws {
        let clientSession = try TLSSession(context: client, expecting: expecting, destination: destination)
        let serverSession = try TLSSession(context: server, expecting: clients)
        self.client = clientSession
        self.server = serverSession
    }

    var clientPeer: SPIFFEID? { client.peer?.id }
    var serverPeer: SPIFFEID? { server.peer?.id }
    var clientPath: [CertificateKey] { client.peer?.path ?? [] }
    var serverPath: [CertificateKey] { server.peer?.path ?? [] }
    var isEstablished: Bool { client.isEstablished && server.isEstablished }
    var receivedByServer: [UInt8] { copy(of: atServer) }
    var receivedByClient: [UInt8] { copy(of: atClient) }

    /// Lets both sides speak until neither has anything to say, `step` octets at a time.
    func run(step: Int = .max) {
        if !client.isEstablished, clientError == nil, clientOutcomes.isEmpty {
            do throws(TLSError) { try client.start(into: &toServer) } catch { clientError = error }
        }
        while !toServer.isEmpty || !toClient.isEmpty {
            serverError = serverError ?? Self.feed(&server, &toServer, &atServer, &toClient, step, &serverOutcomes)
            clientError = clientError ?? Self.feed(&client, &toClient, &atClient, &toServer, step, &clientOutcomes)
            if serverError != nil { toServer.clear() }
            if clientError != nil { toClient.clear() }
        }
    }

    private static func feed(
        _ session: inout TLSSession, _ input: inout ByteBuffer, _ plaintext: inout ByteBuffer,
        _ output: inout ByteBuffer, _ step: Int, _ outcomes: inout [TLSSession.Outcome]
    ) -> TLSError? {
        while !input.isEmpty {
            var offset = 0
            var failure: TLSError?
            var isFull = false
            do throws(TLSError) {
                let chunk = input.readable.extracting(first: min(step, input.count))
                let outcome = try session.open(chunk, offset: &offset, plaintext: &plaintext, output: &output)
                outcomes.append(outcome)
                isFull = outcome == .plaintextFull
            } catch {
                failure = error
            }
            if let failure { return failure }
            // No progress would be an endless loop for every caller.
            if offset == 0, !isFull, outcomes.last != .handshakeCompleted { return .internalFailure }
            input.consume(offset)
            if isFull { return nil }
        }
        return nil
    }
}

/// The readable octets.
func copy(of buffer: borrowing ByteBuffer) -> [UInt8] {
    [UInt8](copying: buffer.readable)
}

/// Changes one bit of the last octet.
func damageEnd(of buffer: inout ByteBuffer) {
    var view = buffer.mutableReadable
    view[view.count - 1] ^= 1
}
