// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP2
internal import LinuxIO
internal import Synchronization
internal import Telemetry

// What happens on HBONE connections: their sockets, their HTTP/2 events, and the pump that sends.
extension Worker {
    /// Reads per turn and connection, of up to 128 KiB each; then others have their turn.
    private static let readsPerTurn = 4
    /// Payload sent per turn and connection; then others have their turn.
    private static let sendBudgetBytes = 512 * 1024
    /// How long a peer has for its first stream after its handshake before a drain tells it to go elsewhere.
    static let firstStreamGrace = Nanoseconds.seconds(1)

    /// The socket of an HBONE connection is ready for something.
    func connectionEvent(_ key: TunnelConnection.Key, _ readiness: LinuxIO.Readiness) {
        let isBroken = readiness.hasAny(of: .failed) || readiness.hasAny(of: .hungUp)
        withConnection(key) { (connection: inout TunnelConnection) throws(HBONEError) in
            if isBroken || readiness.hasAny(of: .writable) {
                let wasConnecting = connection.hbone.phase == .connecting
                try connection.hbone.becameWritable(&self.scratch)
                if wasConnecting {
                    self.observer.connectTook(self.now - connection.phaseBegan, .source)
                    connection.phaseBegan = self.now
                    connection.deadline = self.now + self.configuration.handshakeTimeout
                    self.rearm(&connection, key)
                }
                if connection.hbone.canSend { self.markDirty(&connection, key) }
            }
            if isBroken || readiness.hasAny(of: .input) {
                connection.hbone.isReadable = true
                if isBroken || readiness.hasAny(of: .end) {
                    connection.hbone.isPeerFinished = true
                }
                try self.read(&connection, key)
            }
        }
    }

    /// Runs `body` on a connection; an error it throws closes the connection when the event at hand is over.
    func withConnection(
        _ key: TunnelConnection.Key, _ body: (inout TunnelConnection) throws(HBONEError) -> Void
    ) {
        do throws(HBONEError) {
            try connections.withElement(key, body)
        } catch {
            scratch.incoming.clear()
            scratch.incomingOffset = 0
            deferred.append(.closeConnection(key, error))
        }
    }

    private func read(_ connection: inout TunnelConnection, _ key: TunnelConnection.Key) throws(HBONEError) {
        var reads = 0
        receiving: while true {
            if scratch.incomingOffset == scratch.incoming.count {
                if reads == Self.readsPerTurn {
                    connection.isReadPending = true
                    markDirty(&connection, key)
                    break receiving
                }
                reads += 1
            }
            switch try connection.hbone.receive(&scratch) {
            case .plaintext:
                while let event = try connection.hbone.nextEvent(&scratch, now: now) {
                    try take(event, &connection, key)
                }
            case .established: established(&connection, key)
            case .drained: break receiving
            case .ended: throw .closedByPeer
            }
        }
        rearm(&connection, key)
        if connection.hbone.http2.hasPendingOutput { markDirty(&connection, key) }
    }

    private func established(_ connection: inout TunnelConnection, _ key: TunnelConnection.Key) {
        let isServer = connection.hbone.role == .server
        observer.handshakeCompleted(
            now - connection.phaseBegan, isServer: isServer, wasResumed: connection.hbone.wasResumed)
        connection.phaseBegan = now
        connection.deadline = .distantFuture
        if isServer {
            connection.pod.handshakes.subtract(1, ordering: .relaxed)
            // Its first stream is on its way; GOAWAY before it would send the peer elsewhere.
            if connection.isDraining { connection.deadline = now + Self.firstStreamGrace }
        } else {
            observer.metrics.pool.connecting.add(-1)
            observer.metrics.pool.connections.add(1)
            // One that was opened ahead of need has nobody waiting.
            if connection.waiting.isEmpty { connection.deadline = now + configuration.poolIdleTimeout }
        }
        for relay in connection.waiting { deferred.append(.connectRelay(relay)) }
        connection.waiting = []
        markDirty(&connection, key)
    }

    private func take(
        _ event: HTTP2Event, _ connection: inout TunnelConnection, _ key: TunnelConnection.Key
    ) throws(HBONEError) {
        switch event {
        case .headers(let stream, let kind, let isEndStream):
            switch kind {
            case .request:
                if connection.isDraining { connection.hbone.http2.beginDrain(now: now) }
                acceptStream(stream, isEndStream: isEndStream, &connection, key)
            case .response: takeResponse(stream, isEndStream: isEndStream, &connection, key)
            case .informational: break
            case .trailers: if isEndStream { deliver(stream, offset: 0, count: 0, isEndStream: true, &connection) }
            }
        case .data(let stream, let offset, let count, let isEndStream):
            deliver(stream, offset: offset, count: count, isEndStream: isEndStream, &connection)
        case .reset(let stream, let code, _):
            guard let relay = relayKey(of: stream, connection) else { return }
            relays.withElement(relay) { $0.markStreamClosed() }
            deferred.append(.finishRelay(relay, .resetByPeer(code)))
        case .sendWindowOpened(let stream):
            if let relay = relayKey(of: stream, connection) { queueIfReadable(relay, &connection, key) }
        case .connectionWindowOpened:
            while let stream = connection.hbone.http2.nextSendableStream() {
                if let relay = relayKey(of: stream, connection) { queueIfReadable(relay, &connection, key) }
            }
        case .goAway:
            connection.isDraining = true
            forget(connection.poolKey, key)
            closeIfIdle(&connection, key)
        default:
            break
        }
    }

