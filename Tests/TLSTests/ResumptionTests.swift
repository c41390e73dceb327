// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
import Bytes
import Identity
import Testing

@testable import TLS

@Suite struct ResumptionTests {
    let mesh: TestMesh
    let client: TLSContext
    let server: TLSContext
    let here = SocketAddress(ip: IPAddress(v4: 0x0A00_0001), port: 15008)
    let elsewhere = SocketAddress(ip: IPAddress(v4: 0x0A00_0002), port: 15008)

    init() throws {
        mesh = try TestMesh()
        client = try mesh.context(.client, "client")
        server = try mesh.context(.server, "server")
    }

    /// Connects, sends a little both ways, and says whether the session was resumed.
    private func connect(
        client: TLSContext, server: TLSContext, to destination: SocketAddress?, expecting: [String] = ["server"]
    ) throws -> Bool {
        let pair = try TLSPair(
            client: client, server: server, expecting: .oneOf(expecting.map { try mesh.id($0) }),
            destination: destination)
        pair.run(step: 50)
        let small = Array("request".utf8)
        let large = [UInt8](repeating: 5, count: 40_000)
        for _ in 0..<2 {
            try pair.client.seal(small.span, into: &pair.toServer)
            pair.run()
            try pair.server.seal(large.span, into: &pair.toClient)
            pair.run(step: 10_000)
            try pair.client.seal(large.span, into: &pair.toServer)
            pair.run()
        }
        #expect(pair.clientError == nil && pair.serverError == nil)
        #expect(pair.receivedByServer == small + large + small + large)
        #expect(pair.receivedByClient == large + large)
        #expect(try pair.clientPeer == mesh.id("server"))
        #expect(try pair.serverPeer == mesh.id("client"))
        #expect(pair.clientPath.count == 1 && pair.serverPath.count == 1)
        let hasTakenOver = pair.client.hasOwnRecords && pair.server.hasOwnRecords
        #expect(hasTakenOver)
        let byClient = pair.client.wasResumed
        let byServer = pair.server.wasResumed
        #expect(byClient == byServer)
        return byClient
    }

    @Test("A second connection to the same destination and identity is resumed, and so is a third")
    func resumed() throws {
        #expect(try !connect(client: client, server: server, to: here))
        #expect(client.resumption.count == 1)
        #expect(try connect(client: client, server: server, to: here))
        #expect(try connect(client: client, server: server, to: here))
        #expect(client.resumption.count == 1)
    }

    @Test("Another destination, other expectations, or no destination mean a full handshake")
    func otherKey() throws {
        _ = try connect(client: client, server: server, to: here)
        #expect(try !connect(client: client, server: server, to: elsewhere))
        #expect(try !connect(client: client, server: server, to: here, expecting: ["server", "other"]))
        #expect(try !connect(client: client, server: server, to: nil))
        #expect(try connect(client: client, server: server, to: here))
    }

    @Test("A ticket is used once (RFC 8446 §C.4)")
    func singleUse() throws {
        _ = try connect(client: client, server: server, to: here)
        let key = ResumptionCache.Key(destination: here, expectation: .oneOf([try mesh.id("server")]))
        #expect(client.resumption.take(key) != nil)
        #expect(client.resumption.take(key) == nil)
        #expect(try !connect(client: client, server: server, to: here))
    }

    @Test("A new context on either side, with the same identity, never resumes what was before")
    func otherGeneration() throws {
        _ = try connect(client: client, server: server, to: here)
        let renewedServer = try mesh.context(.server, "server")
        #expect(try !connect(client: client, server: renewedServer, to: here))
        let renewedClient = try mesh.context(.client, "client")
        #expect(try !connect(client: renewedClient, server: renewedServer, to: here))
    }

    @Test("The settings of either side turn resumption off")
    func turnedOff() throws {
        var options = TLSOptions()
        options.allowsResumption = false
        let plainServer = try mesh.context(.server, "server", options: options)
        let plainClient = try mesh.context(.client, "client", options: options)
        for (client, server) in [(client, plainServer), (plainClient, server)] {
            for _ in 0..<2 {
                let pair = try TLSPair(
                    client: client, server: server, expecting: .oneOf([mesh.id("server")]), destination: here)
                pair.run()
                let isResumed = pair.client.wasResumed
                #expect(!isResumed)
                #expect(pair.isEstablished)
            }
        }
    }

    @Test("A peer that was verified through an intermediate gets no ticket, which would forget it")
    func intermediate() throws {
        let foreign = try ForeignAuthority()
        let bundle = try foreign.authority("one").bundle
        let server = try TLSContext(
            role: .server, svid: foreign.mint("server", by: "one"), bundle: bundle, trustDomain: foreign.trustDomain)
        let client = try TLSContext(
            role: .client, svid: foreign.mint("client", by: "one"), bundle: bundle, trustDomain: foreign.trustDomain)
        for _ in 0..<2 {
            let pair = try TLSPair(
                client: client, server: server, expecting: .oneOf([mesh.id("server")]), destination: here)
            pair.run()
            #expect(pair.isEstablished)
            #expect(pair.serverPath.count == 2)
        }
        #expect(client.resumption.count == 0)
    }

    @Test("The cache forgets the oldest ticket beyond its capacity, and serves several threads")
    func capacity() async throws {
        _ = try connect(client: client, server: server, to: here)
        let (client, server, id) = (client, server, try mesh.id("server"))
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    for port in 0..<20 {
                        let address = SocketAddress(ip: IPAddress(v4: UInt32(worker)), port: UInt16(port))
                        do {
                            let pair = try TLSPair(
                                client: client, server: server, expecting: .oneOf([id]), destination: address)
                            pair.run()
                        } catch {
                            Issue.record(error)
                        }
                    }
                }
            }
        }
        #expect(client.resumption.count == 81)
    }
}
