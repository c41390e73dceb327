// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import HTTPRouting
internal import Mesh

/// One state of the mesh with the routes compiled from it, as it travels to the workers.
final class Routes: Sendable {
    let table: RouteTable
    let own: OwnPlace

    init(_ table: consuming RouteTable, _ own: OwnPlace) {
        self.table = table
        self.own = own
    }

    var mesh: MeshSnapshot { table.mesh }
}
