// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP2
internal import LinuxIO
internal import Mesh
internal import TLS

// Connections arriving at the listeners.
extension Worker {
    /// Connections taken from one listener per turn; then others have their turn.
    static let acceptsPerTurn = 64
    /// How long a listener rests when descriptors have run out.
    private static let pause = Nanoseconds.milliseconds(100)

    /// Takes what waits in the accept queue, up to `limit` connections.
    func acceptConnections(_ key: Listener.Key, limit: Int = acceptsPerTurn) {
        for _ in 0..<limit {
            do {
                guard try acceptOne(key) else { return }
            } catch {
                if !isOutOfDescriptors { observer.acceptFailed(error) }
                if error.isOutOfResources {
                    isOutOfDescriptors = true
                    setListener(key, isPaused: true)
                    timers.arm(
                        EventToken(kind: TokenKind.listener, index: key.index, generation: key.generation),
                        at: now + Self.pause)
                }
                return
            }
        }
    }

    private func acceptOne(_ key: Listener.Key) throws(SystemError) -> Bool {
        var purpose = Listener.Purpose.hbone
        let accepted = try listeners.withElement(key) { (listener: inout Listener) throws(SystemError) in
            purpose = listener.purpose
            return try Socket.accept(listener.socket.rawValue)
        }
        guard case .some(.some(let (fd, peer))) = accepted else { return false }
        let socket = OwnedDescriptor(adopting: fd)
        isOutOfDescriptors = false
        Socket.tune(fd, keepaliveSeconds: configuration.keepaliveSeconds)
        switch purpose {
        case .hbone: acceptHBONE(socket, peer)
        case .plaintext(let position): acceptPlaintext(socket, peer, position)
        }
        performSteps()
        return true
    }

    private func acceptHBONE(_ socket: consuming OwnedDescriptor, _ peer: SocketAddress) {
        guard let identity, carriers.count < configuration.maxConnections else {
            Socket.resetOnClose(socket.rawValue)
            return observer.refused(identity == nil ? "no certificate yet" : "too many connections", peer)
        }
        let number = socket.rawValue
        do {
            let hbone = try HBONEConnection(
                socket: socket, context: identity.server, expecting: .anyInTrustDomain, role: .server,
                configuration: configuration.carrierHTTP2, now: now)
            let carrier = Carrier(
                hbone: hbone, peerAddress: peer, target: nil, deadline: now + configuration.handshakeTimeout, now: now)
            guard let key = carriers.insert(carrier) else { return }
            watch(number, token(carrier: key)) { .closeCarrier(key, .socket(errno: $0)) }
            timers.arm(token(carrier: key), at: now + configuration.handshakeTimeout)
        } catch {
            observer.refused("\(error)", peer)
        }
    }

    private func acceptPlaintext(_ socket: consuming OwnedDescriptor, _ peer: SocketAddress, _ position: Int) {
        let client = Client(address: peer, identity: nil)
        guard let frontend = plaintextFrontend(position, client), servedCount < configuration.maxConnections
        else {
            Socket.resetOnClose(socket.rawValue)
            return observer.refused("no such service, or too many connections", peer)
        }
        let number = socket.rawValue
        let downstream = Downstream(
            pipe: Pipe(socket: socket, flags: .writable), client: client, frontend: frontend,
            deadline: now + configuration.headerTimeout)
        guard let key = downstreams.insert(downstream) else { return }
        countServed(1)
        watch(number, token(downstream: key)) { _ in .closeDownstream(key) }
        begin(key)
    }

    /// Watches a socket, or ends its owner when that is impossible.
    func watch(_ fd: CInt, _ token: EventToken, else step: (CInt) -> Step) {
        do throws(SystemError) {
            try poller.addEdgeTriggered(fd, token: token)
        } catch {
            steps.append(step(error.number))
        }
    }

    /// A listener's rest is over.
    func resumeListener(_ key: Listener.Key) {
        setListener(key, isPaused: false)
    }

    private func setListener(_ key: Listener.Key, isPaused: Bool) {
        let token = EventToken(kind: TokenKind.listener, index: key.index, generation: key.generation)
        listeners.withElement(key) { listener in
            guard listener.isPaused != isPaused else { return }
            do throws(SystemError) {
                try self.poller.setReadable(listener.socket.rawValue, isEnabled: !isPaused, token: token)
                listener.isPaused = isPaused
            } catch {
                self.observer.acceptFailed(error)
            }
        }
    }

    /// The event token of a carrier.
    func token(carrier key: Carrier.Key) -> EventToken {
        EventToken(kind: TokenKind.carrier, index: key.index, generation: key.generation)
    }

    /// The event token of a client's connection.
    func token(downstream key: Downstream.Key) -> EventToken {
        EventToken(kind: TokenKind.downstream, index: key.index, generation: key.generation)
    }

    /// The event token of a connection to an endpoint.
    func token(upstream key: Upstream.Key) -> EventToken {
        EventToken(kind: TokenKind.upstream, index: key.index, generation: key.generation)
    }

    /// The event token of an exchange.
    func token(exchange key: Exchange.Key) -> EventToken {
        EventToken(kind: TokenKind.exchange, index: key.index, generation: key.generation)
    }
}
