// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import HTTPRouting
internal import Mesh

/// One worker's hold on a state of the routes: what was decided in it is carried out in it, also when a newer one is there.
///
/// Exchanges keep it, not `Routes` itself, so that workers do not count the references of an object that they share.
final class RouteEpoch {
    let routes: Routes
    let mesh: MeshSnapshot
    /// Targets by the slot of the endpoint.
    private var targets: [Target.Key?] = []

    init(_ routes: Routes) {
        self.routes = routes
        mesh = routes.mesh
    }

    var own: OwnPlace { routes.own }

    func target(_ slot: StateSlot) -> Target.Key? {
        Int(slot.index) < targets.count ? targets[Int(slot.index)] : nil
    }

    func setTarget(_ key: Target.Key, _ slot: StateSlot) {
        while targets.count <= Int(slot.index) { targets.append(nil) }
        targets[Int(slot.index)] = key
    }
}
