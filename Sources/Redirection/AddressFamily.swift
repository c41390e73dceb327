// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// An address family, numbered as both NFPROTO_* and AF_* number it (linux/netfilter.h, linux/socket.h).
package enum AddressFamily: UInt8, CaseIterable, Hashable, Sendable {
    /// Internet Protocol version 4.
    case ipv4 = 2
    /// Internet Protocol version 6.
    case ipv6 = 10
}

extension AddressFamily {
    /// The family of a block.
    init(_ block: CIDR) { self = block.network.isIPv4 ? .ipv4 : .ipv6 }
}
