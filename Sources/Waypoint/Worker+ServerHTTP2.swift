// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import HTTP1
internal import HTTP2

// Requests by HTTP/2.
extension Worker {
    /// Takes frames from octets of a client.
    func receiveHTTP2(_ downstream: inout Downstream, _ key: Downstream.Key, _ bytes: Span<UInt8>) {
        var offset = 0
        do throws(HTTP2Error) {
            while let event = try downstream.pipe.http2?.receive(bytes, offset: &offset, now: now) {
                take(event, bytes, &downstream, key)
            }
        } catch {
            observer.badRequest(downstream.client, "\(error)")
            _ = downstream.pipe.drainHTTP2(&text, &blocks)
            for context in downstream.pipe.http2?.contexts ?? [] {
                steps.append(.clientGone(Exchange.Key(context: context)))
            }
            return finish(&downstream, key)
        }
        if downstream.pipe.http2?.hasPendingOutput == true { markDirty(&downstream.pipe, .downstream(key)) }
    }

    private func take(
        _ event: HTTP2Event, _ bytes: Span<UInt8>, _ downstream: inout Downstream, _ key: Downstream.Key
    ) {
        switch event {
        case .headers(let stream, let kind, let isEndStream):
            if kind == .request {
                beginHTTP2(stream, isEndStream: isEndStream, &downstream, key)
            } else if let exchange = exchangeKey(stream, downstream.pipe) {
                takeTrailers(exchange, downstream.pipe)
                if isEndStream { endRequest(exchange) }
            }
        case .data(let stream, let offset, let count, let isEndStream):
            guard let exchange = exchangeKey(stream, downstream.pipe) else {
                downstream.pipe.http2?.consumed(stream, count: count)
                return
            }
            if forwardRequest(exchange, bytes.extracting(offset..<offset + count)) {
                exchanges.withElement(exchange) { exchange in
                    exchange.flags.insert(.requestPaused)
                    exchange.uncreditedRequest += count
                }
            } else {
                downstream.pipe.http2?.consumed(stream, count: count)
            }
            if isEndStream { endRequest(exchange) }
        case .reset(let stream, _, let initiator):
            guard let exchange = exchangeKey(stream, downstream.pipe) else { return }
            if case .local(let error) = initiator { observer.badRequest(downstream.client, "\(error)") }
            steps.append(.clientGone(exchange))
        case .sendWindowOpened(let stream):
            if let exchange = exchangeKey(stream, downstream.pipe) { continueResponse(exchange, &downstream, key) }
        case .connectionWindowOpened: continueResponses(&downstream, key)
        case .goAway, .settingsChanged, .pingAcknowledged: break
        }
    }

    /// Goes on with responses that waited for the connection's window, or for room in the pipe.
    func continueResponses(_ downstream: inout Downstream, _ key: Downstream.Key) {
        while !downstream.pipe.isFull, let stream = downstream.pipe.http2?.nextSendableStream() {
            if let exchange = exchangeKey(stream, downstream.pipe) { continueResponse(exchange, &downstream, key) }
        }
    }

    private func beginHTTP2(
        _ stream: StreamHandle, isEndStream: Bool, _ downstream: inout Downstream, _ key: Downstream.Key
    ) {
        let isTooMany = isFull
        guard let headsKey = takeHeads() else {
            downstream.pipe.http2?.reset(stream, .refusedStream)
            return
        }
        var exchange = Exchange(
            downstream: key, stream: stream, heads: headsKey, client: downstream.client, frontend: downstream.frontend,
            now: now)
        exchange.flags.insert(.isHTTP2)
        heads.withElement(headsKey) { heads in
            Self.fill(&heads.request, downstream.pipe)
            if heads.request.isGRPC { exchange.flags.insert(.grpc) }
            exchange.requestLength = isEndStream ? .none : heads.request.fields.contentLength
            if heads.request.method == .connect { exchange.requestLength = .none }
        }
        if isEndStream { exchange.flags.insert(.requestEnded) }
        guard let exchangeKey = exchanges.insert(exchange) else {
            giveBack(headsKey)
            downstream.pipe.http2?.reset(stream, .refusedStream)
            return
        }
        downstream.pipe.http2?.setContext(exchangeKey.context, for: stream)
        downstream.exchangeCount += 1
        downstream.deadline = .distantFuture
        steps.append(isTooMany ? .reply(exchangeKey, .overflow) : .route(exchangeKey))
    }

    private static func fill(_ head: inout RequestHead, _ pipe: borrowing Pipe) {
        switch pipe.http2 {
        case .some(let http2): head.fill(from: http2.fields)
        case nil: break
        }
    }

    private func takeTrailers(_ exchange: Exchange.Key, _ pipe: borrowing Pipe) {
        guard let key = exchanges.withElement(exchange, { $0.heads }) else { return }
        heads.withElement(key) { heads in
            switch pipe.http2 {
            case .some(let http2): heads.requestTrailers.fillTrailers(from: http2.fields)
            case nil: break
            }
        }
    }

    /// The exchange that a stream belongs to; nil when it belongs to none any more.
    func exchangeKey(_ stream: StreamHandle, _ pipe: borrowing Pipe) -> Exchange.Key? {
        let context: UInt64?
        switch pipe.http2 {
        case .some(let http2): context = http2.context(of: stream)
        case nil: context = nil
        }
        guard let context, context != 0 else { return nil }
        let key = Exchange.Key(context: context)
        return exchanges.contains(key) ? key : nil
    }
}
