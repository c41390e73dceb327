// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import HTTP1
internal import HTTP2
internal import HTTPRouting
internal import Identity
internal import Mesh
internal import Routing
internal import Telemetry

// Where an exchange goes.
extension Worker {
    /// Decides where an exchange goes, if that is not decided yet, and sets out for one try.
    func route(_ key: Exchange.Key) {
        var reply: LocalReply?
        var isReady = false
        var isNew = false
        exchanges.withElement(key) { exchange in
            guard exchange.phase == .routing, !exchange.flags.contains(.clientGone) else { return }
            if exchange.decision == nil, !exchange.flags.contains(.decided) {
                exchange.flags.insert(.decided)
                isNew = true
                reply = self.decide(&exchange, key)
            }
            isReady = reply == nil && exchange.phase == .routing
        }
        if let reply { return self.reply(key, reply) }
        if isNew, exchanges.contains(key) { startMirrors(key) }
        if isReady { setOut(key) }
    }

    /// Chooses an endpoint and finds a connection to it.
    private func setOut(_ key: Exchange.Key) {
        var target: Target.Key?
        var mode = Upstream.Mode.http1
        var policy = ConnectionPoolPolicy()
        exchanges.withElement(key) { exchange in
            if let cluster = exchange.cluster {
                // What was to be encrypted does not go out in clear text.
                if exchange.table[cluster].hasTLS { return self.steps.append(.reply(key, .noTLS)) }
                policy = exchange.table[cluster].connectionPool
            }
            guard let endpoint = self.choose(&exchange) else {
                return self.steps.append(.reply(key, exchange.tries > 0 ? .connectFailure : .noEndpoint))
            }
            target = self.target(of: endpoint, exchange)
            guard let target else { return self.steps.append(.reply(key, .noEndpoint)) }
            exchange.endpoint = endpoint
            exchange.target = target
            exchange.tries += 1
            exchange.phase = .connecting
            if exchange.frontend.workload == nil {
                self.loadState.requestBegan(endpoint.slot)
                exchange.flags.insert(.countsAtEndpoint)
            }
            if exchange.tries > 1, !exchange.flags.contains(.countsAsRetry) {
                exchange.flags.insert(.countsAsRetry)
                self.activeRetries += 1
            }
            mode = self.mode(exchange, target)
            exchange.isUpstreamHTTP2 = mode == .http2
            if let rule = exchange.decision?.rule, let time = exchange.table[rule].tryTimeout {
                exchange.tryDeadline = self.now + time
                self.rearm(&exchange, key)
            }
        }
        if let target, exchanges.contains(key) { connect(key, target, mode, policy) }
    }

    private func choose(_ exchange: inout Exchange) -> RouteEndpoint? {
        if let workload = exchange.frontend.workload { return direct(workload, &exchange) }
        guard let cluster = exchange.cluster else { return nil }
        var query = EndpointQuery(cluster: cluster)
        query.hash = exchange.hash.value
        query.original = exchange.frontend.address
        query.tried = exchange.tried
        let found = exchange.table.chooseEndpoint(query, now: now, state: &loadState, random: &random)
        if found != nil || exchange.tried.count == 0 { return found }
        query.tried = TriedWorkloads()
        return exchange.table.chooseEndpoint(query, now: now, state: &loadState, random: &random)
    }

    /// A pod that was addressed itself, behind a workload waypoint.
    private func direct(_ workload: WorkloadIndex, _ exchange: inout Exchange) -> RouteEndpoint? {
        guard exchange.tries == 0 else { return nil }
        return RouteEndpoint(
            direct: workload, address: exchange.frontend.address,
            tunnelProtocol: exchange.frontend.epoch.mesh[workload].tunnelProtocol)
    }

    /// What is spoken to the endpoint: what the client speaks, unless the port is declared to be HTTP/2, or is upgraded to it.
    private func mode(_ exchange: borrowing Exchange, _ target: Target.Key) -> Upstream.Mode {
        if exchange.flags.contains(.tcp) { return .raw }
        // What HTTP/1 clients upgrade to is agreed upon with the endpoint itself.
        let isUpgrade = heads.withElement(exchange.heads) { !$0.request.protocolName.isEmpty } == true
        if isUpgrade, !exchange.flags.contains(.isHTTP2) { return .http1 }
        if mustBeHTTP2(exchange) { return .http2 }
        guard exchange.flags.contains(.isHTTP2) || isUpgraded(exchange) else { return .http1 }
        let isUnderstood = targets.withElement(target) { $0.onlyHTTP1Until <= self.now }
        return isUnderstood == false ? .http1 : .http2
    }

