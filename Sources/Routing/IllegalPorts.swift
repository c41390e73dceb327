// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// The tunnel's own ports: a connection must never be led to them on a workload's behalf, or traffic would go round in
/// circles.
package struct IllegalPorts: Equatable, Sendable {
    /// Where captured outbound connections arrive.
    package var outbound: UInt16 = 15001
    /// Where captured plaintext arrives.
    package var plaintextInbound: UInt16 = 15006
    /// Where HBONE arrives.
    package var hbone: UInt16 = 15008

    /// The ports of design §11.
    package init() {}

    /// Whether a port is one of them.
    @inlinable
    package func contains(_ port: UInt16) -> Bool {
        port == outbound || port == plaintextInbound || port == hbone
    }
}
