// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CLinux

extension SocketAddress {
    /// Calls `body` with this address as the kernel wants it for a socket of `family`.
    ///
    /// An IPv4 address goes to an AF_INET6 socket in its IPv4-mapped form.
    func withKernelAddress<Result>(
        family: CInt, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        if family == AF_INET {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = ip.v4.bigEndian
            // Safety: sockaddr_in is a sockaddr of its family; the length says how much of it there is.
            return unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { octets in
            unsafe octets.storeBytes(of: ip.high.bigEndian, as: UInt64.self)
            unsafe octets.storeBytes(of: ip.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        // Safety: as above, for sockaddr_in6.
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
            }
        }
    }

    /// Calls `body` with room for an address of either family and reads back what it wrote; nil when `body` fails.
    static func fromKernel(
        _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
    ) -> (result: CInt, address: SocketAddress?) {
        var storage = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        // Safety: sockaddr_in6 is the larger of the two families and the length is passed with it.
        let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, &length) }
        }
        guard result >= 0 else { return (result, nil) }
        let port = UInt16(bigEndian: storage.sin6_port)
        if storage.sin6_family == sa_family_t(AF_INET) {
            let bits = unsafe withUnsafePointer(to: &storage) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    unsafe UInt32(bigEndian: $0.pointee.sin_addr.s_addr)
                }
            }
            return (result, SocketAddress(ip: IPAddress(v4: bits), port: port))
        }
        guard storage.sin6_family == sa_family_t(AF_INET6) else { return (result, nil) }
        let ip = unsafe withUnsafeBytes(of: &storage.sin6_addr) { octets in
            unsafe IPAddress(
                high: UInt64(bigEndian: octets.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: octets.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
        return (result, SocketAddress(ip: ip, port: port))
    }
}