    /// Whether the endpoint is spoken to in HTTP/2, whatever the client speaks and the endpoint answers.
    func mustBeHTTP2(_ exchange: borrowing Exchange) -> Bool {
        var declared = exchange.frontend.declared
        if let cluster = exchange.cluster {
            if exchange.table[cluster].connectionPool.usesClientProtocol { return false }
            declared = exchange.table[cluster].applicationProtocol
        }
        switch declared {
        case .http2, .grpc: return true
        case .http, .grpcWeb, .undeclared, .tls, .tcp: return false
        }
    }

    /// `h2UpgradePolicy: UPGRADE`.
    private func isUpgraded(_ exchange: borrowing Exchange) -> Bool {
        guard let cluster = exchange.cluster else { return false }
        let pool = exchange.table[cluster].connectionPool
        return pool.upgrade == .always && !pool.usesClientProtocol
    }

    /// The target of an endpoint, made when it is new; nil when the endpoint has no identity that could be checked.
    private func target(of endpoint: RouteEndpoint, _ exchange: borrowing Exchange) -> Target.Key? {
        let epoch = exchange.frontend.epoch
        let isDirect = exchange.frontend.workload != nil
        if !isDirect, let key = epoch.target(endpoint.slot) { return key }
        var expected: [SPIFFEID] = []
        if endpoint.tunnelProtocol == .hbone {
            guard let identity = epoch.mesh[endpoint.workload].identity else { return nil }
            let service = exchange.cluster.map { exchange.table[$0].service }
            expected = epoch.mesh.identities(of: ExpectedIdentities(workload: identity, service: service))
        }
        let id = TargetID(address: endpoint.address, tunnelProtocol: endpoint.tunnelProtocol, expected: expected)
        guard let key = targetKeys[id] ?? targets.insert(Target(id: id)) else { return nil }
        targetKeys[id] = key
        if !isDirect { epoch.setTarget(key, endpoint.slot) }
        return key
    }

    /// Finds a connection for an exchange, or makes one.
    private func connect(
        _ key: Exchange.Key, _ target: Target.Key, _ mode: Upstream.Mode, _ policy: ConnectionPoolPolicy
    ) {
        switch mode {
        case .raw: break
        case .http1:
            while let idle = takeIdle(target) {
                guard upstreams.contains(idle) else { continue }
                return start(key, idle)
            }
        case .http2:
            if let shared = findShared(target, for: key) {
                if let shared = shared.established { start(key, shared) }
                return
            }
        }
        open(target, mode, for: key, policy)
    }

    private func takeIdle(_ target: Target.Key) -> Upstream.Key? {
        let taken: Upstream.Key?? = targets.withElement(target) { $0.idle.popLast() }
        return taken ?? nil
    }

    private struct SharedUpstream {
        /// Nil: the exchange waits for one that is being made.
        var established: Upstream.Key?
    }

    /// Exchanges that may wait for one connection; more open another.
    private static let waitersPerConnection = 100

    private func findShared(_ target: Target.Key, for key: Exchange.Key) -> SharedUpstream? {
        let count = targets.withElement(target) { $0.shared.count } ?? 0
        for position in 0..<count {
            let candidate: Upstream.Key?? = targets.withElement(target) { $0.shared[position] }
            guard case .some(.some(let candidate)) = candidate else { continue }
            let found = upstreams.withElement(candidate) { upstream -> SharedUpstream? in
                guard !upstream.isDraining else { return nil }
                if upstream.phase == .established, upstream.pipe.http2 != nil {
                    return (upstream.pipe.http2?.availableStreams ?? 0) > 0
                        ? SharedUpstream(established: candidate) : nil
                }
                guard upstream.waiting.count < Self.waitersPerConnection else { return nil }
                upstream.waiting.append(key)
                return SharedUpstream()
            }
            if case .some(.some(let found)) = found { return found }
        }
        return nil
    }
}

extension Exchange {
    /// The routes that it was decided by.
    var table: RouteTable {
        _read { yield frontend.epoch.routes.table }
    }
}
