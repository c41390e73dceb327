// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import HTTP1
internal import HTTP2

// The way of a request's octets to the endpoint.
extension Worker {
    /// Takes content of a request.
    ///
    /// - Returns: whether the client should wait; `resumeRequest` follows.
    func forwardRequest(_ key: Exchange.Key, _ bytes: Span<UInt8>) -> Bool {
        var mirrors: [Exchange.Key] = []
        let waits = exchanges.withElement(key) { exchange -> Bool in
            exchange.requestBytes += UInt64(bytes.count)
            if !exchange.mirrors.isEmpty { mirrors = exchange.mirrors }
            guard exchange.phase != .answered, !exchange.flags.contains(.clientGone) else { return false }
            guard exchange.phase == .sent, exchange.toUpstream.isEmpty, let upstream = exchange.upstream,
                !exchange.flags.contains(.upgrading)
            else {
                return self.keep(bytes, &exchange, key)
            }
            return self.upstreams.withElement(upstream) { upstream -> Bool in
                self.sendRequest(bytes, &exchange, key, &upstream)
            } ?? false
        }
        if !mirrors.isEmpty { copy(bytes, to: mirrors) }
        return waits ?? false
    }

    private func keep(_ bytes: Span<UInt8>, _ exchange: inout Exchange, _ key: Exchange.Key) -> Bool {
        if !exchange.toUpstream.append(copying: bytes, in: &blocks) { steps.append(.reply(key, .overload)) }
        if exchange.flags.contains(.awaitsServerName), exchange.phase == .pausing,
            exchange.toUpstream.count >= exchange.awaitedOctets
        {
            exchange.phase = .routing
            steps.append(.route(key))
        }
        return exchange.toUpstream.count >= Pipe.highMark || exchange.phase == .sent
    }

    /// Writes content to the endpoint's connection, or keeps what it does not take.
    ///
    /// - Returns: whether the client should wait.
    private func sendRequest(
        _ bytes: Span<UInt8>, _ exchange: inout Exchange, _ key: Exchange.Key, _ upstream: inout Upstream
    ) -> Bool {
        guard let upstreamKey = exchange.upstream else { return false }
        var fits = true
        switch upstream.mode {
        case .http2:
            guard let stream = exchange.upstreamStream else { return false }
            let taken = upstream.pipe.sendData(stream, bytes, isEnd: false, &text, &blocks)
            fits = taken != nil
            remember(bytes.extracting(first: taken ?? 0), &exchange)
            if let taken, taken < bytes.count {
                fits = exchange.toUpstream.append(copying: bytes.extracting(taken..<bytes.count), in: &blocks)
            }
        case .raw: fits = upstream.pipe.write(bytes, &blocks)
        case .http1:
            remember(bytes, &exchange)
            do throws(HTTP1Error) {
                text.clear()
                try upstream.http1?.beginChunk(bytes.count, into: &text)
                fits = upstream.pipe.write(message: &text, &blocks) && upstream.pipe.write(bytes, &blocks)
                try upstream.http1?.endChunk(into: &text)
                fits = upstream.pipe.write(message: &text, &blocks) && fits
            } catch {
                steps.append(.closeUpstream(upstreamKey, .protocolError))
            }
        }
        if !fits { steps.append(.closeUpstream(upstreamKey, .termination)) }
        markDirty(&upstream.pipe, .upstream(upstreamKey))
        if upstream.pipe.isFull { upstream.pipe.flags.insert(.congested) }
        return upstream.pipe.isFull || !exchange.toUpstream.isEmpty
    }

    /// The client has sent all of a request.
    func endRequest(_ key: Exchange.Key) {
        var mirrors: [Exchange.Key] = []
        let isOver = exchanges.withElement(key) { exchange -> Bool in
            exchange.flags.insert(.requestEnded)
            if !exchange.mirrors.isEmpty { mirrors = exchange.mirrors }
            if exchange.phase == .sent, exchange.toUpstream.isEmpty, let upstream = exchange.upstream {
                self.upstreams.withElement(upstream) { self.sendEnd(&exchange, &$0) }
            }
            return self.isOver(&exchange)
        }
        if isOver == true { steps.append(.finish(key)) }
        for mirror in mirrors { endRequest(mirror) }
    }

    /// Whether an exchange is over, and nobody has said so yet.
    func isOver(_ exchange: inout Exchange) -> Bool {
        guard exchange.isComplete, !exchange.flags.contains(.finishing) else { return false }
        exchange.flags.insert(.finishing)
        return true
    }

