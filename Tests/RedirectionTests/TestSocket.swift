// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import CLinux
import Glibc
import LinuxIO

/// A TCP socket of a test; every wait is bounded by two seconds.
final class TestSocket {
    private let descriptor: OwnedDescriptor
    /// The peer of an accepted connection.
    let peer: SocketAddress?
    private let isIPv4: Bool

    private init(_ descriptor: consuming OwnedDescriptor, peer: SocketAddress?, isIPv4: Bool) {
        self.descriptor = descriptor
        self.peer = peer
        self.isIPv4 = isIPv4
    }

    /// Listens on both families in the calling thread's namespace.
    static func listening(on port: UInt16, mark: UInt32 = 0, isTransparent: Bool = false) throws -> TestSocket {
        var options = Socket.ListenOptions(address: SocketAddress(ip: IPAddress(high: 0, low: 0), port: port))
        options.mark = mark
        options.isTransparent = isTransparent
        return try TestSocket(Socket.listen(options), peer: nil, isIPv4: false)
    }

    /// Connects in the calling thread's namespace.
    static func connected(
        to ip: IPAddress, _ port: UInt16, mark: UInt32 = 0, from source: IPAddress? = nil
    ) throws -> TestSocket {
        var options = Socket.ConnectOptions(destination: SocketAddress(ip: ip, port: port))
        options.mark = mark
        options.source = source
        let socket = try TestSocket(Socket.connect(options), peer: nil, isIPv4: ip.isIPv4)
        try socket.wait(for: POLLOUT, "connect to \(options.destination)")
        let error = Socket.takeError(socket.descriptor.rawValue)
        guard error == 0 else { throw SystemError(error, "connect") }
        return socket
    }

    /// The next connection of a listener.
    func accept() throws -> TestSocket {
        try wait(for: POLLIN, "accept")
        guard let (fd, peer) = try Socket.accept(descriptor.rawValue) else { throw TestFailure("nothing to accept") }
        return TestSocket(OwnedDescriptor(adopting: fd), peer: peer, isIPv4: peer.ip.isIPv4)
    }

    /// Whether a connection waits to be accepted now.
    var hasConnectionWaiting: Bool {
        var entry = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&entry, 1, 0) == 1
    }

    /// Where the connection went before it was redirected.
    var originalDestination: SocketAddress? { Socket.originalDestination(descriptor.rawValue, isIPv4: isIPv4) }

    /// Our end's address.
    var local: SocketAddress { get throws { try Socket.localAddress(descriptor.rawValue) } }

    /// Sends a short text.
    func send(_ text: String) throws {
        let octets = Array(text.utf8)
        guard Socket.write(descriptor.rawValue, octets.span) == .bytes(octets.count) else {
            throw TestFailure("send was cut short")
        }
    }

    /// Receives a short text.
    func receive() throws -> String {
        try wait(for: POLLIN, "receive")
        var buffer = ByteBuffer(capacity: 256)
        guard case .bytes = Socket.read(descriptor.rawValue, into: &buffer) else {
            throw TestFailure("nothing received")
        }
        return String(decoding: buffer.readable)
    }

    private func wait(for events: CInt, _ purpose: String) throws {
        var entry = pollfd(fd: descriptor.rawValue, events: Int16(events), revents: 0)
        guard unsafe poll(&entry, 1, 30_000) == 1 else { throw TestFailure("\(purpose): nothing happened for 30 s") }
    }
}
