// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import HTTP1
internal import HTTP2
internal import HTTPRouting
internal import LinuxIO
internal import Mesh
internal import Telemetry

// The ends of exchanges.
extension Worker {
    /// Both messages are through: lets go of both connections.
    func finish(_ key: Exchange.Key) {
        guard var exchange = exchanges.remove(key) else { return }
        exchange.toUpstream.removeAll(in: &blocks)
        exchange.toDownstream.removeAll(in: &blocks)
        leaveUpstream(exchange)
        leaveDownstream(exchange, key)
        exchange.replay.removeAll(in: &blocks)
        leaveEndpoint(&exchange)
        for mirror in exchange.mirrors { endMirror(mirror) }
        if exchange.flags.contains(.relay) { return }
        heads.withElement(exchange.heads) { self.observer.finished(exchange, $0, now: self.now) }
        giveBack(exchange.heads)
    }

    /// The endpoint has one exchange less.
    func leaveEndpoint(_ exchange: inout Exchange) {
        if exchange.flags.contains(.countsAsRetry) {
            exchange.flags.remove(.countsAsRetry)
            activeRetries -= 1
        }
        guard exchange.flags.contains(.countsAtEndpoint), let endpoint = exchange.endpoint else { return }
        exchange.flags.remove(.countsAtEndpoint)
        let answered = exchange.firstByte.nanoseconds > 0 && exchange.flags.contains(.responseStarted)
        loadState.requestEnded(
            endpoint.slot, latency: answered ? exchange.firstByte - exchange.upstreamStarted : nil, now: now)
    }

    private func leaveUpstream(_ exchange: borrowing Exchange) {
        guard let key = exchange.upstream else { return }
        upstreams.withElement(key) { upstream in
            switch upstream.mode {
            case .http2:
                if let stream = exchange.upstreamStream,
                    !exchange.flags.contains(.responseEnded) || !exchange.flags.contains(.requestSent)
                {
                    upstream.pipe.http2?.consumed(stream, count: exchange.uncreditedResponse)
                    upstream.pipe.http2?.reset(stream, .cancel)
                    self.markDirty(&upstream.pipe, .upstream(key))
                } else if let stream = exchange.upstreamStream {
                    upstream.pipe.http2?.consumed(stream, count: exchange.uncreditedResponse)
                }
                upstream.waiting.removeAll { $0 == upstream.exchange }
                if upstream.pipe.http2?.activeStreamCount == 0 {
                    if upstream.isDraining {
                        self.steps.append(.closeUpstream(key, .termination))
                    } else {
                        let time = upstream.idleTimeout
                        self.arm(&upstream, key, time)
                    }
                }
            case .raw: self.steps.append(.closeUpstream(key, .termination))
            case .http1:
                upstream.exchange = nil
                guard upstream.phase == .established, upstream.http1?.disposition == .keepAlive, !upstream.isDraining,
                    !upstream.pipe.flags.contains(.readClosed),
                    upstream.servedLimit == 0 || upstream.served < upstream.servedLimit
                else { return self.steps.append(.closeUpstream(key, .termination)) }
                upstream.pipe.flags.remove(.paused)
                self.targets.withElement(upstream.target) { $0.idle.append(key) }
                let time = upstream.idleTimeout
                self.arm(&upstream, key, time)
            }
        }
    }

    private func leaveDownstream(_ exchange: borrowing Exchange, _ key: Exchange.Key) {
        let downstreamKey = exchange.downstream
        downstreams.withElement(downstreamKey) { downstream in
            downstream.exchangeCount -= 1
            if let stream = exchange.clientStream {
                downstream.pipe.http2?.consumed(stream, count: exchange.uncreditedRequest)
                if downstream.exchangeCount == 0, downstream.mode == .http2 {
                    self.arm(&downstream, downstreamKey, self.configuration.idleTimeout)
                }
                return
            }
            downstream.exchange = nil
            switch downstream.mode {
            case .http1:
                if downstream.pipe.flags.contains(.readClosed) {
                    return self.finish(&downstream, downstreamKey)
                }
                self.arm(&downstream, downstreamKey, self.configuration.idleTimeout)
                if !downstream.held.isEmpty {
                    self.steps.append(.readHeld(downstreamKey))
                } else if downstream.isDraining {
                    self.finish(&downstream, downstreamKey)
                } else if downstream.pipe.flags.contains(.paused) {
                    downstream.pipe.flags.remove(.paused)
                    self.markDirty(&downstream.pipe, .downstream(downstreamKey))
                }
            case .raw: self.finish(&downstream, downstreamKey)
            case .sniffing, .http2, .closing: break
            }
        }
    }

