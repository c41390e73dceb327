// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import CLinux
internal import Glibc

/// Host names to addresses by the C library (getaddrinfo(3)), which may ask DNS and wait: not for workers.
package enum HostResolver {
    /// The most addresses of one host that are tried.
    package static let maximumAddresses = 8

    /// The addresses of `host` with `port`, in the order of RFC 6724; an address in text form is its own answer.
    ///
    /// - Throws: ENOENT for an unknown name, EAGAIN when the name service does not answer.
    package static func resolve(_ host: String, port: UInt16) throws(SystemError) -> [SocketAddress] {
        if let ip = IPAddress(host) { return [SocketAddress(ip: ip, port: port)] }
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        let result = unsafe getaddrinfo(host, nil, &hints, &list)
        // Safety: the list is ours until it is freed, once, here.
        defer { unsafe freeaddrinfo(list) }
        guard result == 0 else { throw SystemError(result == CInt(EAI_AGAIN) ? EAGAIN : ENOENT, "getaddrinfo") }
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next, addresses.count < maximumAddresses {
            // Safety: the kernel's structure holds as many octets as its length says, which the copy is bounded by.
            let (_, address) = unsafe SocketAddress.fromKernel { pointer, length in
                guard let source = unsafe entry.pointee.ai_addr else { return -1 }
                let count = unsafe Int(min(length.pointee, entry.pointee.ai_addrlen))
                unsafe UnsafeMutableRawPointer(pointer).copyMemory(from: source, byteCount: count)
                return 0
            }
            if let address {
                let resolved = SocketAddress(ip: address.ip, port: port)
                if !addresses.contains(resolved) { addresses.append(resolved) }
            }
            unsafe next = entry.pointee.ai_next
        }
        guard !addresses.isEmpty else { throw SystemError(ENOENT, "getaddrinfo") }
        return addresses
    }
}
