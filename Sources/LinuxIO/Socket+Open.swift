// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import CLinux
internal import Glibc

extension Socket {
    /// How a listener is opened.
    package struct ListenOptions: Sendable {
        /// The address; the unspecified IPv6 address listens on both families.
        package var address: SocketAddress
        /// SO_MARK of the listener and of what it accepts; 0 sets none.
        package var mark: UInt32 = 0
        /// IP_TRANSPARENT, so that connections addressed to other hosts' addresses are accepted too.
        package var isTransparent = false
        /// SO_REUSEPORT: one listener per worker on the same port, and a new process beside the old.
        package var sharesPort = true

        /// Options with their defaults.
        package init(address: SocketAddress) {
            self.address = address
        }
    }

    /// Opens a TCP listener in the current network namespace; its backlog is the kernel's somaxconn.
    package static func listen(_ options: ListenOptions) throws(SystemError) -> OwnedDescriptor {
        let family = options.address.ip.isIPv4 ? AF_INET : AF_INET6
        let descriptor = try open(family: family)
        let fd = descriptor.rawValue
        setOption(fd, level: SOL_SOCKET, SO_REUSEADDR, 1)
        if options.sharesPort { setOption(fd, level: SOL_SOCKET, SO_REUSEPORT, 1) }
        if family == AF_INET6 { setOption(fd, level: CInt(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
        if options.mark != 0, !setOption(fd, level: SOL_SOCKET, SO_MARK, CInt(bitPattern: options.mark)) {
            throw .current("setsockopt SO_MARK")
        }
        if options.isTransparent { makeTransparent(fd, family: family) }
        let bound = unsafe options.address.withKernelAddress(family: family) { unsafe bind(fd, $0, $1) }
        guard bound == 0 else { throw .current("bind") }
        guard Glibc.listen(fd, CInt.max) == 0 else { throw .current("listen") }
        return descriptor
    }

    /// Whether an address belongs to the current network namespace: a socket can be bound to it.
    package static func isLocal(_ address: IPAddress) -> Bool {
        let family = address.isIPv4 ? AF_INET : AF_INET6
        do throws(SystemError) {
            let descriptor = try open(family: family)
            let name = SocketAddress(ip: address, port: 0)
            return unsafe name.withKernelAddress(family: family) { unsafe bind(descriptor.rawValue, $0, $1) } == 0
        } catch {
            return false
        }
    }

    /// How an outgoing connection is opened.
    package struct ConnectOptions: Sendable {
        /// The peer.
        package var destination: SocketAddress
        /// SO_MARK, by which our own traffic is told from the pod's; 0 sets none.
        package var mark: UInt32 = 0
        /// The address to connect from, which need not be the host's own (IP_TRANSPARENT).
        package var source: IPAddress?
        /// Seconds before TCP keepalive probes an idle connection; 0 turns it off.
        package var keepaliveSeconds: CInt = 180

        /// Options with their defaults.
        package init(destination: SocketAddress) {
            self.destination = destination
        }
    }

    /// Starts to connect, in the current network namespace; the socket becomes writable when the outcome is known.
    package static func connect(_ options: ConnectOptions) throws(SystemError) -> OwnedDescriptor {
        let family = options.destination.ip.isIPv4 ? AF_INET : AF_INET6
        let descriptor = try open(family: family)
        let fd = descriptor.rawValue
        tune(fd, keepaliveSeconds: options.keepaliveSeconds)
        if options.mark != 0, !setOption(fd, level: SOL_SOCKET, SO_MARK, CInt(bitPattern: options.mark)) {
            throw .current("setsockopt SO_MARK")
        }
        if let source = options.source {
            guard makeTransparent(fd, family: family) else { throw .current("setsockopt IP_TRANSPARENT") }
            // The port is chosen at connect time, by the whole tuple, so one source address is not out of ports at 28,000.
            setOption(fd, level: CInt(IPPROTO_IP), CLINUX_IP_BIND_ADDRESS_NO_PORT, 1)
            let address = SocketAddress(ip: source, port: 0)
            guard unsafe address.withKernelAddress(family: family, { unsafe bind(fd, $0, $1) }) == 0 else {
                throw .current("bind to the client's address")
            }
        }
        while true {
            let result = unsafe options.destination.withKernelAddress(family: family) {
                unsafe Glibc.connect(fd, $0, $1)
            }
            if result == 0 || errno == EINPROGRESS { return descriptor }
            guard errno == EINTR else { throw .current("connect") }
        }
    }

    private static func open(family: CInt) throws(SystemError) -> OwnedDescriptor {
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        let fd = socket(family, type, 0)
        guard fd >= 0 else { throw .current("socket") }
        return OwnedDescriptor(adopting: fd)
    }

    @discardableResult
    private static func makeTransparent(_ fd: CInt, family: CInt) -> Bool {
        family == AF_INET
            ? setOption(fd, level: CInt(IPPROTO_IP), CLINUX_IP_TRANSPARENT, 1)
            : setOption(fd, level: CInt(IPPROTO_IPV6), CLINUX_IPV6_TRANSPARENT, 1)
    }
}