    /// Ends the request on the endpoint's connection.
    private func sendEnd(_ exchange: inout Exchange, _ upstream: inout Upstream) {
        guard !exchange.flags.contains(.requestSent), let key = exchange.upstream else { return }
        exchange.flags.insert(.requestSent)
        switch upstream.mode {
        case .http2:
            guard let stream = exchange.upstreamStream else { return }
            let hasTrailers = heads.withElement(exchange.heads) { heads -> Bool in
                guard !heads.requestTrailers.isEmpty else { return false }
                upstream.pipe.http2?.writeTrailers(heads.requestTrailers, stream)
                return true
            }
            if hasTrailers != true { upstream.pipe.http2?.endStream(stream) }
        case .raw:
            upstream.pipe.flags.insert(.finishing)
            exchange.flags.insert(.awaitsFlush)
        case .http1:
            do throws(HTTP1Error) {
                text.clear()
                try heads.withElement(exchange.heads) { (heads: inout Heads) throws(HTTP1Error) in
                    for index in 0..<heads.requestTrailers.count {
                        _ = try upstream.http1?.appendTrailer(
                            name: heads.requestTrailers.name(index), value: heads.requestTrailers.value(index),
                            into: &self.text)
                    }
                }
                try upstream.http1?.finish(into: &text)
                _ = upstream.pipe.write(message: &text, &blocks)
            } catch {
                steps.append(.closeUpstream(key, .protocolError))
            }
        }
        markDirty(&upstream.pipe, .upstream(key))
    }

    /// The last octets of a client are written, and its end behind them.
    func requestFlushed(_ key: Exchange.Key) {
        let isOver = exchanges.withElement(key) { exchange -> Bool in
            guard exchange.flags.contains(.awaitsFlush) else { return false }
            exchange.flags.remove(.awaitsFlush)
            return self.isOver(&exchange)
        }
        if isOver == true { steps.append(.finish(key)) }
    }

    /// Goes on with content that waited for the endpoint; to be called while `upstream` is in use.
    func continueRequest(_ key: Exchange.Key, _ upstream: inout Upstream) {
        var resumes = false
        let isOver = exchanges.withElement(key) { exchange -> Bool in
            self.flushRequest(&exchange, key, &upstream)
            // What fills the pipe to the last octet kept: whoever waits is told when it is drained.
            if upstream.pipe.isFull { upstream.pipe.flags.insert(.congested) }
            resumes = exchange.toUpstream.isEmpty && !upstream.pipe.isFull && exchange.flags.contains(.requestPaused)
            return self.isOver(&exchange)
        }
        if resumes { resumeRequest(key) }
        if isOver == true { steps.append(.finish(key)) }
    }

    /// Moves kept content to the endpoint's connection, and the end behind it.
    func flushRequest(_ exchange: inout Exchange, _ key: Exchange.Key, _ upstream: inout Upstream) {
        if exchange.flags.contains(.upgrading) { return }
        while !exchange.toUpstream.isEmpty {
            guard let upstreamKey = exchange.upstream, !upstream.pipe.isFull else {
                upstream.pipe.flags.insert(.congested)
                if let stream = exchange.upstreamStream { upstream.pipe.http2?.scheduleSend(stream) }
                return
            }
            guard let count = moveRequest(&exchange, &upstream) else {
                return steps.append(.closeUpstream(upstreamKey, .termination))
            }
            rememberFront(count, &exchange)
            exchange.toUpstream.consume(count, in: &blocks)
            markDirty(&upstream.pipe, .upstream(upstreamKey))
            if count == 0 { return }
        }
        if exchange.flags.contains(.requestEnded) { sendEnd(&exchange, &upstream) }
    }

    private func rememberFront(_ count: Int, _ exchange: inout Exchange) {
        guard !exchange.flags.contains(.notReplayable), count > 0 else { return }
        // What is kept may not change while it is looked at.
        text.clear()
        _ = text.appendPrefix(copying: exchange.toUpstream.first.extracting(first: count))
        remember(text, &exchange)
        text.clear()
    }

    /// Writes the front of the kept content; returns how much of it was taken.
    private func moveRequest(_ exchange: inout Exchange, _ upstream: inout Upstream) -> Int? {
        let count = exchange.toUpstream.first.count
        switch upstream.mode {
        case .http2:
            guard let stream = exchange.upstreamStream else { return nil }
            return upstream.pipe.sendData(stream, exchange.toUpstream.first, isEnd: false, &text, &blocks)
        case .raw: return upstream.pipe.write(exchange.toUpstream.first, &blocks) ? count : nil
        case .http1:
            do throws(HTTP1Error) {
                text.clear()
                try upstream.http1?.beginChunk(count, into: &text)
                guard upstream.pipe.write(message: &text, &blocks),
                    upstream.pipe.write(exchange.toUpstream.first, &blocks)
                else { return nil }
                try upstream.http1?.endChunk(into: &text)
                return upstream.pipe.write(message: &text, &blocks) ? count : nil
            } catch {
                return nil
            }
        }
    }

    /// Lets a client go on that was asked to wait; `downstreams` must not be in use.
    func resumeRequest(_ key: Exchange.Key) {
        exchanges.withElement(key) { exchange in
            guard exchange.flags.contains(.requestPaused) else { return }
            exchange.flags.remove(.requestPaused)
            self.downstreams.withElement(exchange.downstream) { downstream in
                if let stream = exchange.clientStream {
                    downstream.pipe.http2?.consumed(stream, count: exchange.uncreditedRequest)
                    exchange.uncreditedRequest = 0
                } else if downstream.held.isEmpty {
                    downstream.pipe.flags.remove(.paused)
                }
                self.markDirty(&downstream.pipe, .downstream(exchange.downstream))
            }
        }
    }
}
