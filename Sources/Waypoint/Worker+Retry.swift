// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import HTTPRouting
internal import LinuxIO
internal import Mesh
internal import Routing
internal import Telemetry

// Whether a request that failed is tried again.
extension Worker {
    /// What is kept of a request's content for another try; linkerd2-proxy's limit.
    private static let replayBytes = 65_536
    /// In a hundred of the exchanges under way, and so many always (reference: linkerd 20 %, Envoy's least 3).
    private static let retryBudget = RetryBudget()
    /// How long an endpoint that does not understand HTTP/2 is spoken to in HTTP/1: it may be replaced at its address.
    private static let onlyHTTP1 = Nanoseconds.seconds(60)

    enum Verdict {
        case atOnce
        case afterPause
        case never(LocalReply)
    }

    /// What becomes of an exchange whose try failed, by its rule; with what Envoy calls it where it is the last.
    enum NextTry {
        case allowed
        /// The rule asks for no other try after this outcome, or the request cannot be sent again.
        case unwanted
        /// The rule's tries are used up.
        case exhausted
        /// Too many others are being made again at the same time.
        case overBudget

        var flags: RequestFlags {
            switch self {
            case .allowed, .unwanted: []
            case .exhausted: .retryLimit
            case .overBudget: .upstreamOverflow
            }
        }
    }

    /// Judges an exchange whose endpoint failed before the response began.
    func judge(_ exchange: inout Exchange, _ failure: UpstreamFailure) -> Verdict {
        if exchange.flags.contains(.clientGone) { return .never(failure.reply) }
        let workload = exchange.endpoint?.workload
        switch failure {
        case .connect: return anotherEndpoint(&exchange, failure.reply)
        case .notHTTP2, .unspoken: return fallBack(&exchange, failure)
        case .refused:
            if let workload { _ = exchange.tried.insert(workload) }
            return retry(exchange, .refusedStream, failure.reply)
        case .termination:
            if isStale(exchange) {
                exchange.flags.remove(.onReusedConnection)
                return .atOnce
            }
            if let workload { _ = exchange.tried.insert(workload) }
            return retry(exchange, .reset(requestSent: true), failure.reply)
        case .reset:
            if let workload { _ = exchange.tried.insert(workload) }
            return retry(exchange, .reset(requestSent: true), failure.reply)
        case .tryTimeout:
            if let workload { _ = exchange.tried.insert(workload) }
            return retry(exchange, .tryTimeout, failure.reply)
        case .protocolError: return .never(failure.reply)
        }
    }

    /// Nothing was served: the next endpoint, whatever the rule says of retries.
    private func anotherEndpoint(_ exchange: inout Exchange, _ reply: LocalReply) -> Verdict {
        guard let workload = exchange.endpoint?.workload, exchange.tried.insert(workload) else { return .never(reply) }
        if exchange.tries < configuration.connectAttempts { return .atOnce }
        return retry(exchange, .connectFailure, reply)
    }

    /// An endpoint did not speak HTTP/2, so it has served nothing: HTTP/1 from now on, where that may be.
    ///
    /// An answer in another protocol tells for sure. A connection that only ended tells, unless the endpoint has spoken HTTP/2
    /// before: then it went away, as one that cannot be connected to.
    private func fallBack(_ exchange: inout Exchange, _ failure: UpstreamFailure) -> Verdict {
        guard !exchange.flags.contains(.notReplayable), let target = exchange.target else {
            return .never(failure.reply)
        }
        let isKnown = targets.withElement(target) { $0.speaksHTTP2 } == true
        if mustBeHTTP2(exchange) || failure == .unspoken && isKnown {
            return failure == .unspoken ? anotherEndpoint(&exchange, failure.reply) : .never(failure.reply)
        }
        targets.withElement(target) { target in
            target.speaksHTTP2 = false
            target.onlyHTTP1Until = self.now + Self.onlyHTTP1
        }
        return exchange.tries <= configuration.connectAttempts ? .atOnce : .never(failure.reply)
    }

    /// Whether a kept connection turned out to be closed by its peer meanwhile (RFC 9112 §9.3.1).
    private func isStale(_ exchange: borrowing Exchange) -> Bool {
        guard exchange.flags.contains(.onReusedConnection), !exchange.flags.contains(.notReplayable),
            exchange.tries <= configuration.connectAttempts
        else { return false }
        return heads.withElement(exchange.heads) { $0.request.method.isIdempotent } == true
    }

