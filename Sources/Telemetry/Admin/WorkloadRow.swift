// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A workload as the tunnel knows it.
package struct WorkloadRow: AdminRow {
    /// The unique ID.
    package var uid = ""
    /// The namespace.
    package var namespace = ""
    /// The pod's name.
    package var name = ""
    /// The Deployment or the like.
    package var workloadName = ""
    /// The service account.
    package var serviceAccount = ""
    /// The SPIFFE ID.
    package var identity = ""
    /// The addresses.
    package var addresses: [String] = []
    /// The node.
    package var node = ""
    /// The host name or address of the waypoint; empty when there is none.
    package var waypoint = ""
    /// How it is reached: `HBONE` or `TCP`.
    package var tunnelProtocol = ""
    /// `Healthy` or `Unhealthy`.
    package var status = ""
    /// Whether this tunnel serves it.
    package var isLocal = false
    /// Host names of the services that it belongs to.
    package var services: [String] = []
    /// What an operator should know of it: why it is not served, for example.
    package var notes: [String] = []

    /// An empty row.
    package init() {}

    package var chosenBy: String? { namespace }

    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("uid", uid)
            json.member("namespace", namespace)
            json.member("name", name)
            json.member("workloadName", workloadName)
            json.member("serviceAccount", serviceAccount)
            json.member("identity", identity)
            json.member("workloadIps", addresses)
            json.member("node", node)
            json.member("waypoint", waypoint)
            json.member("protocol", tunnelProtocol)
            json.member("status", status)
            json.member("local", isLocal)
            json.member("services", services)
            json.member("notes", notes)
        }
    }
}
