// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP2
internal import LinuxIO
internal import Mesh

// What happens on the applications' sockets of relays, and how a relay ends.
extension Worker {
    /// The application's socket is ready for something.
    func relayEvent(_ key: Relay.Key, _ readiness: LinuxIO.Readiness) {
        var end: ConnectionEnd?
        var connectionKey: TunnelConnection.Key?
        var consumed = 0
        var isConnected = false
        var stream: StreamHandle?
        relays.withElement(key) { relay in
            if readiness.contains(.failed) {
                let number = Socket.takeError(relay.fd)
                if number != 0 {
                    end = .applicationFailed(errno: number)
                    return
                }
            }
            if readiness.contains(.writable) { relay.flags.insert(.writable) }
            if !readiness.isDisjoint(with: [.readable, .peerFinished, .hungUp]) { relay.flags.insert(.readable) }
            if !readiness.isDisjoint(with: [.peerFinished, .hungUp]) { relay.flags.insert(.peerFinished) }
            connectionKey = relay.connection
            stream = relay.stream
            switch relay.phase {
            case .waitingForConnection, .awaitingResponse: break
            case .connecting: isConnected = relay.flags.contains(.writable)
            case .established:
                if !relay.queue.isEmpty { (consumed, end) = self.flushQueue(&relay) }
            }
        }
        if let end { return finishRelay(key, end) }
        guard let connectionKey else { return }
        if isConnected { return applicationConnected(key, connectionKey) }
        withConnection(connectionKey) { (connection: inout TunnelConnection) throws(HBONEError) in
            if consumed > 0, let stream {
                connection.hbone.http2.consumed(stream, count: consumed)
                if connection.hbone.http2.hasPendingOutput { self.markDirty(&connection, connectionKey) }
            }
            self.queueIfReadable(key, &connection, connectionKey)
        }
    }

    /// Writes what waits for the application.
    ///
    /// - Returns: how many bytes it took (the stream's window grows by them), and how the relay ended if it did.
    func flushQueue(_ relay: inout Relay) -> (Int, ConnectionEnd?) {
        var taken = 0
        while !relay.queue.isEmpty, relay.flags.contains(.writable) {
            let offered = relay.queue.first.count
            switch Socket.write(relay.fd, relay.queue.first) {
            case .bytes(let count):
                taken += count
                if count < offered { relay.flags.remove(.writable) }
                relay.queue.consume(count, in: &scratch.pool)
            case .wouldBlock: relay.flags.remove(.writable)
            case .failed(let number): return (taken, .applicationFailed(errno: number))
            }
        }
        if taken > 0 { relay.lastActivity = now }
        return (taken, relay.flags.contains(.endAfterQueue) ? takeEndOfStream(&relay) : nil)
    }

    /// The peer has finished sending: FIN goes to the application once it has taken everything.
    func takeEndOfStream(_ relay: inout Relay) -> ConnectionEnd? {
        relay.flags.insert(.endAfterQueue)
        guard relay.phase == .established, relay.queue.isEmpty, !relay.flags.contains(.writeClosed) else { return nil }
        Socket.shutdownWrite(relay.fd)
        relay.flags.insert(.writeClosed)
        if relay.isFinished { return .complete }
        armHalfClose(&relay)
        return nil
    }

    /// Asks for the timer that watches relays with a limit on idleness.
    func armHalfClose(_ relay: inout Relay) {
        guard let key = relay.key else { return }
        let limit = configuration.halfCloseTimeout
        guard limit.count > 0 else { return }
        relay.deadline = now + limit
        timers.arm(EventToken(kind: TokenKind.relay, index: key.index, generation: key.generation), at: relay.deadline)
    }

    /// A relay's timer came up: its phase is over, or it has been idle for too long, or not.
    func relayTimer(_ key: Relay.Key) {
        var end: ConnectionEnd?
        relays.withElement(key) { relay in
            guard relay.deadline <= self.now else {
                if relay.deadline != .distantFuture {
                    self.timers.arm(self.token(relay: key), at: relay.deadline)
                }
                return
            }
            switch relay.phase {
            case .waitingForConnection: end = .timedOut(.handshake)
            case .awaitingResponse: end = .timedOut(.response)
            case .connecting: end = .timedOut(.connect)
            case .established:
                let isHalfClosed = !relay.flags.isDisjoint(with: [.readClosed, .writeClosed])
                let limit = isHalfClosed ? self.configuration.halfCloseTimeout : self.configuration.idleTimeout
                guard limit.count > 0 else { return }
                let due = relay.lastActivity + limit
                if due <= self.now {
                    end = isHalfClosed ? .timedOut(.halfClose) : .timedOut(.idle)
                } else {
                    relay.deadline = due
                    self.timers.arm(self.token(relay: key), at: due)
                }
            }
        }
        if let end { finishRelay(key, end) }
    }

    /// The event token of a relay.
    func token(relay key: Relay.Key) -> EventToken {
        EventToken(kind: TokenKind.relay, index: key.index, generation: key.generation)
    }

    /// A relay becomes established: bytes may move both ways from now on.
    func establish(_ relay: inout Relay) {
        relay.phase = .established
        relay.deadline = .distantFuture
        relay.lastActivity = now
        relay.details.established = now
        if configuration.idleTimeout.count > 0, let key = relay.key {
            relay.deadline = now + configuration.idleTimeout
            timers.arm(token(relay: key), at: relay.deadline)
        }
        observer.opened(relay.details, now: now)
    }

    /// Ends a relay: closes the socket, ends the stream if it is still open, and tells the observer.
    ///
    /// An orderly end is FIN on both sides. Anything else is RST: on the stream as RST_STREAM with CONNECT_ERROR (RFC 9113
    /// §8.5) and on the socket by SO_LINGER 0, so that neither side takes a broken transfer for a whole one.
    func finishRelay(_ key: Relay.Key, _ end: ConnectionEnd) {
        guard var relay = relays.remove(key) else { return }
        if let connectionKey = relay.connection, let stream = relay.stream {
            withConnection(connectionKey) { (connection: inout TunnelConnection) throws(HBONEError) in
                if !relay.flags.contains(.streamClosed) {
                    if relay.phase == .connecting {
                        self.refuse(stream, end.responseStatus, &connection)
                    } else if !relay.isFinished {
                        connection.hbone.http2.reset(stream, end.resetCode)
                    }
                    self.markDirty(&connection, connectionKey)
                }
                connection.hbone.http2.consumed(stream, count: relay.queue.count)
                self.closeIfIdle(&connection, connectionKey)
            }
        }
        relay.queue.removeAll(in: &scratch.pool)
        if !end.isOrderly { Socket.resetOnClose(relay.fd) }
        finish(relay.details, end, sent: relay.bytesFromApplication, received: relay.bytesToApplication)
    }

    /// Takes a connection of either kind off the books.
    func finish(_ details: ConnectionDetails, _ end: ConnectionEnd, sent: UInt64, received: UInt64) {
        details.pod.releaseConnection()
        if let loaded = details.loadedWorkload, details.generation == snapshot.generation {
            load[loaded.position] -= 1
        }
        observer.closed(details, end, bytesFromApplication: sent, bytesToApplication: received, now: now)
    }
}
