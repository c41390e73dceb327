// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Certificates
internal import HBONE
internal import HTTP2
internal import LinuxIO
internal import Synchronization
internal import TLS
internal import Telemetry

// The pool of client connections: one relay finds a connection, or makes one, or waits for one that is being made.
//
// Nothing here blocks: a peer that is stuck in its handshake holds up only the relays that were meant for it, each until
// its own deadline. A connection goes on to be used when its streams end. A hot peer gets more connections, ahead of need,
// when the least busy one carries many streams or its socket is full, so that one TCP connection's losses and one worker's
// decryption at the other end do not bound all. Each worker has its own pool, and connections are spread over the workers
// (`Worker+Balance`), so throughput grows with the workers of both ends.
extension Worker {
    /// Relays that may wait for one handshake; more open another connection.
    private static let waitersPerConnection = 64
    /// Streams on the least busy connection from which another is opened.
    private static let busyStreams = 64
    /// Connections of one worker to one peer that are opened ahead of need; beyond them only when streams have run out.
    private static let aheadOfNeed = 4

    /// Finds a connection for a relay that waits; called again when one is established.
    func connectRelay(_ key: Relay.Key) {
        var details: ConnectionDetails?
        relays.withElement(key) { relay in
            if relay.phase == .waitingForConnection { details = relay.details }
        }
        guard let details, let next = details.nextHop else { return }
        var candidates = pool[next.poolKey] ?? []
        candidates.removeAll { !connections.contains($0) }
        var best: (key: TunnelConnection.Key, active: Int, isFull: Bool)?
        var connecting: TunnelConnection.Key?
        for candidate in candidates {
            connections.withElement(candidate) { connection in
                guard !connection.isDraining else { return }
                if connection.hbone.phase != .established {
                    if connection.waiting.count < Self.waitersPerConnection { connecting = candidate }
                } else if connection.hbone.http2.availableStreams > 0 {
                    let active = connection.hbone.http2.activeStreamCount
                    if active < best?.active ?? .max { best = (candidate, active, !connection.hbone.canSend) }
                }
            }
        }
        if let best {
            observer.metrics.pool.reused.add()
            let isHot = best.active >= Self.busyStreams || (best.active > 0 && best.isFull)
            if isHot, connecting == nil, candidates.count < Self.aheadOfNeed { openConnection(for: nil, next, details) }
            return sendConnect(key, over: best.key, details)
        }
        if let connecting {
            connections.withElement(connecting) { $0.waiting.append(key) }
            return
        }
        openConnection(for: key, next, details)
    }

    /// Opens a connection for a relay, or ahead of need.
    private func openConnection(for relay: Relay.Key?, _ next: NextHop, _ details: ConnectionDetails) {
        guard let contexts = details.pod.currentContexts() else {
            if let relay { finishRelay(relay, .refused(.noIdentity)) }
            return
        }
        var options = Socket.ConnectOptions(destination: next.poolKey.destination)
        options.mark = details.pod.packetMark
        options.keepaliveSeconds = configuration.keepaliveSeconds
        let key: TunnelConnection.Key?
        let number: CInt
        do throws(HBONEError) {
            let socket = try connect(options, for: details.pod)
            number = socket.rawValue
            Socket.boundUnacknowledged(number, keepaliveSeconds: configuration.keepaliveSeconds)
            var connection = TunnelConnection(
                hbone: try makeClient(socket, contexts.client, next.poolKey), pod: details.pod,
                peerAddress: next.poolKey.destination, poolKey: next.poolKey,
                deadline: now + configuration.connectTimeout, now: now)
            if let relay { connection.waiting.append(relay) }
            key = connections.insert(connection)
        } catch {
            if let relay { retry(relay, after: error) }
            return
        }
        guard let key else {
            if let relay { finishRelay(relay, .refused(.memory)) }
            return
        }
        pool[next.poolKey, default: []].append(key)
        observer.metrics.pool.opened.add()
        observer.metrics.pool.connecting.add(1)
        do throws(SystemError) {
            try poller.addEdgeTriggered(number, token: token(connection: key))
        } catch {
            return deferred.append(.closeConnection(key, .socket(errno: error.number)))
        }
        timers.arm(token(connection: key), at: now + configuration.connectTimeout)
    }

    private func connect(_ options: Socket.ConnectOptions, for pod: Pod) throws(HBONEError) -> OwnedDescriptor {
        do throws(SystemError) {
            return try open(options, for: pod)
        } catch {
            throw .socket(errno: error.number)
        }
    }

    private func makeClient(
        _ socket: consuming OwnedDescriptor, _ context: TLSContext, _ key: PoolKey
    ) throws(HBONEError) -> HBONEConnection {
        do throws(TLSError) {
            return try HBONEConnection(
                socket: socket, context: context, expecting: .oneOf(key.expected), role: .client,
                configuration: configuration.http2, destination: key.destination, now: now)
        } catch {
            throw .tls(error)
        }
    }

    /// The event token of an HBONE connection.
    func token(connection key: TunnelConnection.Key) -> EventToken {
        EventToken(kind: TokenKind.connection, index: key.index, generation: key.generation)
    }

    /// Takes a connection out of the pool: no new stream goes over it.
    func forget(_ poolKey: PoolKey?, _ key: TunnelConnection.Key) {
        guard let poolKey else { return }
        pool[poolKey]?.removeAll { $0 == key }
        if pool[poolKey]?.isEmpty == true { pool[poolKey] = nil }
    }

