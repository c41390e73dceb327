// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A packet or connection mark and the bits of it that are ours, as in `meta mark & 0xfff == 0x539`.
package struct FirewallMark: Hashable, Sendable {
    /// The bits to compare with or to set.
    package let value: UInt32
    /// The bits that count; all others are left alone.
    package let mask: UInt32

    /// Puts the two together; bits of `value` outside of `mask` are dropped, they could never match.
    package init(_ value: UInt32, mask: UInt32) {
        self.value = value & mask
        self.mask = mask
    }

    /// The mark of packets the tunnel sends, which are never captured (ztunnel behaviour: 1337).
    package static var tunnelPackets: FirewallMark { FirewallMark(0x539, mask: 0xfff) }

    /// The mark of connections the tunnel made to the application with the client's address (ztunnel behaviour).
    package static var tunnelConnections: FirewallMark { FirewallMark(0x111, mask: 0xfff) }
}
