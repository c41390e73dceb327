// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Which end of a connection reports it, or who is between the two.
package enum Reporter: UInt8, Sendable {
    /// The client's side: outbound.
    case source
    /// The server's side: inbound.
    case destination
    /// In between.
    case waypoint

    /// The two that a tunnel can be.
    package static let ends: [Reporter] = [.source, .destination]

    /// The value of the `reporter` label.
    package var label: String {
        switch self {
        case .source: "source"
        case .destination: "destination"
        case .waypoint: "waypoint"
        }
    }

    /// The value of the access log's `direction`.
    package var direction: String {
        switch self {
        case .source: "outbound"
        case .destination, .waypoint: "inbound"
        }
    }
}
