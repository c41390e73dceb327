// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Identity

/// A service account: a namespace and a name in it.
package struct ServiceAccountName: Hashable, Sendable, CustomStringConvertible {
    /// The namespace.
    package let namespace: String
    /// The name.
    package let name: String

    /// Joins the two.
    package init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }

    /// Reads `NAMESPACE/NAME`.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
        self.init(namespace: String(parts[0]), name: String(parts[1]))
    }

    /// The account that a SPIFFE ID of the form `/ns/<namespace>/sa/<name>` names; nil for others.
    package init?(_ id: SPIFFEID) {
        guard let namespace = id.namespace, let name = id.serviceAccount else { return nil }
        self.init(namespace: namespace, name: name)
    }

    package var description: String { "\(namespace)/\(name)" }
}
