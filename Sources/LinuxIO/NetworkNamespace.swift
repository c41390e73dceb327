// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A handle on a network namespace (network_namespaces(7)), which it keeps alive.
///
/// It owns the descriptor and enters the namespace for the length of a closure. It refuses descriptors that are not
/// network namespaces, and it never leaves a thread in a namespace that is not its own.
package struct NetworkNamespace: ~Copyable, Sendable {
    /// What makes two handles name the same namespace: device and inode of the file in nsfs (ioctl_ns(2)).
    ///
    /// The kernel may give the number to another namespace once the last handle on this one is closed, so compare
    /// identities only while a handle is held.
    package struct Identity: Hashable, Sendable {
        /// The device of nsfs.
        package let device: UInt64
        /// The number of the namespace on that device.
        package let inode: UInt64

        /// Puts the two together.
        package init(device: UInt64, inode: UInt64) {
            self.device = device
            self.inode = inode
        }
    }

    /// Which namespace this is.
    package let identity: Identity
    private let descriptor: OwnedDescriptor

    /// Takes over a descriptor, for example one received by SCM_RIGHTS.
    ///
    /// - Throws: `.notANetworkNamespace` when it is some other file; the descriptor is closed then.
    package init(adopting descriptor: consuming OwnedDescriptor) throws(NetworkNamespaceError) {
        guard CLinux_namespace_type(descriptor.rawValue) == CLINUX_CLONE_NEWNET else { throw .notANetworkNamespace }
        var status = stat()
        // Safety: `status` lives on this frame for the whole call and the kernel fills exactly its size.
        guard unsafe fstat(descriptor.rawValue, &status) == 0 else { throw .open(errno: errno) }
        identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        self.descriptor = descriptor
    }

    /// Opens the namespace behind a path such as `/run/netns/NAME` or `/proc/PID/ns/net`.
    ///
    /// - Throws: `.open` with ENOENT when it is gone, `.notANetworkNamespace` when the file is something else, which
    ///   `/run/netns/NAME` is for a moment while `ip netns add` runs: worth a retry.
    package init(path: String) throws(NetworkNamespaceError) {
        // Safety: the C string lives until the call returns, and open(2) does not keep it.
        let fd = unsafe path.withCString { unsafe open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
        guard fd >= 0 else { throw .open(errno: errno) }
        try self.init(adopting: OwnedDescriptor(adopting: fd))
    }

    /// The namespace of the calling thread.
    package static func own() throws(NetworkNamespaceError) -> NetworkNamespace {
        try NetworkNamespace(path: "/proc/thread-self/ns/net")
    }

    /// The descriptor of the namespace, valid for as long as this value lives: for SCM_RIGHTS or IFLA_NET_NS_FD.
    package var rawValue: CInt { descriptor.rawValue }

    /// Runs `body` with the calling thread in this namespace; sockets opened there stay there (setns(2)).
    ///
    /// Two system calls, none when this is the thread's own namespace. The thread is back before this returns or throws.
    /// A thread that cannot return would open every later socket in a stranger's pod, which no caller can repair: the
    /// process writes one line to standard error and aborts.
    ///
    /// - Parameters:
    ///   - own: where the calling thread is now; every thread of the process is there outside of `within`.
    ///   - failure: turns an error of entering into the caller's error.
    ///   - body: what to do there; it does not suspend, so it stays on the thread.
    /// - Throws: what `failure` made of `.enter` (EPERM: CAP_SYS_ADMIN is missing), or what `body` throws.
    package func within<Value: ~Copyable, Failure: Error>(
        returningTo own: borrowing NetworkNamespace, orThrow failure: (NetworkNamespaceError) -> Failure,
        _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        if identity == own.identity { return try body() }
        guard CLinux_setns(rawValue, CLINUX_CLONE_NEWNET) == 0 else { throw failure(.enter(errno: errno)) }
        defer {
            if CLinux_setns(own.rawValue, CLINUX_CLONE_NEWNET) != 0 { abortOutsideOwnNamespace("network", errno) }
        }
        return try body()
    }

    /// Runs a `body` that does not fail with the calling thread in this namespace.
    ///
    /// - Throws: `.enter`, see the other form.
    package func within<Value: ~Copyable>(
        returningTo own: borrowing NetworkNamespace, _ body: () -> Value
    ) throws(NetworkNamespaceError) -> Value {
        try within(returningTo: own, orThrow: { $0 }, { () throws(NetworkNamespaceError) in body() })
    }
}

/// Ends the process: the calling thread is in a foreign namespace and cannot leave it.
func abortOutsideOwnNamespace(_ kind: StaticString, _ code: CInt) -> Never {
    let text = "ambit: cannot return to the own \(kind) namespace (errno \(code)); aborting\n"
    // Safety: the C string lives until the call returns, and write(2) does not keep it.
    _ = unsafe text.withCString { unsafe write(2, $0, strlen($0)) }
    abort()
}
