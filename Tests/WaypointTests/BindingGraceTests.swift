// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh
internal import Testing

@testable internal import Waypoint

@Suite("Bindings that have just ended")
struct BindingGraceTests {
    private let own = WaypointBinding.gateway(namespace: "default", name: "w")

    private func model(_ binding: WaypointBinding, gateway: Bool = true) -> MeshModel {
        var model = MeshModel()
        var service = Service(name: "a", namespace: "default", hostname: "a.default.svc.cluster.local")
        service.waypoint = binding
        let other = Service(name: "b", namespace: "default", hostname: "b.default.svc.cluster.local")
        model.services = [service, other]
        if gateway {
            let destination = ServiceKey(namespace: "default", hostname: "w.default.svc.cluster.local")
            model.waypoints = [Mesh.Waypoint(namespace: "default", name: "w", destination: .service(destination))]
        }
        return model
    }

    private func serving(_ model: MeshModel, at seconds: UInt64, _ grace: inout BindingGrace) -> MeshModel {
        let index = MeshIndex(model)
        return grace.serving(index, index.snapshot(generation: 1), now: time(seconds))?.model ?? model
    }

    private func time(_ seconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

    @Test("A service whose label went is served for three seconds more, and no other is")
    func label() {
        var grace = BindingGrace(namespace: "default", name: "w")
        #expect(serving(model(own), at: 10, &grace) == model(own))
        #expect(grace.deadline == nil)
        #expect(serving(model(.inherit), at: 20, &grace) == model(own))
        #expect(grace.deadline == time(23))
        #expect(serving(model(.inherit), at: 22, &grace) == model(own))
        #expect(serving(model(.inherit), at: 23, &grace) == model(.inherit))
        #expect(grace.deadline == nil)
    }

    @Test("A Gateway that went is served for as long")
    func gateway() {
        var grace = BindingGrace(namespace: "default", name: "w")
        _ = serving(model(own), at: 10, &grace)
        #expect(serving(model(own, gateway: false), at: 20, &grace) == model(own))
        #expect(serving(model(own, gateway: false), at: 23, &grace) == model(own, gateway: false))
    }

    @Test("A label that comes back ends the wait")
    func again() {
        var grace = BindingGrace(namespace: "default", name: "w")
        _ = serving(model(own), at: 10, &grace)
        _ = serving(model(.inherit), at: 20, &grace)
        _ = serving(model(own), at: 21, &grace)
        #expect(grace.deadline == nil)
        #expect(serving(model(.inherit), at: 30, &grace) == model(own))
    }

    @Test("What was never bound is not served")
    func never() {
        var grace = BindingGrace(namespace: "default", name: "w")
        #expect(serving(model(.inherit), at: 10, &grace) == model(.inherit))
        #expect(grace.deadline == nil)
    }
}