    /// Puts a relay whose application may have bytes in line for the pump.
    func queueIfReadable(_ relay: Relay.Key, _ connection: inout TunnelConnection, _ key: TunnelConnection.Key) {
        let isNew = relays.withElement(relay) { relay in
            guard relay.phase == .established, relay.flags.contains(.readable),
                relay.flags.isDisjoint(with: [.isQueued, .readClosed])
            else { return false }
            relay.flags.insert(.isQueued)
            return true
        }
        guard isNew == true else { return }
        connection.ready.append(relay)
        markDirty(&connection, key)
    }

    /// Sends what the dirty connections have, and reads on where a turn's budget had ended.
    func pumpDirty() {
        for _ in 0..<dirty.count {
            guard let key = dirty.popFirst() else { return }
            withConnection(key) { (connection: inout TunnelConnection) throws(HBONEError) in
                connection.isDirty = false
                if connection.isReadPending {
                    connection.isReadPending = false
                    try self.read(&connection, key)
                }
                try self.pump(&connection, key)
                self.closeIfIdle(&connection, key)
            }
            performDeferred()
        }
    }

    private func pump(_ connection: inout TunnelConnection, _ key: TunnelConnection.Key) throws(HBONEError) {
        guard connection.hbone.canSend else { return }
        try connection.hbone.writeControl(&scratch)
        var budget = Self.sendBudgetBytes
        while budget > 0, connection.hbone.canSend, let relay = connection.ready.popFirst() {
            budget -= try send(relay, &connection)
        }
        try connection.hbone.writeControl(&scratch)
        try connection.hbone.finishRecord(&scratch)
        if !connection.ready.isEmpty, connection.hbone.canSend { markDirty(&connection, key) }
    }

    /// Moves one frame's worth of an application's bytes into the record.
    ///
    /// - Returns: how many bytes.
    private func send(_ key: Relay.Key, _ connection: inout TunnelConnection) throws(HBONEError) -> Int {
        var end: ConnectionEnd?
        var isRequeued = false
        let sent = try relays.withElement(key) { (relay: inout Relay) throws(HBONEError) -> Int in
            relay.flags.remove(.isQueued)
            guard let stream = relay.stream, relay.flags.isDisjoint(with: [.readClosed, .streamClosed]) else {
                return 0
            }
            switch try connection.hbone.readData(from: relay.fd, stream: stream, &self.scratch) {
            case .sent(let count, let more):
                if relay.bytesFromApplication == 0, relay.flags.contains(.isInbound) {
                    self.observer.firstByte(relay.details, now: self.now)
                }
                relay.bytesFromApplication += UInt64(count)
                relay.clock.moved(isAnswer: relay.flags.contains(.isInbound), now: self.now)
                if more || relay.flags.contains(.peerFinished) {
                    relay.flags.insert(.isQueued)
                    isRequeued = true
                } else {
                    relay.flags.remove(.readable)
                }
                return count
            case .wouldBlock: relay.flags.remove(.readable)
            case .windowClosed: break
            case .endOfStream:
                connection.hbone.http2.endStream(stream)
                relay.flags.insert(.readClosed)
                if relay.isFinished { end = .complete } else { self.watchHalfClose(&relay) }
            case .failed(let number): end = .applicationFailed(errno: number)
            }
            return 0
        }
        if isRequeued { connection.ready.append(key) }
        if let end { deferred.append(.finishRelay(key, end)) }
        return sent ?? 0
    }

    /// Gives received payload to the application, or keeps what its socket does not take.
    private func deliver(
        _ stream: StreamHandle, offset: Int, count: Int, isEndStream: Bool, _ connection: inout TunnelConnection
    ) {
        guard let key = relayKey(of: stream, connection) else {
            // A relay that is gone takes nothing; its bytes still count against the connection's window.
            return connection.hbone.http2.consumed(stream, count: count)
        }
        var end: ConnectionEnd?
        let consumed: Int? = relays.withElement(key) { relay in
            if relay.bytesToApplication == 0, count > 0, !relay.flags.contains(.isInbound) {
                self.observer.firstByte(relay.details, now: self.now)
            }
            relay.bytesToApplication += UInt64(count)
            if count > 0 { relay.clock.moved(isAnswer: !relay.flags.contains(.isInbound), now: self.now) }
            var written = 0
            if count > 0, relay.queue.isEmpty, relay.flags.contains(.writable) {
                let payload = self.scratch.plaintext.readable.extracting(offset..<(offset + count))
                switch Socket.write(relay.fd, payload) {
                case .bytes(let taken): written = taken
                case .wouldBlock: relay.flags.remove(.writable)
                case .failed(let number): end = .applicationFailed(errno: number)
                }
            }
            if written < count, end == nil {
                if written > 0 { relay.flags.remove(.writable) }
                if let refusal = self.keep((offset + written)..<(offset + count), &relay) { end = .refused(refusal) }
            }
            if isEndStream, end == nil { end = self.takeEndOfStream(&relay) }
            return written
        }
        connection.hbone.http2.consumed(stream, count: consumed ?? count)
        if let end { deferred.append(.finishRelay(key, end)) }
    }

    /// Keeps a range of the plaintext for an application that does not take it now.
    private func keep(_ range: Range<Int>, _ relay: inout Relay) -> ConnectionEnd.Refusal? {
        let pod = relay.details.pod
        guard pod.admit(buffered: range.count, limit: configuration.bufferedBytesPerPod) else { return .bufferLimit }
        let before = relay.queue.count
        if scratch.keep(plaintext: range, in: &relay.queue) { return nil }
        // What found room is in the queue, and is released with it.
        pod.release(buffered: range.count - (relay.queue.count - before))
        return .memory
    }
}
