// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What an application is told about the client of a request (`--client-headers`).
package enum ClientHeaders: String, CaseIterable, Sendable {
    /// Nothing.
    case none
    /// Its address (RFC 7239).
    case forwarded
    /// Its identity, as Envoy tells it.
    case certificate = "x-forwarded-client-cert"
    /// Address and identity.
    case both

    /// Whether the address is told.
    var tellsAddress: Bool { self == .forwarded || self == .both }
    /// Whether the identity is told.
    var tellsIdentity: Bool { self == .certificate || self == .both }
}
