// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Which end of a connection reports it.
package enum Reporter: UInt8, CaseIterable, Sendable {
    /// The client's side: outbound.
    case source
    /// The server's side: inbound.
    case destination

    /// The value of the `reporter` label.
    package var label: String {
        switch self {
        case .source: "source"
        case .destination: "destination"
        }
    }

    /// The value of the access log's `direction`.
    package var direction: String {
        switch self {
        case .source: "outbound"
        case .destination: "inbound"
        }
    }
}
