// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Certificates
internal import HBONE
internal import HTTP2
internal import LinuxIO
internal import Routing
internal import Synchronization
internal import TLS
internal import Telemetry

// Connections to the pods of this node: HBONE on 15008, plain text redirected to 15006.
extension Worker {
    /// A peer connected to 15008 of a pod.
    func acceptHBONE(_ socket: consuming OwnedDescriptor, pod: Pod, peer: SocketAddress) {
        guard let contexts = pod.currentContexts() else {
            return refuse(socket, .destination, pod: pod, peer: peer, target: nil, .refused(.noIdentity))
        }
        guard pod.handshakes.add(1, ordering: .relaxed).newValue <= configuration.handshakesPerPod else {
            pod.handshakes.subtract(1, ordering: .relaxed)
            return refuse(socket, .destination, pod: pod, peer: peer, target: nil, .refused(.handshakeLimit))
        }
        let number = socket.rawValue
        Socket.boundUnacknowledged(number, keepaliveSeconds: configuration.keepaliveSeconds)
        let inserted: TunnelConnection.Key?
        do {
            let localIP = try Socket.localAddress(number).ip
            let hbone = try HBONEConnection(
                socket: socket, context: contexts.server, expecting: .anyInTrustDomain, role: .server,
                configuration: configuration.http2, now: now)
            var connection = TunnelConnection(
                hbone: hbone, pod: pod, peerAddress: peer, poolKey: nil,
                deadline: now + configuration.handshakeTimeout, now: now)
            connection.localIP = localIP
            // From the accept queue of a drain, or handed over by a worker that has not begun it.
            connection.isDraining = drainEnd != nil || pods[pod.uid] !== pod
            inserted = connections.insert(connection)
        } catch {
            inserted = nil
        }
        guard let key = inserted else {
            pod.handshakes.subtract(1, ordering: .relaxed)
            return observer.handshakeFailed(pod, peer, .closedLocally, isServer: true)
        }
        pod.loads[index].connections.add(1, ordering: .relaxed)
        do throws(SystemError) {
            try poller.addEdgeTriggered(number, token: token(connection: key))
        } catch {
            return deferred.append(.closeConnection(key, .socket(errno: error.number)))
        }
        timers.arm(token(connection: key), at: now + configuration.handshakeTimeout)
    }

    /// Takes a CONNECT that came: asks whether it is for this pod and allowed, and connects to the application.
    func acceptStream(
        _ stream: StreamHandle, isEndStream: Bool, _ connection: inout TunnelConnection, _ key: TunnelConnection.Key
    ) {
        let pod = connection.pod
        let details: ConnectionDetails
        switch judge(connection) {
        case .refused(let early, let end):
            refuse(stream, end.responseStatus, &connection)
            observer.closed(early, end, bytesFromApplication: 0, bytesToApplication: 0, now: now)
            return markDirty(&connection, key)
        case .accepted(let accepted): details = accepted
        }
        if let refusal = admitConnection(pod) {
            refuse(stream, 503, &connection)
            observer.closed(details, .refused(refusal), bytesFromApplication: 0, bytesToApplication: 0, now: now)
            return markDirty(&connection, key)
        }
        let socket: OwnedDescriptor
        do throws(SystemError) {
            socket = try open(applicationOptions(details), for: pod)
        } catch {
            refuse(stream, 503, &connection)
            markDirty(&connection, key)
            return finish(details, .applicationFailed(errno: error.number), sent: 0, received: 0)
        }
        let number = socket.rawValue
        var relay = Relay(
            socket: socket, phase: .connecting, flags: .isInbound, details: details,
            phaseEnd: now + configuration.connectTimeout,
            now: now)
        relay.connection = key
        relay.stream = stream
        if isEndStream { relay.flags.insert(.endAfterQueue) }
        guard let relayKey = relays.insert(relay) else {
            refuse(stream, 503, &connection)
            markDirty(&connection, key)
            return finish(details, .refused(.memory), sent: 0, received: 0)
        }
        relays.withElement(relayKey) { $0.key = relayKey }
        connection.hbone.http2.setContext(relayKey.context, for: stream)
        do throws(SystemError) {
            try poller.addEdgeTriggered(number, token: token(relay: relayKey))
        } catch {
            // The connection is in use: the relay answers its stream and goes when the event at hand is over.
            return deferred.append(.finishRelay(relayKey, .applicationFailed(errno: error.number)))
        }
        timers.arm(token(relay: relayKey), at: now + configuration.connectTimeout)
    }

