// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP1
internal import HTTP2
internal import LinuxIO
internal import Mesh
internal import TLS

// New connections to endpoints.
extension Worker {
    /// Opens a connection to an endpoint for an exchange.
    func open(
        _ targetKey: Target.Key, _ mode: Upstream.Mode, for exchange: Exchange.Key, _ policy: ConnectionPoolPolicy
    ) {
        guard let id = targets.withElement(targetKey, { $0.id }) else { return }
        let isShorter = policy.connectTimeout.count > 0 && policy.connectTimeout < configuration.connectTimeout
        let deadline = now + (isShorter ? policy.connectTimeout : configuration.connectTimeout)
        var key: Upstream.Key?
        switch id.tunnelProtocol {
        case .tcp:
            var options = Socket.ConnectOptions(destination: id.address)
            options.keepaliveSeconds = configuration.keepaliveSeconds
            do throws(SystemError) {
                let socket = try Socket.connect(options)
                let number = socket.rawValue
                var upstream = Upstream(
                    pipe: Pipe(socket: socket, flags: .connecting), mode: mode, target: targetKey, deadline: deadline,
                    now: now)
                attach(exchange, &upstream, policy)
                key = upstreams.insert(upstream)
                if let key { watch(number, token(upstream: key)) { _ in .closeUpstream(key, .connect) } }
            } catch {
                return steps.append(.upstreamFailed(exchange, .connect))
            }
        case .hbone:
            var upstream = Upstream(
                pipe: Pipe(carrier: Carrier.Key(context: 0), stream: nil), mode: mode, target: targetKey,
                deadline: deadline, now: now)
            upstream.pipe.carrier = nil
            attach(exchange, &upstream, policy)
            key = upstreams.insert(upstream)
            if let key { steps.append(.openStream(key)) }
        }
        guard let key else { return steps.append(.reply(exchange, .overload)) }
        if mode == .http2 { targets.withElement(targetKey) { $0.shared.append(key) } }
        exchanges.withElement(exchange) { $0.upstream = key }
        timers.arm(token(upstream: key), at: deadline)
    }

    private func attach(_ exchange: Exchange.Key, _ upstream: inout Upstream, _ policy: ConnectionPoolPolicy) {
        upstream.servedLimit = policy.maximumRequestsPerConnection
        // 0 means for ever in the API; the pool's own limit counts then.
        let isLimited = policy.httpIdleTimeout.count > 0
        upstream.idleTimeout =
            isLimited ? min(configuration.poolIdleTimeout, policy.httpIdleTimeout) : configuration.poolIdleTimeout
        if upstream.mode == .http2 { upstream.waiting.append(exchange) } else { upstream.exchange = exchange }
    }

    /// A connection is there: its protocol begins at once, for the endpoint may speak first.
    func establish(_ upstream: inout Upstream, _ key: Upstream.Key) {
        upstream.phase = .established
        switch upstream.mode {
        case .http1: upstream.http1 = HTTP1ClientConnection()
        case .http2:
            upstream.pipe.http2 = HTTP2Connection(role: .client, configuration: configuration.upstreamHTTP2, now: now)
            markDirty(&upstream.pipe, .upstream(key))
        case .raw: break
        }
        steps.append(.upstreamReady(key))
    }

    /// A connection is established, or takes exchanges again: starts what waits for it.
    func upstreamReady(_ key: Upstream.Key) {
        var waiting: [Exchange.Key] = []
        var isIdle = false
        upstreams.withElement(key) { upstream in
            guard upstream.phase == .established else { return }
            if upstream.mode == .http2 {
                isIdle = upstream.isDraining && upstream.pipe.http2?.activeStreamCount == 0
            }
            waiting = upstream.waiting
            upstream.waiting = []
            if upstream.mode != .http2, !upstream.isReused, let exchange = upstream.exchange { waiting = [exchange] }
        }
        for exchange in waiting { start(exchange, key) }
        if isIdle { steps.append(.closeUpstream(key, .termination)) }
    }

    // MARK: Streams of carriers

    /// Finds a stream for a connection to an endpoint by HBONE, or waits for one.
    func openStream(_ key: Upstream.Key) {
        guard let targetKey = upstreams.withElement(key, { $0.target }),
            upstreams.withElement(key, { $0.pipe.stream == nil }) == true
        else { return }
        var best: (key: Carrier.Key, active: Int)?
        var connecting: Carrier.Key?
        let candidates = targets.withElement(targetKey) { $0.carriers } ?? []
        for candidate in candidates {
            carriers.withElement(candidate) { carrier in
                guard !carrier.isDraining else { return }
                if carrier.hbone.phase != .established {
                    if carrier.waiting.count < Self.waitersPerCarrier { connecting = candidate }
                } else if carrier.hbone.http2.availableStreams > 0 {
                    let active = carrier.hbone.http2.activeStreamCount
                    if active < best?.active ?? .max { best = (candidate, active) }
                }
            }
        }
        if let best { return sendConnect(key, over: best.key, targetKey) }
        if let connecting {
            carriers.withElement(connecting) { $0.waiting.append(key) }
            return
        }
        openCarrier(for: key, targetKey)
    }

    /// Connections that may wait for one handshake; more open another carrier.
    private static let waitersPerCarrier = 64

    private func sendConnect(_ key: Upstream.Key, over carrierKey: Carrier.Key, _ targetKey: Target.Key) {
        guard let authority = targets.withElement(targetKey, { $0.authority }) else { return }
        var stream: StreamHandle?
        withCarrier(carrierKey) { (carrier: inout Carrier) throws(HBONEError) in
            guard let opened = carrier.hbone.http2.openStream(context: key.context) else { return }
            stream = opened
            carrier.hbone.http2.beginHeaders(opened)
            carrier.hbone.http2.addField(name: ":method", value: "CONNECT")
            carrier.hbone.http2.addField(name: ":authority", value: authority.span)
            carrier.hbone.http2.endHeaders(isEndStream: false)
            self.markDirty(&carrier, carrierKey)
        }
        guard let stream else { return steps.append(.openStream(key)) }
        upstreams.withElement(key) { upstream in
            upstream.pipe.carrier = carrierKey
            upstream.pipe.stream = stream
        }
    }

    private func openCarrier(for upstream: Upstream.Key, _ targetKey: Target.Key) {
        guard let identity, let id = targets.withElement(targetKey, { $0.id }) else {
            return steps.append(.closeUpstream(upstream, .connect))
        }
        var options = Socket.ConnectOptions(
            destination: SocketAddress(ip: id.address.ip, port: configuration.peerHBONEPort))
        options.keepaliveSeconds = configuration.keepaliveSeconds
        let key: Carrier.Key?
        let number: CInt
        do {
            let socket = try Socket.connect(options)
            number = socket.rawValue
            let hbone = try HBONEConnection(
                socket: socket, context: identity.client, expecting: .oneOf(id.expected), role: .client,
                configuration: configuration.carrierHTTP2, now: now)
            var carrier = Carrier(
                hbone: hbone, peerAddress: options.destination, target: targetKey,
                deadline: now + configuration.connectTimeout, now: now)
            carrier.waiting.append(upstream)
            key = carriers.insert(carrier)
        } catch {
            return steps.append(.closeUpstream(upstream, .connect))
        }
        guard let key else { return steps.append(.closeUpstream(upstream, .connect)) }
        targets.withElement(targetKey) { $0.carriers.append(key) }
        watch(number, token(carrier: key)) { .closeCarrier(key, .socket(errno: $0)) }
        timers.arm(token(carrier: key), at: now + configuration.connectTimeout)
    }
}
