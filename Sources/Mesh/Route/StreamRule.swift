// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// Where connections go that are not HTTP (TCPRoute, TLSRoute, `tcp` and `tls` of a VirtualService).
package struct StreamRule: Equatable, Sendable {
    /// Conditions on one connection: all of them must hold.
    package struct Match: Hashable, Sendable {
        /// Server names of the ClientHello, in lower case, one of which must be there: whole, or `*.` and a suffix.
        ///
        /// Empty: TLS is no condition.
        package var serverNames: [String] = []
        /// Blocks, one of which the destination must be in; empty: any.
        package var destinations: [CIDR] = []
        /// Blocks, one of which the client's address must be in; empty: any.
        package var sources: [CIDR] = []
        /// The namespace of the client.
        package var sourceNamespace: String?
        /// Labels that the client's workload must have.
        package var sourceLabels: [String: String] = [:]

        /// A condition that holds for every connection.
        package init() {}
    }

    /// Where it comes from.
    package var origin: RouteOrigin
    /// One of these must hold; empty: always.
    package var matches: [Match]
    /// Where connections go, by weight; connections to a backend that is invalid are closed.
    package var backends: [RouteBackend]

    /// Puts the parts together.
    package init(origin: RouteOrigin, matches: [Match] = [], backends: [RouteBackend]) {
        self.origin = origin
        self.matches = matches
        self.backends = backends
    }
}
