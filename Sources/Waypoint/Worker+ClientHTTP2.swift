// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import HTTP1
internal import HTTP2

// Responses by HTTP/2.
extension Worker {
    /// Takes frames from octets of an endpoint.
    func receiveHTTP2(_ upstream: inout Upstream, _ key: Upstream.Key, _ bytes: Span<UInt8>) {
        var offset = 0
        do throws(HTTP2Error) {
            while let event = try upstream.pipe.http2?.receive(bytes, offset: &offset, now: now) {
                if !upstream.hasSpoken { noteSpoken(&upstream) }
                take(event, bytes, &upstream, key)
            }
        } catch {
            observer.badResponse("\(error)")
            return steps.append(.closeUpstream(key, upstream.hasSpoken ? .protocolError : .notHTTP2))
        }
        if upstream.pipe.http2?.hasPendingOutput == true { markDirty(&upstream.pipe, .upstream(key)) }
    }

    /// The first event is the endpoint's SETTINGS (RFC 9113 §3.4): it speaks HTTP/2.
    private func noteSpoken(_ upstream: inout Upstream) {
        upstream.hasSpoken = true
        if upstream.pipe.http2?.activeStreamCount ?? 0 > 0 { upstream.deadline = .distantFuture }
        targets.withElement(upstream.target) { target in
            target.speaksHTTP2 = true
            target.onlyHTTP1Until = MonotonicTime(nanoseconds: 0)
        }
    }

    private func take(_ event: HTTP2Event, _ bytes: Span<UInt8>, _ upstream: inout Upstream, _ key: Upstream.Key) {
        switch event {
        case .headers(let stream, let kind, let isEndStream):
            guard let exchange = exchangeKey(stream, upstream.pipe) else { return }
            takeHeaders(kind, isEndStream: isEndStream, exchange, upstream.pipe)
        case .data(let stream, let offset, let count, let isEndStream):
            guard let exchange = exchangeKey(stream, upstream.pipe) else {
                upstream.pipe.http2?.consumed(stream, count: count)
                return
            }
            if forwardResponse(exchange, bytes.extracting(offset..<offset + count)) {
                exchanges.withElement(exchange) { exchange in
                    exchange.flags.insert(.responsePaused)
                    exchange.uncreditedResponse += count
                }
            } else {
                upstream.pipe.http2?.consumed(stream, count: count)
            }
            if isEndStream { endResponse(exchange) }
        case .reset(let stream, let code, let initiator):
            guard let exchange = exchangeKey(stream, upstream.pipe) else { return }
            exchanges.withElement(exchange) { $0.upstreamStream = nil }
            if case .local(let error) = initiator {
                observer.badResponse("\(error)")
                return steps.append(.upstreamFailed(exchange, .protocolError))
            }
            // The response is whole: the endpoint only does not want the rest of the request (RFC 9113 §8.1).
            let isWhole = exchanges.withElement(exchange) { $0.flags.contains(.responseEnded) }
            if isWhole == true { return }
            steps.append(.upstreamFailed(exchange, code == .refusedStream ? .refused : .reset))
        case .sendWindowOpened(let stream):
            if let exchange = exchangeKey(stream, upstream.pipe) { continueRequest(exchange, &upstream) }
        case .connectionWindowOpened: continueRequests(&upstream)
        case .goAway:
            upstream.isDraining = true
            steps.append(.upstreamReady(key))
        case .settingsChanged: steps.append(.upstreamReady(key))
        case .pingAcknowledged: break
        }
    }

    /// Goes on with requests that waited for the connection's window, or for room in the pipe.
    func continueRequests(_ upstream: inout Upstream) {
        while !upstream.pipe.isFull, let stream = upstream.pipe.http2?.nextSendableStream() {
            if let exchange = exchangeKey(stream, upstream.pipe) { continueRequest(exchange, &upstream) }
        }
    }

    private func takeHeaders(
        _ kind: HTTP2HeadersKind, isEndStream: Bool, _ exchange: Exchange.Key, _ pipe: borrowing Pipe
    ) {
        switch kind {
        case .request: return
        case .informational:
            fillResponse(pipe)
            forwardInformational(exchange)
        case .response:
            fillResponse(pipe)
            var length = response.fields.contentLength
            if isEndStream, length == .unknown { length = .none }
            forwardHead(exchange, length: length, isEnd: isEndStream)
        case .trailers:
            if let key = exchanges.withElement(exchange, { $0.heads }) {
                heads.withElement(key) { Self.fillTrailers(&$0.responseTrailers, pipe) }
            }
            if isEndStream { endResponse(exchange) }
        }
    }

    private func fillResponse(_ pipe: borrowing Pipe) {
        response.reset()
        switch pipe.http2 {
        case .some(let http2): response.fill(from: http2.fields)
        case nil: break
        }
    }

    private static func fillTrailers(_ list: inout FieldList, _ pipe: borrowing Pipe) {
        switch pipe.http2 {
        case .some(let http2): list.fillTrailers(from: http2.fields)
        case nil: break
        }
    }
}
