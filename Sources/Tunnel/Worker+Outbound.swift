// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP2
internal import LinuxIO
internal import Mesh
internal import Routing
internal import TLS
internal import Telemetry

// Connections of the pods' own applications, captured at 15001.
extension Worker {
    /// An application of a pod connected somewhere.
    func acceptOutbound(_ socket: consuming OwnedDescriptor, pod: Pod, peer: SocketAddress) {
        guard let target = redirectedDestination(socket, peer: peer) else {
            return refuse(socket, .source, pod: pod, peer: peer, target: nil, .refused(.selfCall))
        }
        carry(socket, to: target, pod: pod, peer: peer)
    }

    /// Somebody connected to a local port that leads into the mesh.
    func acceptForward(_ socket: consuming OwnedDescriptor, _ forward: Forward, pod: Pod, peer: SocketAddress) {
        guard let source = snapshot.workload(uid: pod.uid),
            let target = snapshot.address(
                of: forward.target, in: snapshot[source].namespace, clusterDomain: configuration.clusterDomain)
        else {
            return refuse(
                socket, .source, pod: pod, peer: peer, target: nil, .refused(.unknownTarget(forward.targetText)))
        }
        carry(socket, to: target, pod: pod, peer: peer)
    }

    private func carry(_ socket: consuming OwnedDescriptor, to target: SocketAddress, pod: Pod, peer: SocketAddress) {
        guard let source = snapshot.workload(uid: pod.uid) else {
            return refuse(socket, .source, pod: pod, peer: peer, target: target, .refused(.unknownWorkload))
        }
        if let refusal = admitConnection(pod) {
            return refuse(socket, .source, pod: pod, peer: peer, target: target, .refused(refusal))
        }
        let details = ConnectionDetails(
            pod: pod, reporter: .source, source: peer, target: target, generation: snapshot.generation, opened: now)
        details.sourceParty = observer.party(source, snapshot)
        route(socket, details, source)
    }

    /// Decides where a connection goes and sets out; also again, when the endpoint chosen before could not be reached.
    private func route(
        _ socket: consuming OwnedDescriptor, _ details: ConnectionDetails, _ source: WorkloadIndex,
        after failure: ConnectionEnd? = nil
    ) {
        var request = OutboundRequest(source: source, destination: details.target)
        request.tried = details.tried
        request.illegalPorts = configuration.ownPorts
        switch snapshot.decide(request, load: load.span, random: &random) {
        case .hbone(let route), .hboneViaWaypoint(let route):
            name(details, destination: route.destination ?? route.nextHopWorkload, service: route.service)
            count(route.nextHopWorkload, details)
            details.transport = route.nextHop
            details.authority = route.authority.description
            details.nextHop = NextHop(
                poolKey: PoolKey(
                    podUID: details.pod.uid, destination: route.nextHop,
                    expected: snapshot.identities(of: route.expected)),
                authority: route.authority, workload: route.nextHopWorkload)
            startRelay(socket, details)
        case .tcp(let route):
            name(details, destination: route.workload, service: route.service)
            count(route.workload, details)
            details.endpoint = route.workload
            details.transport = route.address
            startSplice(socket, to: upstreamOptions(route.address, details), details)
        case .passthrough(let address, let service):
            name(details, destination: nil, service: service)
            startSplice(socket, to: upstreamOptions(address, details), details)
        case .reject(let rejection):
            Socket.resetOnClose(socket.rawValue)
            let refusal = ConnectionEnd.refused(.route(snapshot.description(of: rejection), rejection.reason))
            finish(details, rejection == .noOtherEndpoint ? failure ?? refusal : refusal, sent: 0, received: 0)
        }
    }

    private func name(_ details: ConnectionDetails, destination: WorkloadIndex?, service: ServiceIndex?) {
        details.destinationParty = destination.map { observer.party($0, snapshot) }
        details.service = service.map { observer.service($0, snapshot) }
    }

    private func count(_ workload: WorkloadIndex, _ details: ConnectionDetails) {
        load[workload.position] += 1
        details.loadedWorkload = workload
        details.generation = snapshot.generation
    }

    private func upstreamOptions(_ address: SocketAddress, _ details: ConnectionDetails) -> Socket.ConnectOptions {
        var options = Socket.ConnectOptions(destination: address)
        options.mark = details.pod.packetMark
        options.keepaliveSeconds = configuration.keepaliveSeconds
        return options
    }

    private func startRelay(_ socket: consuming OwnedDescriptor, _ details: ConnectionDetails) {
        let number = socket.rawValue
        let deadline = now + configuration.connectTimeout + configuration.handshakeTimeout
        let relay = Relay(
            socket: socket, phase: .waitingForConnection, flags: .writable, details: details, phaseEnd: deadline,
            now: now)
        guard let key = relays.insert(relay) else { return finish(details, .refused(.memory), sent: 0, received: 0) }
        relays.withElement(key) { $0.key = key }
        do {
            try poller.addEdgeTriggered(number, token: token(relay: key))
        } catch {
            return finishRelay(key, .applicationFailed(errno: error.number))
        }
        timers.arm(token(relay: key), at: deadline)
        connectRelay(key)
    }

