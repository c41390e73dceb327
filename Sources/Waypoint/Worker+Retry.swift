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
    private static let retryPercent = 20
    private static let leastRetries = 3

    enum Verdict {
        case atOnce
        case afterPause
        case never(LocalReply)
    }

    /// Judges an exchange whose endpoint failed before the response began.
    func judge(_ exchange: inout Exchange, _ failure: UpstreamFailure) -> Verdict {
        if exchange.flags.contains(.clientGone) { return .never(failure.reply) }
        let workload = exchange.endpoint?.workload
        switch failure {
        case .connect:
            // Nothing was sent: the next endpoint, whatever the rule says of retries.
            guard let workload, exchange.tried.insert(workload) else { return .never(failure.reply) }
            if exchange.tries < configuration.connectAttempts { return .atOnce }
            return retry(exchange, .connectFailure, failure.reply)
        case .notHTTP2:
            guard !exchange.flags.contains(.notReplayable), let target = exchange.target else {
                return .never(failure.reply)
            }
            // It closed or answered in another protocol: nothing was served.
            targets.withElement(target) { $0.onlyHTTP1Until = self.now + Nanoseconds.seconds(60) }
            return exchange.tries <= configuration.connectAttempts ? .atOnce : .never(failure.reply)
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

    /// Whether a kept connection turned out to be closed by its peer meanwhile (RFC 9112 §9.3.1).
    private func isStale(_ exchange: borrowing Exchange) -> Bool {
        guard exchange.flags.contains(.onReusedConnection), !exchange.flags.contains(.notReplayable),
            exchange.tries <= configuration.connectAttempts
        else { return false }
        return heads.withElement(exchange.heads) { $0.request.method.isIdempotent } == true
    }

    private func retry(_ exchange: borrowing Exchange, _ outcome: TryOutcome, _ reply: LocalReply) -> Verdict {
        if mayRetry(exchange, outcome) { return .afterPause }
        guard exchange.tries > 1 else { return .never(reply) }
        var last = reply
        last.outcome.insert(.retryLimit)
        return .never(last)
    }

    /// Whether the rule, the number of tries, the budget and the kept content allow another try.
    func mayRetry(_ exchange: borrowing Exchange, _ outcome: TryOutcome) -> Bool {
        guard let rule = exchange.decision?.rule, !exchange.flags.contains(.notReplayable),
            exchange.flags.isDisjoint(with: [.clientGone, .mirror, .raw])
        else { return false }
        let table = exchange.frontend.epoch.routes
        guard exchange.tries <= table.table[rule].retryAttempts, table.table.isRetriable(outcome, rule: rule),
            exchange.deadline > now
        else { return false }
        return activeRetries < max(Self.leastRetries, exchanges.count * Self.retryPercent / 100)
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
