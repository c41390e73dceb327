// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Identity
import LinuxIO
import Manifest
import Testing

@testable import Kubernetes

@Suite("How long a start waits for a cluster")
struct StartPatienceTests {
    /// A source whose API server never answers: what comes is posted by the test.
    private func source() throws -> ClusterSource {
        let server = try #require(ServerAddress("https://127.0.0.1:1"))
        let credentials = ClusterCredentials(
            server: server, serverName: try #require(ServerName("127.0.0.1")), authorities: .data([1]))
        return try ClusterSource(credentials, options: ClusterSource.Options(forWaypoint: false), seed: 1)
    }

    @Test("A minute without an object is too long, however many there were before")
    func objects() throws {
        let source = try source()
        var reduction = ObjectReduction(reader: ManifestReader())
        let start = source.patienceEnds + .seconds(-60)
        for minute in 1...10 {
            let json = #"{"metadata":{"name":"n\#(minute)","uid":"u","resourceVersion":"1"}}"#
            let node = try YAMLNode(json: Array(json.utf8))
            source.updates.post(reduction.update(node, .namespace, apiVersion: "v1"))
            let now = start + .seconds(50 * Int64(minute))
            source.receiveEvents(now: now)
            #expect(source.patienceEnds == now + .seconds(60))
        }
        #expect(!source.isSynced)
    }

    @Test("Troubles and lists that begin are no objects")
    func others() throws {
        let source = try source()
        let end = source.patienceEnds
        for update in [ClusterUpdate.connection("gone"), .trouble(.pod, "forbidden"), .listBegan(.pod)] {
            source.updates.post(update)
            source.receiveEvents(now: end + .seconds(-1))
        }
        #expect(source.patienceEnds == end)
        #expect(source.waitingFor == "gone")
    }
}