    private func retry(_ exchange: borrowing Exchange, _ outcome: TryOutcome, _ reply: LocalReply) -> Verdict {
        let next = nextTry(exchange, outcome)
        if next == .allowed { return .afterPause }
        var last = reply
        last.outcome.formUnion(next.flags)
        // Endpoints were tried one after the other, whatever the rule says.
        if outcome == .connectFailure, exchange.tries > 1 { last.outcome.insert(.retryLimit) }
        return .never(last)
    }

    /// Whether the rule, the number of tries, the budget and the kept content allow another try.
    func nextTry(_ exchange: borrowing Exchange, _ outcome: TryOutcome) -> NextTry {
        guard let rule = exchange.decision?.rule, !exchange.flags.contains(.notReplayable),
            exchange.flags.isDisjoint(with: [.clientGone, .mirror, .raw]), exchange.deadline > now
        else { return .unwanted }
        let attempts = exchange.table[rule].retryAttempts
        guard attempts > 0, exchange.table.isRetriable(outcome, rule: rule), !isTunnel(exchange) else {
            return .unwanted
        }
        if exchange.tries > attempts { return .exhausted }
        let budget = exchange.cluster.flatMap { exchange.table[$0].retryBudget } ?? Self.retryBudget
        let share = exchangeCount * Int(budget.percent) / 100
        return activeRetries < max(Int(budget.minimumConcurrency), share) ? .allowed : .overBudget
    }

    /// CONNECT and upgrades are not made twice.
    private func isTunnel(_ exchange: borrowing Exchange) -> Bool {
        heads.withElement(exchange.heads) { $0.request.method == .connect || !$0.request.protocolName.isEmpty } == true
    }

    /// Takes an exchange off its endpoint and sets out anew, after a pause if wanted.
    func retry(_ key: Exchange.Key, pauses: Bool) {
        dropUpstream(key)
        exchanges.withElement(key) { exchange in
            guard !exchange.flags.contains(.clientGone) else { return }
            self.leaveEndpoint(&exchange)
            self.rewind(&exchange)
            exchange.flags.remove(.requestSent)
            exchange.tryDeadline = .distantFuture
            guard pauses, let rule = exchange.decision?.rule else {
                exchange.phase = .routing
                return self.steps.append(.route(key))
            }
            exchange.phase = .pausing
            exchange.tryDeadline =
                self.now + exchange.table.backoff(rule: rule, tries: exchange.tries, random: &self.random)
            self.rearm(&exchange, key)
        }
    }

    /// Keeps content that is being sent.
    func remember(_ buffer: borrowing ByteBuffer, _ exchange: inout Exchange) {
        remember(buffer.readable, &exchange)
    }

    /// Keeps content that is being sent, until it is too much.
    func remember(_ bytes: Span<UInt8>, _ exchange: inout Exchange) {
        guard !exchange.flags.contains(.notReplayable), bytes.count > 0 else { return }
        if exchange.flags.contains(.keepsReplay), exchange.replay.count + bytes.count <= Self.replayBytes,
            !exchange.flags.contains(.responseStarted), exchange.replay.append(copying: bytes, in: &blocks)
        {
            return
        }
        exchange.replay.removeAll(in: &blocks)
        exchange.flags.insert(.notReplayable)
    }

    /// Puts what was sent in front of what was not.
    private func rewind(_ exchange: inout Exchange) {
        var all = BufferQueue()
        all.takeAll(of: &exchange.replay)
        all.takeAll(of: &exchange.toUpstream)
        exchange.toUpstream.takeAll(of: &all)
    }

    // MARK: Time

    /// Arms the timer for whatever an exchange waits for next.
    func rearm(_ exchange: inout Exchange, _ key: Exchange.Key) {
        let next = min(exchange.deadline, exchange.tryDeadline)
        guard next < exchange.armed else { return }
        exchange.armed = next
        timers.arm(token(exchange: key), at: next)
    }

    /// An exchange's timer came up.
    func exchangeTimer(_ key: Exchange.Key) {
        exchanges.withElement(key) { exchange in
            exchange.armed = .distantFuture
            if exchange.deadline <= self.now {
                exchange.deadline = .distantFuture
                if exchange.canAnswer { return self.steps.append(.reply(key, .timeout)) }
                guard !exchange.flags.contains(.responseSent) else { return }
                exchange.outcome.insert(.upstreamTimeout)
                return self.steps.append(.upstreamFailed(key, .tryTimeout))
            }
            if exchange.tryDeadline <= self.now {
                exchange.tryDeadline = .distantFuture
                if exchange.phase == .pausing {
                    self.resume(&exchange, key)
                } else if exchange.canAnswer, exchange.phase == .connecting || exchange.phase == .sent {
                    self.steps.append(.upstreamFailed(key, .tryTimeout))
                }
            }
            self.rearm(&exchange, key)
        }
    }
}
