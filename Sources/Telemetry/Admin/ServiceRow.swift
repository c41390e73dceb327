// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A service as the tunnel knows it.
package struct ServiceRow: AdminRow {
    /// The namespace.
    package var namespace = ""
    /// The object's name.
    package var name = ""
    /// The host name.
    package var hostname = ""
    /// The virtual addresses.
    package var addresses: [String] = []
    /// The ports, as `80` or `80->8080`.
    package var ports: [String] = []
    /// The host name or address of the waypoint; empty when there is none.
    package var waypoint = ""
    /// Endpoints that take connections.
    package var readyEndpoints = 0
    /// All endpoints.
    package var endpoints = 0
    /// Why it has no effect, or what in it was refused.
    package var notes: [String] = []

    /// An empty row.
    package init() {}

    package var chosenBy: String? { namespace }

    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("namespace", namespace)
            json.member("name", name)
            json.member("hostname", hostname)
            json.member("vips", addresses)
            json.member("ports", ports)
            json.member("waypoint", waypoint)
            json.member("readyEndpoints", readyEndpoints)
            json.member("endpoints", endpoints)
            json.member("notes", notes)
        }
    }
}
