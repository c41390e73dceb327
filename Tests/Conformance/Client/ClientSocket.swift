// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import LinuxIO

/// What ended a client.
struct ClientFailure: Error, CustomStringConvertible {
    var description: String
}

/// One connection to a server on this machine; waits instead of returning nothing.
final class ClientSocket {
    private let fd: OwnedDescriptor
    private let poller: Poller
    private(set) var isEnded = false

    init(port: UInt16) throws {
        let loopback = IPAddress("127.0.0.1") ?? IPAddress(v4: 0)
        fd = try Socket.connect(Socket.ConnectOptions(destination: SocketAddress(ip: loopback, port: port)))
        poller = try Poller()
        try poller.addEdgeTriggered(fd.rawValue, token: EventToken(kind: 0, index: 0, generation: 0))
        wait()
    }

    /// Waits until something happens, or a second.
    func wait() { _ = poller.wait(timeout: .seconds(1)) }

    /// Reads what is there.
    ///
    /// - Returns: whether anything was read.
    func read(into buffer: inout ByteBuffer) throws -> Bool {
        switch Socket.read(fd.rawValue, into: &buffer) {
        case .bytes: return true
        case .wouldBlock: return false
        case .endOfStream:
            isEnded = true
            return false
        case .failed(let number): throw ClientFailure(description: "reading: errno \(number)")
        }
    }

    /// Writes what the socket takes.
    ///
    /// - Returns: whether all is written.
    func write(_ buffer: inout ByteBuffer) throws -> Bool {
        while !buffer.isEmpty {
            switch Socket.write(fd.rawValue, buffer.readable) {
            case .bytes(let count): buffer.consume(count)
            case .wouldBlock:
                buffer.compact()
                return false
            case .failed(let number): throw ClientFailure(description: "writing: errno \(number)")
            }
        }
        return true
    }
}