    /// An exchange has lost its client.
    func clientGone(_ key: Exchange.Key) {
        exchanges.withElement(key) { exchange in
            exchange.flags.insert([.clientGone, .finishing, .requestEnded])
            // A connection has no other answer than its end: that was us then.
            if !exchange.flags.contains(.tcp) || exchange.outcome.isEmpty {
                exchange.outcome.insert(.downstreamTermination)
            }
            if exchange.phase != .answered { exchange.details = "downstream_remote_disconnect" }
        }
        dropUpstream(key)
        dropDownstream(key)
        finish(key)
    }

    /// Takes the rest of a request or response off the endpoint's connection.
    func dropUpstream(_ key: Exchange.Key) {
        exchanges.withElement(key) { exchange in
            guard let upstreamKey = exchange.upstream else { return }
            let stream = exchange.upstreamStream
            self.upstreams.withElement(upstreamKey) { upstream in
                switch upstream.mode {
                case .http2:
                    upstream.waiting.removeAll { $0 == key }
                    guard let stream else { return }
                    upstream.pipe.http2?.reset(stream, .cancel)
                    self.markDirty(&upstream.pipe, .upstream(upstreamKey))
                case .http1, .raw:
                    guard upstream.exchange == key else { return }
                    upstream.exchange = nil
                    self.steps.append(.closeUpstream(upstreamKey, .termination))
                }
            }
            exchange.upstream = nil
            exchange.upstreamStream = nil
        }
    }

    /// Cuts what was begun towards the client, so that it does not take a part for the whole.
    private func dropDownstream(_ key: Exchange.Key) {
        exchanges.withElement(key) { exchange in
            let stream = exchange.clientStream
            let isCut = !exchange.flags.contains(.responseSent)
            let owner = exchange.downstream
            self.downstreams.withElement(owner) { downstream in
                if let stream {
                    downstream.pipe.http2?.reset(stream, isCut ? .internalError : .noError)
                    self.markDirty(&downstream.pipe, .downstream(owner))
                } else if isCut, downstream.mode != .closing {
                    if downstream.mode == .raw, downstream.pipe.socket != nil {
                        Socket.resetOnClose(downstream.pipe.fd)
                    }
                    downstream.exchange = nil
                    if downstream.mode == .raw {
                        self.steps.append(.closeDownstream(owner))
                    } else {
                        self.finish(&downstream, owner)
                    }
                }
            }
        }
    }

    /// An exchange has lost its endpoint: tries another, or tells the client.
    func upstreamFailed(_ key: Exchange.Key, _ failure: UpstreamFailure) {
        var isOver = false
        exchanges.withElement(key) { exchange in
            guard exchange.phase == .sent || exchange.phase == .connecting else { return }
            self.leaveEndpoint(&exchange)
            if exchange.flags.contains(.responseStarted) {
                exchange.outcome.insert(failure.reply.outcome)
                exchange.details = failure.reply.details
                isOver = true
                return
            }
            switch self.judge(&exchange, failure) {
            case .atOnce: self.steps.append(.retry(key, pauses: false))
            case .afterPause: self.steps.append(.retry(key, pauses: true))
            case .never(let reply): self.steps.append(.reply(key, reply))
            }
        }
        if exchanges.contains(key) { dropUpstream(key) }
        guard isOver else { return }
        exchanges.withElement(key) { _ = $0.flags.insert([.clientGone, .finishing, .requestEnded]) }
        dropDownstream(key)
        finish(key)
    }
}
