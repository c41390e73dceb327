// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A policy as the tunnel knows it.
package struct PolicyRow: AdminRow {
    /// `AuthorizationPolicy` or `PeerAuthentication`.
    package var kind = ""
    /// The namespace.
    package var namespace = ""
    /// The object's name.
    package var name = ""
    /// `Allow`, `Deny`, or a mode of mutual TLS.
    package var action = ""
    /// `Global`, `Namespace` or `WorkloadSelector`.
    package var scope = ""
    /// Whether it is only tried.
    package var isDryRun = false
    /// Workloads of this node to which it applies.
    package var workloads = 0
    /// Why it has no effect, or what in it was refused.
    package var notes: [String] = []

    /// An empty row.
    package init() {}

    package var chosenBy: String? { namespace }

    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("kind", kind)
            json.member("namespace", namespace)
            json.member("name", name)
            json.member("action", action)
            json.member("scope", scope)
            json.member("dryRun", isDryRun)
            json.member("workloads", workloads)
            json.member("notes", notes)
        }
    }
}
