// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HBONE
internal import HTTP2
internal import LinuxIO

// The ends of connections.
extension Worker {
    /// Ends a client's connection and its exchanges.
    func closeDownstream(_ key: Downstream.Key) {
        guard var downstream = downstreams.remove(key) else { return }
        if let exchange = downstream.exchange { clientGone(exchange) }
        for context in downstream.pipe.http2?.contexts ?? [] where context != 0 {
            clientGone(Exchange.Key(context: context))
        }
        downstream.held.removeAll(in: &blocks)
        if !downstream.isRelayed { countServed(-1) }
        downstream.pipe.handed?.close(isOrderly: downstream.pipe.flags.contains(.finished))
        close(&downstream.pipe)
    }

    /// Ends a connection to an endpoint; its exchanges try elsewhere or are answered.
    func closeUpstream(_ key: Upstream.Key, _ failure: UpstreamFailure) {
        guard var upstream = upstreams.remove(key) else { return }
        targets.withElement(upstream.target) { target in
            target.idle.removeAll { $0 == key }
            target.shared.removeAll { $0 == key }
        }
        let wasEstablished = upstream.phase == .established
        let ofThose = wasEstablished ? failure : .connect
        if let exchange = upstream.exchange { upstreamFailed(exchange, ofThose) }
        for exchange in upstream.waiting { upstreamFailed(exchange, .connect) }
        let ofStreams: UpstreamFailure = upstream.hasSpoken || failure == .notHTTP2 ? failure : .unspoken
        for context in upstream.pipe.http2?.contexts ?? [] where context != 0 {
            upstreamFailed(Exchange.Key(context: context), ofStreams)
        }
        upstream.pipe.handed?.close(isOrderly: upstream.pipe.flags.isSuperset(of: [.finished, .readClosed]))
        close(&upstream.pipe)
    }

    /// Ends a pipe: the socket closes with its owner, a stream is reset unless both sides have ended it.
    private func close(_ pipe: inout Pipe) {
        pipe.releaseBlocks(&blocks)
        guard let carrierKey = pipe.carrier, let stream = pipe.stream, !pipe.flags.contains(.streamClosed) else {
            return
        }
        let uncredited = pipe.uncredited
        carriers.withElement(carrierKey) { carrier in
            carrier.hbone.http2.consumed(stream, count: uncredited)
            carrier.hbone.http2.reset(stream, .cancel)
            self.markDirty(&carrier, carrierKey)
        }
    }

    /// A carrier without streams: one that drains closes, one to an endpoint stays for a while.
    func closeIfIdle(_ carrier: inout Carrier, _ key: Carrier.Key) {
        guard carrier.hbone.phase == .established, carrier.hbone.http2.activeStreamCount == 0, carrier.waiting.isEmpty
        else { return }
        if carrier.isDraining, !carrier.hbone.http2.hasPendingOutput {
            steps.append(.closeCarrier(key, .closedLocally))
        } else {
            carrier.deadline =
                now + (carrier.target == nil ? configuration.idleTimeout : configuration.poolIdleTimeout)
            rearm(&carrier, key)
        }
    }

    /// Ends a carrier and everything that travelled on it.
    func closeCarrier(_ key: Carrier.Key, _ error: HBONEError) {
        guard var carrier = carriers.remove(key) else { return }
        if let target = carrier.target {
            targets.withElement(target) { target in target.carriers.removeAll { $0 == key } }
        }
        if carrier.hbone.phase != .established {
            observer.handshakeFailed(carrier.peerAddress, error, isServer: carrier.target == nil)
        }
        carrier.hbone.close(&scratch)
        for context in carrier.hbone.http2.contexts where context != 0 {
            if carrier.target == nil {
                let owner = Downstream.Key(context: context)
                downstreams.withElement(owner) { _ = $0.pipe.flags.insert(.streamClosed) }
                closeDownstream(owner)
            } else {
                let owner = Upstream.Key(context: context)
                upstreams.withElement(owner) { _ = $0.pipe.flags.insert(.streamClosed) }
                closeUpstream(owner, .termination)
            }
        }
        for upstream in carrier.waiting { closeUpstream(upstream, .connect) }
    }
}