    /// Sends the CONNECT of a relay over an established connection.
    func sendConnect(_ key: Relay.Key, over connectionKey: TunnelConnection.Key, _ details: ConnectionDetails) {
        guard let next = details.nextHop else { return }
        let trace = TraceParent(random: &random)
        details.trace = trace
        var opened: StreamHandle?
        withConnection(connectionKey) { (connection: inout TunnelConnection) throws(HBONEError) in
            guard let stream = connection.hbone.http2.openStream(context: key.context) else { return }
            opened = stream
            details.peerIdentity = connection.hbone.peer?.id
            self.writeConnect(stream, next, details, trace, &connection)
            self.markDirty(&connection, connectionKey)
        }
        guard let opened else {
            // The connection broke, or gave its last stream away, since it was chosen.
            return deferred.append(.connectRelay(key))
        }
        relays.withElement(key) { relay in
            relay.connection = connectionKey
            relay.stream = opened
            relay.phase = .awaitingResponse
            self.observer.metrics.pool.streams.add(1)
            relay.clock.phaseEnd = self.now + self.configuration.responseTimeout
            self.armTimer(relay)
        }
    }

    private func writeConnect(
        _ stream: StreamHandle, _ next: NextHop, _ details: ConnectionDetails, _ trace: TraceParent,
        _ connection: inout TunnelConnection
    ) {
        connection.hbone.http2.beginHeaders(stream)
        connection.hbone.http2.addField(name: ":method", value: "CONNECT")
        connection.hbone.http2.addField(name: ":authority", value: next.authority.description.utf8.span)
        if let baggage = details.sourceParty?.baggage, !baggage.isEmpty {
            connection.hbone.http2.addField(name: "baggage", value: baggage.utf8.span)
        }
        let forwarded = Forwarded.headerValue(client: details.source, host: details.service?.hostname)
        connection.hbone.http2.addField(name: "forwarded", value: forwarded.utf8.span, indexing: .notIndexed)
        let traceparent = trace.octets
        connection.hbone.http2.addField(name: "traceparent", value: traceparent.span, indexing: .notIndexed)
        connection.hbone.http2.endHeaders(isEndStream: false)
    }

    /// The far side has answered a CONNECT.
    func takeResponse(
        _ stream: StreamHandle, isEndStream: Bool, _ connection: inout TunnelConnection, _ key: TunnelConnection.Key
    ) {
        let status = connection.hbone.http2.fields.status
        guard let relayKey = relayKey(of: stream, connection) else { return }
        var end: ConnectionEnd?
        relays.withElement(relayKey) { relay in
            guard relay.phase == .awaitingResponse else { return }
            guard status == 200 else {
                end = .status(status)
                return
            }
            self.establish(&relay)
            if isEndStream { end = self.takeEndOfStream(&relay) }
        }
        if let end {
            deferred.append(.finishRelay(relayKey, end))
        } else {
            queueIfReadable(relayKey, &connection, key)
        }
    }

    /// The relay that a stream belongs to; nil when it belongs to none (yet, or any more).
    func relayKey(of stream: StreamHandle, _ connection: borrowing TunnelConnection) -> Relay.Key? {
        guard let context = connection.hbone.http2.context(of: stream) else { return nil }
        let key = Relay.Key(context: context)
        return relays.contains(key) ? key : nil
    }

    /// The connection that a relay waited for has failed: no byte was sent, so another endpoint may serve it.
    func retry(_ key: Relay.Key, after error: HBONEError) {
        var canRetry = false
        relays.withElement(key) { relay in
            guard relay.phase == .waitingForConnection, let next = relay.details.nextHop else { return }
            canRetry = relay.details.remember(tried: next.workload) && relay.clock.phaseEnd > self.now
        }
        guard canRetry, let relay = relays.remove(key) else { return finishRelay(key, .connectionFailed(error)) }
        poller.remove(relay.fd)
        let details = relay.details
        reroute(relay.socket, details, after: .connectionFailed(error))
    }

    /// Sets out anew with a connection whose endpoint could not be reached, or ends it as `end` when there is no other.
    func reroute(_ socket: consuming OwnedDescriptor, _ details: ConnectionDetails, after end: ConnectionEnd) {
        uncount(details)
        guard details.tried.count < configuration.connectAttempts, let source = snapshot.workload(uid: details.pod.uid)
        else {
            Socket.resetOnClose(socket.rawValue)
            return finish(details, end, sent: 0, received: 0)
        }
        route(socket, details, source, after: end)
    }

    private func uncount(_ details: ConnectionDetails) {
        guard let workload = details.loadedWorkload, details.generation == snapshot.generation else { return }
        load[workload.position] -= 1
        details.loadedWorkload = nil
    }
}

extension OutboundRejection {
    /// The reason for the refusals metric.
    var reason: RefusalReason {
        switch self {
        case .selfCall: .loop
        case .unknownSourceWorkload: .unknownSource
        case .unknownWaypoint: .noWaypoint
        case .noHealthyUpstream, .noOtherEndpoint: .noHealthyUpstream
        case .noIdentity: .noCertificate
        }
    }
}
