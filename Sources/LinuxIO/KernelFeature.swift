// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Tries features of the kernel that only trying shows.
package enum KernelFeature {
    /// Whether a netlink socket for nftables can be opened (NETLINK_NETFILTER).
    package static var hasNetfilterNetlink: Bool {
        let fd = socket(AF_NETLINK, CInt(SOCK_RAW.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 12)  // linux/netlink.h
        guard fd >= 0 else { return false }
        _ = OwnedDescriptor(adopting: fd)
        return true
    }

    /// Whether a socket may take addresses that are not the host's own (IP_TRANSPARENT).
    package static var canBeTransparent: Bool {
        let fd = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { return false }
        let descriptor = OwnedDescriptor(adopting: fd)
        return Socket.setOption(descriptor.rawValue, level: CInt(IPPROTO_IP), CLINUX_IP_TRANSPARENT, 1)
    }
}
