// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import GRPC
internal import HTTP
internal import HTTPRouting
internal import Mesh
internal import Routing
internal import Telemetry

// What the routes say about an exchange.
extension Worker {
    /// Decides about an exchange.
    ///
    /// - Returns: the answer, when no endpoint is to be asked; the phase is `pausing` when it has to wait first.
    func decide(_ exchange: inout Exchange, _ key: Exchange.Key) -> LocalReply? {
        let isStream = exchange.flags.contains(.tcp)
        if !isStream { heads.withElement(exchange.heads) { self.describe(exchange.client, &$0.request) } }
        guard let scope = exchange.frontend.scope else { return nil }
        if isStream { return decideStream(&exchange, key, scope) }
        var result: LocalReply?
        heads.withElement(exchange.heads) { heads in
            let decision = exchange.table.decide(
                heads.request, in: scope, from: exchange.frontend.client, random: &self.random,
                scratch: &self.routeScratch)
            exchange.decision = decision
            result = self.carryOut(decision, &exchange, key, &heads)
        }
        return result
    }

    private func decideStream(_ exchange: inout Exchange, _ key: Exchange.Key, _ scope: RouteScope) -> LocalReply? {
        let client = exchange.frontend.client
        var serverName: [UInt8] = []
        if exchange.table.needsServerName(in: scope, client) {
            guard let name = self.serverName(&exchange, key) else { return nil }
            serverName = name
        }
        let facts = StreamFacts(
            client: client, source: exchange.client.address.ip, destination: exchange.frontend.address.ip)
        switch exchange.table.decideStream(serverName: serverName.span, in: scope, facts, random: &random) {
        case .forward(let cluster, _):
            exchange.cluster = cluster
            return nil
        case .noRoute: return .noRoute
        case .invalidBackend: return .noCluster
        }
    }

    /// The server name of a connection in lower case, empty when it has none; nil: the exchange waits for its ClientHello.
    private func serverName(_ exchange: inout Exchange, _ key: Exchange.Key) -> [UInt8]? {
        exchange.flags.remove(.awaitsServerName)
        exchange.tryDeadline = .distantFuture
        let first = exchange.toUpstream.prefix(ServerName.limit)
        switch ServerName(first.span) {
        case .name(let name): return name.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
        case .absent: return []
        case .needsMore(let count):
            let limit = exchange.started + configuration.detectionTimeout
            guard now < limit, !exchange.flags.contains(.requestEnded) else { return [] }
            exchange.flags.insert(.awaitsServerName)
            exchange.awaitedOctets = first.count + count
            exchange.flags.remove(.decided)
            exchange.phase = .pausing
            exchange.tryDeadline = limit
            rearm(&exchange, key)
            return nil
        }
    }

    private func carryOut(
        _ decision: RouteDecision, _ exchange: inout Exchange, _ key: Exchange.Key, _ heads: inout Heads
    ) -> LocalReply? {
        response.reset()
        preparedContent = []
        if exchange.table.answerPreflight(decision, heads.request, into: &response) {
            return LocalReply(prepared: response.status, "cors_preflight")
        }
        var timeout = exchange.table[decision.rule].requestTimeout ?? Nanoseconds(0)
        if exchange.flags.contains(.grpc), let own = heads.request.fields.grpcTimeout {
            timeout = timeout.count > 0 ? min(timeout, own) : own
        }
        if timeout.count > 0 {
            exchange.deadline = exchange.started + timeout
            rearm(&exchange, key)
        }
        if decision.fault.delay.count > 0 {
            exchange.outcome.insert(.delayInjected)
            exchange.phase = .pausing
            exchange.tryDeadline = now + decision.fault.delay
            rearm(&exchange, key)
        } else if let reply = abort(decision) {
            return reply
        }
        switch decision.outcome {
        case .noRoute: return .noRoute
        case .invalidBackend: return .noCluster
        case .redirect:
            exchange.table.writeRedirect(decision, for: heads.request, into: &response, scratch: &routeScratch)
            return LocalReply(prepared: response.status, "direct_response")
        case .respond:
            exchange.table.writeDirectResponse(decision, into: &response)
            preparedContent = exchange.table.directBody(of: decision)
            return LocalReply(prepared: response.status, "direct_response")
        case .forward: break
        }
        prepare(decision, &exchange, &heads)
        return nil
    }

    /// The answer that a fault gives instead of an endpoint.
    func abort(_ decision: RouteDecision) -> LocalReply? {
        switch decision.fault.abort {
        case .http(let status):
            LocalReply(status, .faultInjected, "fault_filter_abort", body: "fault filter abort")
        case .grpc(let status):
            LocalReply(200, .faultInjected, "fault_filter_abort", body: "fault filter abort", grpcStatus: status)
        case nil: nil
        }
    }

    /// Everything that is done once for a request, before its first try.
    private func prepare(_ decision: RouteDecision, _ exchange: inout Exchange, _ heads: inout Heads) {
        exchange.cluster = exchange.table.cluster(of: decision)
        if let cluster = exchange.cluster {
            exchange.hash = exchange.table.hashKey(
                for: cluster, heads.request, from: exchange.client.address.ip, random: &random)
        }
        exchange.table.applyRequestFilters(decision, to: &heads.request, scratch: &routeScratch)
        if !heads.request.fields.contains("x-request-id") { addRequestID(&heads.request) }
        if exchange.table[decision.rule].retryAttempts > 0 { exchange.flags.insert(.keepsReplay) }
    }

    /// A random UUID (RFC 9562 §5.4), by which the logs of all hops are joined.
    private func addRequestID(_ head: inout RequestHead) {
        let high = random.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = random.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        var octets = InlineArray<36, UInt8>(repeating: UInt8(ascii: "-"))
        var digit = 0
        for index in 0..<36 where index != 8 && index != 13 && index != 18 && index != 23 {
            let word = digit < 16 ? high : low
            let nibble = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (digit & 15))) & 15
            octets[index] = nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
            digit += 1
        }
        head.fields.append(name: "x-request-id", value: octets.span)
    }

    /// A pause is over.
    func resume(_ exchange: inout Exchange, _ key: Exchange.Key) {
        exchange.phase = .routing
        exchange.tryDeadline = .distantFuture
        if exchange.tries == 0, let decision = exchange.decision, let reply = abort(decision) {
            steps.append(.reply(key, reply))
        } else {
            steps.append(.route(key))
        }
    }
}

extension FieldList {
    /// How long a gRPC client waits (`grpc-timeout`: at most eight digits and a unit); nil where it does not say, or for ever (0).
    var grpcTimeout: Nanoseconds? {
        guard let timeout = GRPCText.timeout(value(of: "grpc-timeout")), timeout > Nanoseconds(0) else { return nil }
        // A year is for ever, and other times can be added to it.
        return min(timeout, .seconds(31_536_000))
    }
}
