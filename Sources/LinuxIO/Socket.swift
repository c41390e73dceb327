// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
internal import CLinux
internal import Glibc

/// TCP sockets as the byte path needs them: non-blocking, close-on-exec, addressed by raw descriptor numbers.
///
/// Ownership of a descriptor is the caller's (`OwnedDescriptor`); these functions only act on it. Each call that sets
/// errno is a function of its own that nothing is inlined into, so that no reference counting comes between the call and
/// the reading of errno.
package enum Socket {
    /// Reads what is there into the free room of `buffer`, at most `limit` bytes.
    @inline(never)
    package static func read(_ fd: CInt, into buffer: inout ByteBuffer, limit: Int = .max) -> ReadOutcome {
        var number: CInt = 0
        // Safety: the region is the buffer's own free room, borrowed for the call.
        let count = unsafe buffer.withUnsafeFree { region in
            while true {
                let result = unsafe recv(fd, region.baseAddress, min(region.count, limit), 0)
                if result >= 0 { return result }
                number = errno
                if number != EINTR { return -1 }
            }
        }
        if count > 0 { return .bytes(count) }
        if count == 0 { return .endOfStream }
        return number == EAGAIN ? .wouldBlock : .failed(number)
    }

    /// Writes `bytes`, or as many of them as the socket takes now.
    @inline(never)
    package static func write(_ fd: CInt, _ bytes: Span<UInt8>) -> WriteOutcome {
        // Safety: the span is borrowed for the call.
        unsafe bytes.withUnsafeBufferPointer { region in
            while true {
                let result = unsafe send(fd, region.baseAddress, region.count, CInt(MSG_NOSIGNAL))
                if result >= 0 { return .bytes(result) }
                let number = errno
                if number == EAGAIN { return .wouldBlock }
                if number != EINTR { return .failed(number) }
            }
        }
    }

    /// Sends FIN; the other direction goes on.
    package static func shutdownWrite(_ fd: CInt) {
        _ = shutdown(fd, CInt(SHUT_WR))
    }

    /// Makes the close of `fd` send RST instead of FIN.
    package static func resetOnClose(_ fd: CInt) {
        var option = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(fd, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// The pending error of the socket, which this call clears; 0 when there is none.
    package static func takeError(_ fd: CInt) -> CInt {
        var number: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        guard unsafe getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &length) == 0 else { return errno }
        return number
    }

    /// The next connection of a listener, with its peer's address; nil when none waits.
    ///
    /// - Throws: what accept says, but for errors of a connection that died while it waited: those are skipped.
    @inline(never)
    package static func accept(_ listener: CInt) throws(SystemError) -> (fd: CInt, peer: SocketAddress)? {
        while true {
            let flags = CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
            var number: CInt = 0
            let (fd, address) = unsafe SocketAddress.fromKernel { pointer, length in
                let result = unsafe CLinux_accept4(listener, pointer, length, flags)
                number = errno
                return result
            }
            if fd >= 0 {
                guard let address else {
                    _ = close(fd)
                    continue
                }
                return (fd, address)
            }
            switch number {
            case EAGAIN: return nil
            case EINTR, ECONNABORTED, EPROTO: continue
            default: throw SystemError(number, "accept4")
            }
        }
    }

    /// The address of our end.
    package static func localAddress(_ fd: CInt) throws(SystemError) -> SocketAddress {
        let (result, address) = unsafe SocketAddress.fromKernel { unsafe getsockname(fd, $0, $1) }
        guard result == 0, let address else { throw .current("getsockname") }
        return address
    }

    /// Where the connection was going before nftables redirected it (SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST).
    ///
    /// - Returns: nil when the connection was not redirected: somebody called the listener itself.
    package static func originalDestination(_ fd: CInt, isIPv4: Bool) -> SocketAddress? {
        let level = isIPv4 ? CInt(SOL_IP) : CInt(SOL_IPV6)
        return unsafe SocketAddress.fromKernel { unsafe getsockopt(fd, level, CLINUX_SO_ORIGINAL_DST, $0, $1) }.address
    }

    /// Sets an integer option; options that only tune are allowed to fail.
    @discardableResult
    package static func setOption(_ fd: CInt, level: CInt, _ name: CInt, _ value: CInt) -> Bool {
        var value = value
        return unsafe setsockopt(fd, level, name, &value, socklen_t(MemoryLayout<CInt>.size)) == 0
    }

    /// TCP_NODELAY, and keepalive after `keepalive` seconds (then each as many, nine probes: ztunnel's defaults).
    package static func tune(_ fd: CInt, keepaliveSeconds: CInt) {
        setOption(fd, level: CInt(IPPROTO_TCP), TCP_NODELAY, 1)
        guard keepaliveSeconds > 0 else { return }
        setOption(fd, level: SOL_SOCKET, SO_KEEPALIVE, 1)
        setOption(fd, level: CInt(IPPROTO_TCP), TCP_KEEPIDLE, keepaliveSeconds)
        setOption(fd, level: CInt(IPPROTO_TCP), TCP_KEEPINTVL, keepaliveSeconds)
        setOption(fd, level: CInt(IPPROTO_TCP), TCP_KEEPCNT, keepaliveProbes)
    }

    /// Has the kernel give up when sent bytes are not acknowledged for as long as keepalive would wait (TCP_USER_TIMEOUT).
    ///
    /// No keepalive probe is sent while bytes wait, and retransmission goes on for a quarter of an hour. It is for sockets
    /// whose peer always reads: one that stops reading for that time is given up too (tcp(7)).
    package static func boundUnacknowledged(_ fd: CInt, keepaliveSeconds: CInt) {
        guard keepaliveSeconds > 0 else { return }
        let time = CInt(clamping: Int(keepaliveSeconds) * Int(1 + keepaliveProbes) * 1000)
        setOption(fd, level: CInt(IPPROTO_TCP), TCP_USER_TIMEOUT, time)
    }

    /// Probes without an answer after which a connection is over; ztunnel's default.
    private static let keepaliveProbes: CInt = 9
}
