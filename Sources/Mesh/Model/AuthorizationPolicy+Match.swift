// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

extension AuthorizationPolicy {
    /// Conditions on one connection: every field that is not empty must hold.
    ///
    /// A positive field holds when one of its values matches, a `not` field when none does. A match with no field set holds
    /// for nothing, unless something was omitted from it in a DENY: then it holds for everything.
    package struct Match: Hashable, Sendable {
        /// What the source object said that this value does not.
        package struct Omission: OptionSet, Hashable, Sendable {
            package let rawValue: UInt8

            package init(rawValue: UInt8) {
                self.rawValue = rawValue
            }

            /// Fields that need HTTP: hosts, methods, paths, request principals, remote addresses, most `when` keys.
            package static let layer7 = Omission(rawValue: 1)
            /// Fields that could not be understood; leave the *whole* field out, positive and negative form apart.
            package static let unreadable = Omission(rawValue: 2)
        }

        /// Namespaces of the peer; `""` for a peer without identity.
        package var namespaces: [StringMatch] = []
        /// Namespaces the peer must not have.
        package var notNamespaces: [StringMatch] = []
        /// SPIFFE IDs of the peer without `spiffe://`; never hold for a peer without identity.
        package var principals: [StringMatch] = []
        /// SPIFFE IDs the peer must not have; always hold for a peer without identity.
        package var notPrincipals: [StringMatch] = []
        /// Service accounts of the peer, in any trust domain.
        package var serviceAccounts: [ServiceAccountMatch] = []
        /// Service accounts the peer must not have.
        package var notServiceAccounts: [ServiceAccountMatch] = []
        /// Addresses the connection comes from.
        package var sourceIPs: [CIDR] = []
        /// Addresses the connection must not come from.
        package var notSourceIPs: [CIDR] = []
        /// Addresses the connection goes to.
        package var destinationIPs: [CIDR] = []
        /// Addresses the connection must not go to.
        package var notDestinationIPs: [CIDR] = []
        /// Ports on the workload.
        package var destinationPorts: [UInt16] = []
        /// Ports on the workload that it must not be.
        package var notDestinationPorts: [UInt16] = []
        /// What was left out: an ALLOW rule that holds such a match never matches, a DENY rule is enforced without it.
        package var omits: Omission = []

        /// A match with no field set.
        package init() {}

        /// Whether no field is set.
        package var isEmpty: Bool {
            namespaces.isEmpty && notNamespaces.isEmpty && principals.isEmpty && notPrincipals.isEmpty
                && serviceAccounts.isEmpty && notServiceAccounts.isEmpty && sourceIPs.isEmpty && notSourceIPs.isEmpty
                && destinationIPs.isEmpty && notDestinationIPs.isEmpty && destinationPorts.isEmpty
                && notDestinationPorts.isEmpty
        }
    }
}

/// A service account of a namespace.
package struct ServiceAccountMatch: Hashable, Sendable {
    /// The namespace.
    package var namespace: String
    /// The service account's name.
    package var name: String

    /// Puts the two together.
    package init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }
}
