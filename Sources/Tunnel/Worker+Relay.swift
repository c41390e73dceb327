// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP2
internal import LinuxIO
internal import Mesh
internal import Telemetry

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
            if readiness.hasAny(of: .failed) {
                let number = Socket.takeError(relay.fd)
                if number != 0 {
                    end = .applicationFailed(errno: number)
                    return
                }
            }
            if readiness.hasAny(of: .writable) { relay.flags.insert(.writable) }
            if readiness.hasAny(of: .input) { relay.flags.insert(.readable) }
            if readiness.hasAny(of: .end) { relay.flags.insert(.peerFinished) }
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
        if taken > 0 {
            relay.clock.moved(isAnswer: !relay.flags.contains(.isInbound), now: now)
            relay.details.pod.release(buffered: taken)
        }
        return (taken, relay.flags.contains(.endAfterQueue) ? takeEndOfStream(&relay) : nil)
    }

    /// The peer has finished sending: FIN goes to the application once it has taken everything.
    func takeEndOfStream(_ relay: inout Relay) -> ConnectionEnd? {
        relay.flags.insert(.endAfterQueue)
        guard relay.phase == .established, relay.queue.isEmpty, !relay.flags.contains(.writeClosed) else { return nil }
        Socket.shutdownWrite(relay.fd)
        relay.flags.insert(.writeClosed)
        if relay.isFinished { return .complete }
        watchHalfClose(&relay)
        return nil
    }

    /// One side of a relay has finished: from now on silence has a limit of its own.
    func watchHalfClose(_ relay: inout Relay) {
        relay.clock.isHalfClosed = true
        relay.clock.lastActivity = now
        armTimer(relay)
    }

    /// Arms the timer of a relay for whatever is due next.
    func armTimer(_ relay: borrowing Relay) {
        let next = relay.clock.next(configuration)
        guard next != .distantFuture, let key = relay.key else { return }
        timers.arm(token(relay: key), at: next)
    }

    /// Acts on a relay's timer: its phase is over, it was silent for too long, or a line is due.
    func relayTimer(_ key: Relay.Key) {
        var end: ConnectionEnd?
        var silent: TunnelConnection.Key?
        relays.withElement(key) { relay in
            switch relay.clock.take(self.configuration, now: self.now) {
            case .phaseEnded:
                switch relay.phase {
                case .waitingForConnection: end = .timedOut(.handshake)
                case .awaitingResponse:
                    end = .timedOut(.response)
                    silent = relay.connection
                case .connecting, .established: end = .timedOut(.connect)
                }
            case .silent(let afterHalfClose): end = .timedOut(afterHalfClose ? .halfClose : .idle)
            case .line:
                self.observer.progress(
                    relay.details, bytesFromApplication: relay.bytesFromApplication,
                    bytesToApplication: relay.bytesToApplication, now: self.now)
                self.armTimer(relay)
            case .nothing: self.armTimer(relay)
            }
        }
        distrust(silent)
        if let end { finishRelay(key, end) }
    }

    /// The event token of a relay.
    func token(relay key: Relay.Key) -> EventToken {
        EventToken(kind: TokenKind.relay, index: key.index, generation: key.generation)
    }

    /// A relay becomes established: bytes may move both ways from now on.
    func establish(_ relay: inout Relay) {
        relay.phase = .established
        relay.clock.establish(configuration, now: now)
        relay.details.established = now
        armTimer(relay)
        observer.opened(relay.details, now: now)
    }

    /// Ends a relay: closes the socket, ends the stream if it is still open, and tells the observer.
    ///
    /// An orderly end is FIN on both sides. Anything else is RST: on the stream as RST_STREAM with CONNECT_ERROR (RFC 9113
    /// §8.5) and on the socket by SO_LINGER 0, so that neither side takes a broken transfer for a whole one.
    func finishRelay(_ key: Relay.Key, _ end: ConnectionEnd) {
        guard var relay = relays.remove(key) else { return }
        if relay.stream != nil, !relay.flags.contains(.isInbound) { observer.metrics.pool.streams.add(-1) }
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
        relay.details.pod.release(buffered: relay.queue.count)
        relay.queue.removeAll(in: &scratch.pool)
        if !end.isOrderly { Socket.resetOnClose(relay.fd) }
        finish(relay.details, end, sent: relay.bytesFromApplication, received: relay.bytesToApplication)
    }

    /// Takes a connection of either kind off the books.
    func finish(_ details: ConnectionDetails, _ end: ConnectionEnd, sent: UInt64, received: UInt64) {
        details.pod.releaseConnection(worker: index)
        if let loaded = details.loadedWorkload, details.generation == snapshot.generation {
            load[loaded.position] -= 1
        }
        observer.closed(details, end, bytesFromApplication: sent, bytesToApplication: received, now: now)
    }
}