    /// Answers a CONNECT that is not carried: the status ends our side, and nothing more is wanted from the other.
    func refuse(_ stream: StreamHandle, _ status: Int, _ connection: inout TunnelConnection) {
        connection.hbone.http2.sendResponse(stream, status: status, isEndStream: true)
        connection.hbone.http2.reset(stream, .noError)
    }

    /// How the application is connected to: from the client's address where the pod has its own namespace; a proxy that takes
    /// PROXY headers is on the loopback.
    private func applicationOptions(_ details: ConnectionDetails) -> Socket.ConnectOptions {
        var destination = details.target
        if details.preamble != nil { destination.ip = destination.ip.isIPv4 ? .loopbackV4 : .loopbackV6 }
        var options = Socket.ConnectOptions(destination: destination)
        options.mark = details.pod.packetMark
        options.keepaliveSeconds = configuration.keepaliveSeconds
        let isPossible =
            details.source.ip != destination.ip && details.source.ip.isIPv4 == destination.ip.isIPv4
            && !destination.ip.isLoopback
        if details.pod.isRedirected, configuration.preservesSource, isPossible { options.source = details.source.ip }
        return options
    }

    /// The connect to the application has its outcome.
    func applicationConnected(_ key: Relay.Key, _ connectionKey: TunnelConnection.Key) {
        var end: ConnectionEnd?
        var stream: StreamHandle?
        var details: ConnectionDetails?
        var consumed = 0
        relays.withElement(key) { relay in
            let number = Socket.takeError(relay.fd)
            guard number == 0 else {
                end = .applicationFailed(errno: number)
                return
            }
            if let preamble = relay.details.preamble {
                // A new socket takes 4 KiB at least: the header goes as a whole or not at all.
                guard case .bytes(preamble.count) = Socket.write(relay.fd, preamble.span) else {
                    end = .refused(.memory)
                    return
                }
            }
            stream = relay.stream
            self.observer.connectTook(self.now - relay.details.opened, .destination)
            details = relay.details
            self.establish(&relay)
            (consumed, end) = self.flushQueue(&relay)
        }
        guard let stream, let details else {
            if let end { finishRelay(key, end) }
            return
        }
        withConnection(connectionKey) { (connection: inout TunnelConnection) throws(HBONEError) in
            self.sendAcceptance(stream, details, &connection)
            if consumed > 0 { connection.hbone.http2.consumed(stream, count: consumed) }
            self.markDirty(&connection, connectionKey)
            self.queueIfReadable(key, &connection, connectionKey)
        }
        if let end { finishRelay(key, end) }
    }

    /// A connection in plain text, redirected to 15006: the same checks, with no identity.
    func acceptPlaintext(_ socket: consuming OwnedDescriptor, pod: Pod, peer: SocketAddress) {
        guard let target = redirectedDestination(socket, peer: peer) else {
            return refuse(socket, .destination, pod: pod, peer: peer, target: nil, .refused(.selfCall))
        }
        switch judgePlaintext(pod: pod, peer: peer, target: target) {
        case .refused(let details, let end):
            Socket.resetOnClose(socket.rawValue)
            observer.closed(details, end, bytesFromApplication: 0, bytesToApplication: 0, now: now)
        case .accepted(let details):
            if let refusal = admitConnection(pod) {
                return refuse(socket, .destination, pod: pod, peer: peer, target: target, .refused(refusal))
            }
            startSplice(socket, to: applicationOptions(details), details)
        }
    }
}
