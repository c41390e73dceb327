// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import LinuxIO

/// What a served connection speaks; no socket.
protocol ServedProtocol: ~Copyable {
    init(now: MonotonicTime)

    /// Takes in what the client sent.
    ///
    /// - Returns: false when the connection is to be closed after what is pending has been written.
    mutating func receive(_ input: borrowing ByteBuffer, now: MonotonicTime) -> Bool

    /// Acts on the time.
    ///
    /// - Returns: false when the connection is to be closed after what is pending has been written.
    mutating func tick(now: MonotonicTime) -> Bool

    /// Moves what is to be sent into the output, as far as it has room.
    mutating func fill(_ output: inout ByteBuffer)

    /// Whether nothing is left to do or to write.
    var isFinished: Bool { get }
}

/// One connection of the test server: its socket and its buffers.
struct ServedConnection<Exchange: ServedProtocol & ~Copyable>: ~Copyable {
    private let socket: OwnedDescriptor
    private var exchange: Exchange
    private var input = ByteBuffer(capacity: 64 * 1024)
    private var output = ByteBuffer(capacity: 256 * 1024)
    /// When a connection that is closing stops waiting for the peer's end.
    private var lingerDeadline: MonotonicTime?

    init(_ socket: consuming OwnedDescriptor, now: MonotonicTime) {
        self.socket = socket
        exchange = Exchange(now: now)
    }

    /// Reads, answers and writes as far as the socket allows.
    ///
    /// - Returns: whether the connection is over.
    mutating func serve(now: MonotonicTime) -> Bool {
        while true {
            input.clear()
            switch Socket.read(socket.rawValue, into: &input) {
            case .bytes:
                if lingerDeadline == nil, !exchange.receive(input, now: now) { lingerDeadline = now + .seconds(1) }
            case .endOfStream, .failed: return true
            case .wouldBlock: return !flush() || isFinished
            }
            if !flush() { return true }
        }
    }

    /// Acts on the time.
    ///
    /// - Returns: whether the connection is over.
    mutating func tick(now: MonotonicTime) -> Bool {
        if let lingerDeadline { return now >= lingerDeadline }
        if !exchange.tick(now: now) { lingerDeadline = now + .seconds(1) }
        return !flush() || isFinished
    }

    private var isFinished: Bool { exchange.isFinished && output.isEmpty }

    /// Writes what can be written; behind the GOAWAY of a connection that is closing goes a FIN, so that the client
    /// reads the one before the other.
    ///
    /// - Returns: false when the socket failed.
    private mutating func flush() -> Bool {
        while true {
            exchange.fill(&output)
            if output.isEmpty { break }
            switch Socket.write(socket.rawValue, output.readable) {
            case .bytes(let count):
                output.consume(count)
                output.compact()
            case .wouldBlock: return true
            case .failed: return false
            }
        }
        if lingerDeadline != nil { Socket.shutdownWrite(socket.rawValue) }
        return true
    }
}
