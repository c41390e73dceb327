// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What a namespace says for the objects in it.
package struct MeshNamespace: Equatable, Sendable {
    /// The name.
    package var name: String
    /// The waypoint of services and workloads that name none themselves; `.inherit` means none.
    package var waypoint: WaypointBinding

    /// Puts the two together.
    package init(name: String, waypoint: WaypointBinding = .inherit) {
        self.name = name
        self.waypoint = waypoint
    }
}
