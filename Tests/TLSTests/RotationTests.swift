// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
import Bytes
import Identity
import Testing

@testable import TLS

@Suite struct RotationTests {
    /// One stage of a peer during a root rotation: what signs its leaf, and what it trusts.
    enum Stage: CaseIterable {
        case before
        case newRootDistributed
        case newLeaf
        case oldRootWithdrawn
    }

    @Test("A root rotation refuses no handshake between peers that are one stage apart")
    func rotation() throws {
        let old = try TestMesh()
        let new = try TestMesh()
        let both = old.authority.bundle.merging(new.authority.bundle)
        func context(_ role: TLSRole, _ account: String, _ stage: Stage) throws -> TLSContext {
            switch stage {
            case .before: try old.context(role, account)
            case .newRootDistributed: try old.context(role, account, bundle: both)
            case .newLeaf: try new.context(role, account, bundle: both)
            case .oldRootWithdrawn: try new.context(role, account)
            }
        }
        let stages = Stage.allCases
        for (here, client) in stages.enumerated() {
            for (there, server) in stages.enumerated() {
                let pair = try TLSPair(
                    client: context(.client, "client", client), server: context(.server, "server", server),
                    expecting: .oneOf([old.id("server")]))
                pair.run()
                let isEstablished = pair.isEstablished
                #expect(isEstablished == (abs(here - there) <= 1), "\(client) to \(server)")
            }
        }
    }

    @Test("A live session outlives the context that everything new uses")
    func liveSession() throws {
        let mesh = try TestMesh()
        var client: TLSContext? = try mesh.context(.client, "client")
        var server: TLSContext? = try mesh.context(.server, "server")
        weak let weakServer = server
        let pair = try TLSPair(
            client: #require(client), server: #require(server), expecting: .oneOf([mesh.id("server")]))
        pair.run()
        client = nil
        server = nil
        #expect(weakServer != nil)
        let text = Array("still alive".utf8)
        try pair.client.seal(text.span, into: &pair.toServer)
        pair.run()
        #expect(pair.receivedByServer == text)
    }
}
