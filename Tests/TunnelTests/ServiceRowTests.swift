// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Manifest
import Mesh
import Telemetry
import Testing

@testable import Tunnel

@Suite("The table of services")
struct ServiceRowTests {
    @Test("A service without endpoints, and what is wrong with a service, stand there with the reason")
    func notes() {
        var model = MeshModel()
        model.services = [Service(name: "idle", namespace: "a", hostname: "idle.a.svc.cluster.local")]
        let rows = MeshSnapshot(model, generation: 1).serviceRows(findings: [
            Finding(.warning, object: "Service a/idle", text: "one"),
            Finding(.error, object: "Service a/broken", text: "two"),
            Finding(.error, object: "Pod a/broken", text: "three"),
        ])
        #expect(rows.map { "\($0.namespace)/\($0.name)" } == ["a/idle", "a/broken"])
        #expect(rows.first?.notes.last == "it has no endpoint; connections to it are refused")
        #expect(rows.map(\.notes.count) == [2, 1])
    }
}
