// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Stream sockets that have a name in the file system (unix(7)), for processes of the same user on one machine.
package enum UnixSocket {
    /// The longest name in octets: `sun_path` has 108, of which one ends it.
    package static let maximumPath = 107
    /// Connections that may wait to be accepted, if net.core.somaxconn allows; connect(2) refuses more with EAGAIN.
    private static let backlog: CInt = 4_096

    /// Listens at `path` for the own user alone, in the place of who listened there before.
    ///
    /// The socket gets its name when it is ready, in one step: there is always somebody to connect to. Who listened there before keeps the
    /// connections that have been made to it.
    package static func listen(_ path: String) throws(SystemError) -> OwnedDescriptor {
        let descriptor = try open()
        let draft = "\(path).\(getpid())~"
        remove(draft)
        let bound = try unsafe withAddress(draft) { unsafe bind(descriptor.rawValue, $0, $1) }
        guard bound == 0 else { throw .current("bind") }
        do throws(SystemError) {
            // Safety: the C string lives until the call returns.
            guard unsafe draft.withCString({ unsafe chmod($0, 0o600) }) == 0 else { throw SystemError.current("chmod") }
            guard Glibc.listen(descriptor.rawValue, backlog) == 0 else { throw SystemError.current("listen") }
            // Safety: both C strings live until the call returns.
            let result = unsafe draft.withCString { old in unsafe path.withCString { unsafe rename(old, $0) } }
            guard result == 0 else { throw SystemError.current("rename") }
        } catch {
            remove(draft)
            throw error
        }
        return descriptor
    }

    /// Two sockets that are each other's peers and do not block, for two threads of one process.
    ///
    /// - Parameter bufferBytes: what may wait in either direction until its sender has to stop.
    /// - Returns: two descriptors, which the caller adopts.
    package static func pair(bufferBytes: CInt) throws(SystemError) -> (CInt, CInt) {
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        var ends: [CInt] = [-1, -1]
        guard unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw .current("socketpair") }
        for end in ends { Socket.setOption(end, level: SOL_SOCKET, SO_SNDBUF, bufferBytes) }
        return (ends[0], ends[1])
    }

    private static func remove(_ path: String) {
        // Safety: the C string lives until the call returns.
        _ = unsafe path.withCString { unsafe unlink($0) }
    }

    /// Connects to who listens at `path`; the socket does not block afterwards.
    package static func connect(_ path: String) throws(SystemError) -> OwnedDescriptor {
        let descriptor = try open()
        let result = try unsafe withAddress(path) { unsafe Glibc.connect(descriptor.rawValue, $0, $1) }
        guard result == 0 else { throw .current("connect") }
        return descriptor
    }

    /// The next connection of a listener; nil when none waits.
    package static func accept(_ listener: CInt) throws(SystemError) -> OwnedDescriptor? {
        while true {
            let flags = CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
            let fd = CLinux_accept4(listener, nil, nil, flags)
            if fd >= 0 { return OwnedDescriptor(adopting: fd) }
            switch errno {
            case EAGAIN: return nil
            case EINTR, ECONNABORTED: continue
            default: throw .current("accept4")
            }
        }
    }

    /// Whether the peer runs as root, or as the own user (SO_PEERCRED).
    package static func isTrusted(_ fd: CInt) -> Bool {
        let user = CLinux_peer_user(fd)
        return user == 0 || user == Int64(geteuid())
    }

    /// Waits until there is something to read, or the peer has ended.
    ///
    /// - Returns: false when the time is over.
    package static func waitUntilReadable(_ fd: CInt, milliseconds: CInt) -> Bool {
        var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&entry, 1, milliseconds) > 0
    }

    private static func open() throws(SystemError) -> OwnedDescriptor {
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        let fd = socket(AF_UNIX, type, 0)
        guard fd >= 0 else { throw .current("socket") }
        return OwnedDescriptor(adopting: fd)
    }

    private static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) throws(SystemError) -> CInt {
        let octets = Array(path.utf8)
        guard !octets.isEmpty, octets.count <= maximumPath, !octets.contains(0) else {
            throw SystemError(ENAMETOOLONG, "bind")
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // Safety: the path is shorter than the field, which was zeroed; the pointer is used for the call only.
        return unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe withUnsafeMutableBytes(of: &pointer.pointee.sun_path) { unsafe $0.copyBytes(from: octets) }
            return unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body(UnsafePointer($0), socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