    /// A connection without streams: one that drains closes, a client's stays for a while.
    ///
    /// A server's closes only when the peer knows: until then it may have opened a stream (RFC 9113 §6.8).
    func closeIfIdle(_ connection: inout TunnelConnection, _ key: TunnelConnection.Key) {
        guard connection.hbone.phase == .established, connection.hbone.http2.activeStreamCount == 0,
            connection.waiting.isEmpty
        else { return }
        let isOver = connection.isDraining && (connection.poolKey != nil || connection.hbone.http2.isDrained)
        if isOver, !connection.hbone.http2.hasPendingOutput {
            deferred.append(.closeConnection(key, .closedLocally))
        } else if connection.poolKey != nil {
            connection.deadline = now + configuration.poolIdleTimeout
            rearm(&connection, key)
        }
    }

    /// Arms the timer for whatever the connection waits for next.
    func rearm(_ connection: inout TunnelConnection, _ key: TunnelConnection.Key) {
        let next = min(connection.deadline, connection.hbone.http2.nextDeadline)
        guard next < connection.armed else { return }
        connection.armed = next
        timers.arm(token(connection: key), at: next)
    }

    /// A connection's timer came up.
    func connectionTimer(_ key: TunnelConnection.Key) {
        withConnection(key) { (connection: inout TunnelConnection) throws(HBONEError) in
            connection.armed = .distantFuture
            let isDue = connection.deadline <= self.now
            switch connection.hbone.phase {
            case .connecting:
                if isDue { throw .timedOut(.connect) }
            case .handshaking:
                if isDue { throw .timedOut(.handshake) }
            case .established:
                if isDue, connection.hbone.http2.activeStreamCount == 0, connection.poolKey != nil {
                    throw .closedLocally
                }
                if isDue {
                    connection.deadline = .distantFuture
                    if connection.isDraining { connection.hbone.http2.beginDrain(now: self.now) }
                }
                do throws(HTTP2Error) {
                    try connection.hbone.http2.tick(now: self.now)
                } catch {
                    throw .http2(error)
                }
                if connection.hbone.http2.hasPendingOutput { self.markDirty(&connection, key) }
            case .closed: return
            }
            self.rearm(&connection, key)
        }
    }

    /// Ends an HBONE connection and everything that travelled on it; relays that only waited for it try elsewhere.
    func closeConnection(_ key: TunnelConnection.Key, _ error: HBONEError) {
        guard var connection = connections.remove(key) else { return }
        forget(connection.poolKey, key)
        let wasEstablished = connection.hbone.phase == .established
        if connection.poolKey == nil {
            connection.pod.loads[index].connections.subtract(1, ordering: .relaxed)
        } else if wasEstablished {
            observer.metrics.pool.connections.add(-1)
        } else {
            observer.metrics.pool.connecting.add(-1)
        }
        if !wasEstablished {
            if connection.poolKey == nil { connection.pod.handshakes.subtract(1, ordering: .relaxed) }
            observer.handshakeFailed(connection.pod, connection.peerAddress, error, isServer: connection.poolKey == nil)
        }
        connection.hbone.close(&scratch)
        for context in connection.hbone.http2.contexts {
            let relay = Relay.Key(context: context)
            if askAgain(relay, wasEstablished: wasEstablished, after: error) { continue }
            var isOver = true
            relays.withElement(relay) { relay in
                relay.markStreamClosed()
                // Both sides have finished and only the application is slow: it gets what has come.
                isOver = !relay.flags.isSuperset(of: [.endAfterQueue, .readClosed]) || relay.phase != .established
                if !isOver { relay.connection = nil }
            }
            if isOver { finishRelay(relay, .connectionFailed(error)) }
        }
        for relay in connection.waiting { retry(relay, after: error) }
    }

    /// Sends a CONNECT once more, over another connection, when the one it was sent over turns out to be dead.
    ///
    /// The peer has restarted, or its address belongs to another pod by now. Nothing was promised yet, no byte has moved.
    private func askAgain(_ key: Relay.Key, wasEstablished: Bool, after error: HBONEError) -> Bool {
        switch error {
        case .socket, .closedByPeer: guard wasEstablished else { return false }
        case .tls, .http2, .timedOut, .outOfBuffers, .closedLocally: return false
        }
        var isAsked = false
        relays.withElement(key) { relay in
            guard relay.phase == .awaitingResponse, !relay.details.isAskedAgain else { return }
            isAsked = true
            relay.details.isAskedAgain = true
            relay.phase = .waitingForConnection
            relay.connection = nil
            relay.stream = nil
            self.observer.metrics.pool.streams.add(-1)
            relay.clock.phaseEnd = self.now + self.configuration.connectTimeout + self.configuration.handshakeTimeout
            self.armTimer(relay)
        }
        if isAsked { deferred.append(.connectRelay(key)) }
        return isAsked
    }

    /// Sends no new stream over a connection whose peer has not answered a CONNECT in time: it may have vanished.
    func distrust(_ key: TunnelConnection.Key?) {
        guard let key else { return }
        withConnection(key) { (connection: inout TunnelConnection) throws(HBONEError) in
            guard let poolKey = connection.poolKey else { return }
            self.forget(poolKey, key)
            connection.isDraining = true
        }
    }
}
