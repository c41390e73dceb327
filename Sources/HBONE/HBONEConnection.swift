// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import HTTP2
package import LinuxIO
package import TLS

/// One HBONE connection: a socket, mutual TLS 1.3 on it, and HTTP/2 whose streams are CONNECT tunnels.
///
/// It owns the socket and both protocol machines and moves bytes between them through the worker's `Scratch`. It knows
/// nothing of pods, policies or the applications' sockets: whoever owns it opens and answers streams on `http2`, takes
/// events and hands in payload. It never blocks and never keeps a buffer while it is at rest.
///
/// Life: connecting (client only) -> handshaking -> established -> closed; see docs/architecture.md.
package struct HBONEConnection: ~Copyable {
    /// How far the connection has come.
    package enum Phase: Sendable {
        case connecting
        case handshaking
        case established
        case closed
    }

    /// What `receive` has for the caller.
    package enum Received {
        /// Plaintext waits in the scratch buffers: ask `nextEvent` until it has no more, then `receive` again.
        case plaintext
        /// The handshake is complete; the peer's identity is known. Ask again.
        case established
        /// Nothing more can be read now.
        case drained
        /// The peer has closed the connection in an orderly way.
        case ended
    }

    package let role: HTTP2Connection.Role
    /// The HTTP/2 machine; streams are opened, answered, reset and credited on it directly.
    package var http2: HTTP2Connection
    package private(set) var phase: Phase
    /// The socket may have bytes for us.
    package var isReadable = false
    /// The peer has sent FIN: a short read does not mean that nothing is left to read.
    package var isPeerFinished = false
    private var isWritable = false
    /// close_notify has come: nothing more will.
    private var isEnded = false
    private var tls: TLSSession
    private var backlog = BufferQueue()
    private let descriptor: OwnedDescriptor

    /// Takes over a socket that was just accepted (server), or whose connect was just started (client).
    ///
    /// - Parameter destination: where a client connects to, if its handshake may resume an earlier session there.
    package init(
        socket: consuming OwnedDescriptor, context: TLSContext, expecting: PeerExpectation, role: HTTP2Connection.Role,
        configuration: HTTP2Configuration, destination: SocketAddress? = nil, now: MonotonicTime
    ) throws(TLSError) {
        tls = try TLSSession(context: context, expecting: expecting, destination: destination)
        http2 = HTTP2Connection(role: role, configuration: configuration, now: now)
        descriptor = socket
        self.role = role
        phase = role == .client ? .connecting : .handshaking
        isWritable = role == .server
    }

    /// The socket, for the poller.
    package var fd: CInt { descriptor.rawValue }
    /// Who the peer has proved to be; nil before the handshake is complete.
    package var peer: PeerIdentity? { tls.peer }
    /// Whether the handshake resumed an earlier session.
    package var wasResumed: Bool { tls.wasResumed }
    /// Sealed bytes that wait for the socket.
    package var backlogBytes: Int { backlog.count }
    /// Whether payload may be sealed now: established, and the socket has taken everything so far.
    package var canSend: Bool { phase == .established && isWritable && backlog.isEmpty }

    /// The socket became writable: finishes a connect, or writes the backlog.
    package mutating func becameWritable(_ scratch: inout Scratch) throws(HBONEError) {
        isWritable = true
        if phase == .connecting {
            let number = Socket.takeError(fd)
            guard number == 0 else { throw .socket(errno: number) }
            phase = .handshaking
            do {
                try tls.start(into: &scratch.outgoing)
            } catch {
                throw .tls(error)
            }
            try flush(&scratch)
            return
        }
        while !backlog.isEmpty {
            switch Socket.write(fd, backlog.first) {
            case .bytes(let count): backlog.consume(count, in: &scratch.pool)
            case .wouldBlock:
                isWritable = false
                return
            case .failed(let number): throw .socket(errno: number)
            }
        }
    }

    /// Reads from the socket if need be and decrypts; one call yields at most one filling of the plaintext buffer.
    ///
    /// All of one read must be taken (call until `.drained` or `.plaintext` has been followed by `.drained`) before the
    /// scratch buffers go to another connection; `hasIncoming` tells.
    package mutating func receive(_ scratch: inout Scratch) throws(HBONEError) -> Received {
        if isEnded { return .ended }
        if scratch.incomingOffset == scratch.incoming.count {
            scratch.incoming.clear()
            scratch.incomingOffset = 0
            guard isReadable, phase != .connecting else { return .drained }
            switch Socket.read(fd, into: &scratch.incoming) {
            case .bytes:
                // A read that did not fill the buffer has emptied the socket (epoll(7), edge-triggered streams).
                if scratch.incoming.freeCount > 0, !isPeerFinished { isReadable = false }
            case .wouldBlock:
                isReadable = false
                return .drained
            case .endOfStream:
                isReadable = false
                return .ended
            case .failed(let number): throw .socket(errno: number)
            }
        }
        scratch.plaintext.clear()
        scratch.plaintextOffset = 0
        let outcome: TLSSession.Outcome
        do {
            outcome = try tls.open(
                scratch.incoming, offset: &scratch.incomingOffset, plaintext: &scratch.plaintext,
                output: &scratch.outgoing)
        } catch {
            scratch.incoming.clear()
            scratch.incomingOffset = 0
            // The alert tells the peer why; that it cannot be sent any more changes nothing.
            do { try flush(&scratch) } catch {}
            throw .tls(error)
        }
        if !scratch.outgoing.isEmpty { try flush(&scratch) }
        switch outcome {
        case .handshakeCompleted:
            phase = .established
            return .established
        case .needsInput, .plaintextFull, .outputFull:
            return scratch.plaintext.isEmpty ? try receive(&scratch) : .plaintext
        case .closed:
            // The last frames may have come in the same read as the peer's close_notify.
            isEnded = true
            return scratch.plaintext.isEmpty ? .ended : .plaintext
        }
    }

    /// The next HTTP/2 event of the plaintext that `receive` left; nil when it is used up.
    ///
    /// `.data` ranges count from the start of `scratch.plaintext.readable`.
    package mutating func nextEvent(_ scratch: inout Scratch, now: MonotonicTime) throws(HBONEError) -> HTTP2Event? {
        do {
            return try http2.receive(scratch.plaintext, offset: &scratch.plaintextOffset, now: now)
        } catch {
            throw .http2(error)
        }
    }

    /// The next HTTP/2 event of plaintext that was moved out of the scratch buffers; nil when it is used up.
    ///
    /// For owners who need the scratch buffers while they look at the payload: exchange `scratch.plaintext` for another
    /// buffer of its size first. `.data` ranges count from the start of `plaintext.readable`.
    package mutating func nextEvent(
        in plaintext: borrowing ByteBuffer, at offset: inout Int, now: MonotonicTime
    ) throws(HBONEError) -> HTTP2Event? {
        do {
            return try http2.receive(plaintext, offset: &offset, now: now)
        } catch {
            throw .http2(error)
        }
    }

    /// Moves waiting HTTP/2 frames (HEADERS, WINDOW_UPDATE, …) into the record; full records are sealed.
    package mutating func writeControl(_ scratch: inout Scratch) throws(HBONEError) {
        while http2.hasPendingOutput {
            _ = http2.drainPending(into: &scratch.record)
            if http2.hasPendingOutput { try seal(&scratch) }
        }
    }

    /// What `readData` came to.
    package enum DataOutcome {
        /// So many bytes of payload are in the record; `more` tells that the socket may have more at once.
        case sent(Int, more: Bool)
        /// The socket has nothing now.
        case wouldBlock
        /// The application has finished sending.
        case endOfStream
        /// The application's connection is broken.
        case failed(CInt)
        /// The stream may not send now (flow control); HTTP/2 reports when it may.
        case windowClosed
    }

    /// Reads payload from an application's socket straight into the record, behind its frame header.
    ///
    /// - Parameters:
    ///   - fd: the application's socket.
    ///   - stream: the stream that carries it.
    package mutating func readData(
        from fd: CInt, stream: StreamHandle, _ scratch: inout Scratch
    ) throws(HBONEError) -> DataOutcome {
        let window = http2.sendableBytes(stream)
        guard window > 0 else { return .windowClosed }
        if scratch.record.freeCount < Self.leastUsefulRoom { try seal(&scratch) }
        let start = scratch.record.count
        guard scratch.record.appendUninitialized(Self.frameHeaderBytes) else { throw .outOfBuffers }
        let limit = min(window, scratch.record.freeCount)
        switch Socket.read(fd, into: &scratch.record, limit: limit) {
        case .bytes(let count):
            var frame = scratch.record.mutableReadable
            var header = frame._mutatingExtracting(start..<(start + Self.frameHeaderBytes))
            http2.commitData(stream, count: count, isEndStream: false, header: &header)
            return .sent(count, more: count == limit)
        case .wouldBlock:
            scratch.record.truncate(to: start)
            return .wouldBlock
        case .endOfStream:
            scratch.record.truncate(to: start)
            return .endOfStream
        case .failed(let number):
            scratch.record.truncate(to: start)
            return .failed(number)
        }
    }

    /// Moves payload from a queue into the record, behind frame headers; full records are sealed.
    ///
    /// - Parameters:
    ///   - queue: the payload; what was moved is taken out.
    ///   - blocks: the pool that the queue's blocks belong to.
    ///   - limit: how much to move at most.
    /// - Returns: how much was moved: less than asked for when the stream may not send now (HTTP/2 reports when it may)
    ///   or the socket takes nothing more.
    package mutating func sendData(
        from queue: inout BufferQueue, in blocks: inout BufferPool, stream: StreamHandle, limit: Int,
        _ scratch: inout Scratch
    ) throws(HBONEError) -> Int {
        var moved = 0
        while moved < limit, !queue.isEmpty, canSend {
            let window = http2.sendableBytes(stream)
            guard window > 0 else { break }
            let least = min(queue.first.count, Self.leastUsefulRoom) + Self.frameHeaderBytes
            if scratch.record.freeCount < least { try seal(&scratch) }
            let count = min(
                window, limit - moved, queue.first.count, scratch.record.freeCount - Self.frameHeaderBytes)
            let start = scratch.record.count
            guard scratch.record.appendUninitialized(Self.frameHeaderBytes),
                scratch.record.append(copying: queue.first.extracting(first: count))
            else { throw .outOfBuffers }
            var frame = scratch.record.mutableReadable
            var header = frame._mutatingExtracting(start..<(start + Self.frameHeaderBytes))
            http2.commitData(stream, count: count, isEndStream: false, header: &header)
            queue.consume(count, in: &blocks)
            moved += count
        }
        return moved
    }

    /// Seals what is in the record and writes it out.
    package mutating func finishRecord(_ scratch: inout Scratch) throws(HBONEError) {
        if !scratch.record.isEmpty { try seal(&scratch) }
        try flush(&scratch)
    }

    /// Says good-bye (close_notify) as far as the socket takes it and gives pooled blocks back; the owner drops it next.
    package mutating func close(_ scratch: inout Scratch) {
        if phase == .established, backlog.isEmpty {
            do {
                scratch.record.clear()
                try writeControl(&scratch)
                if !scratch.record.isEmpty { try seal(&scratch) }
                tls.close(into: &scratch.outgoing)
                try flush(&scratch)
            } catch {
                // The socket is broken already: there is nobody to say good-bye to.
            }
        }
        phase = .closed
        scratch.record.clear()
        scratch.outgoing.clear()
        backlog.removeAll(in: &scratch.pool)
    }

    /// Octets of a frame header (RFC 9113 §4.1).
    private static let frameHeaderBytes = 9
    /// Below this much room a new record is begun instead of a tiny frame at the end of the old one.
    private static let leastUsefulRoom = 1024

    private mutating func seal(_ scratch: inout Scratch) throws(HBONEError) {
        if scratch.outgoing.count >= Scratch.writeThreshold { try flush(&scratch) }
        do {
            try tls.seal(scratch.record, into: &scratch.outgoing)
        } catch {
            throw .tls(error)
        }
        scratch.record.clear()
    }

    /// Writes `outgoing` to the socket; what the socket does not take goes to the backlog.
    private mutating func flush(_ scratch: inout Scratch) throws(HBONEError) {
        while !scratch.outgoing.isEmpty, backlog.isEmpty, isWritable {
            switch Socket.write(fd, scratch.outgoing.readable) {
            case .bytes(let count): scratch.outgoing.consume(count)
            case .wouldBlock: isWritable = false
            case .failed(let number):
                scratch.outgoing.clear()
                throw .socket(errno: number)
            }
        }
        guard !scratch.outgoing.isEmpty else { return }
        let fits = backlog.append(contentsOf: scratch.outgoing, in: &scratch.pool)
        scratch.outgoing.clear()
        if !fits { throw .outOfBuffers }
    }
}

// Each takes a whole buffer of `Scratch`, so that the compiler sees that the others are free to change meanwhile.
extension TLSSession {
    fileprivate mutating func open(
        _ ciphertext: borrowing ByteBuffer, offset: inout Int, plaintext: inout ByteBuffer, output: inout ByteBuffer
    ) throws(TLSError) -> Outcome {
        try open(ciphertext.readable, offset: &offset, plaintext: &plaintext, output: &output)
    }

    fileprivate mutating func seal(_ plaintext: borrowing ByteBuffer, into output: inout ByteBuffer) throws(TLSError) {
        try seal(plaintext.readable, into: &output)
    }
}

extension HTTP2Connection {
    fileprivate mutating func receive(
        _ input: borrowing ByteBuffer, offset: inout Int, now: MonotonicTime
    ) throws(HTTP2Error) -> HTTP2Event? {
        try receive(input.readable, offset: &offset, now: now)
    }
}

extension BufferQueue {
    fileprivate mutating func append(contentsOf buffer: borrowing ByteBuffer, in pool: inout BufferPool) -> Bool {
        append(copying: buffer.readable, in: &pool)
    }
}
