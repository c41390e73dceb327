// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import CLinux
internal import Glibc

/// The addresses of a network namespace's own devices.
package enum LocalAddresses {
    /// Those of the calling thread's namespace that others can reach: neither loopback nor link-local (getifaddrs(3)).
    package static func reachable() -> [IPAddress] {
        var first: UnsafeMutablePointer<ifaddrs>?
        // Safety: the list is ours until it is freed, at the end; each entry's address has the size of its family.
        guard unsafe getifaddrs(&first) == 0 else { return [] }
        defer { unsafe freeifaddrs(first) }
        var found: [IPAddress] = []
        var next = unsafe first
        while let entry = unsafe next {
            unsafe next = entry.pointee.ifa_next
            guard let address = unsafe entry.pointee.ifa_addr else { continue }
            let family = unsafe CInt(address.pointee.sa_family)
            guard family == AF_INET || family == AF_INET6 else { continue }
            let (_, socketAddress) = unsafe SocketAddress.fromKernel { room, length in
                let size = family == AF_INET ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
                unsafe memcpy(room, address, size)
                unsafe length.pointee = socklen_t(size)
                return 0
            }
            guard let ip = socketAddress?.ip, !ip.isLoopback, !isLinkLocal(ip) else { continue }
            found.append(ip)
        }
        return found
    }

    /// 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291 §2.5.6).
    private static func isLinkLocal(_ ip: IPAddress) -> Bool {
        ip.isIPv4 ? ip.v4 >> 16 == 0xA9FE : ip.high >> 54 == 0xFE80 >> 6
    }
}
