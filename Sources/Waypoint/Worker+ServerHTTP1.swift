// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import HTTP1
internal import Telemetry

// Requests by HTTP/1.
extension Worker {
    /// Takes requests from octets of a client.
    ///
    /// - Returns: how many octets were used: the rest waits for the answer, or is not HTTP/1 any more.
    func receiveHTTP1(_ downstream: inout Downstream, _ key: Downstream.Key, _ bytes: Span<UInt8>) -> Int {
        var offset = 0
        do throws(HTTP1Error) {
            while downstream.mode == .http1, let event = try downstream.http1?.receive(bytes, at: &offset) {
                switch event {
                case .head: beginHTTP1(&downstream, key)
                case .informational, .handover: break
                case .body(let range):
                    guard let exchange = downstream.exchange else { break }
                    if forwardRequest(exchange, bytes.extracting(range)) { pauseRequest(&downstream, exchange) }
                case .trailers: takeTrailers(downstream)
                case .end: if let exchange = downstream.exchange { endRequest(exchange) }
                }
            }
        } catch {
            refuse(&downstream, key, error)
            return bytes.count
        }
        return offset
    }

    private func beginHTTP1(_ downstream: inout Downstream, _ key: Downstream.Key) {
        let isTooMany = isFull
        guard let headsKey = takeHeads() else { return refuse(&downstream, key, status: 503) }
        var exchange = Exchange(
            downstream: key, stream: nil, heads: headsKey, client: downstream.client, frontend: downstream.frontend,
            now: now)
        heads.withElement(headsKey) { heads in
            Self.fill(&heads.request, downstream.http1)
            if heads.request.isGRPC { exchange.flags.insert(.grpc) }
        }
        switch downstream.http1?.request.framing {
        case .length(let length): exchange.requestLength = .exactly(length)
        case .chunked, .untilClose: exchange.requestLength = .unknown
        case .some(.none), nil: exchange.requestLength = .none
        }
        guard let exchangeKey = exchanges.insert(exchange) else {
            giveBack(headsKey)
            return refuse(&downstream, key, status: 503)
        }
        downstream.exchange = exchangeKey
        downstream.exchangeCount = 1
        downstream.deadline = .distantFuture
        guard isTooMany else { return steps.append(.route(exchangeKey)) }
        // The rest of the request is not waited for.
        downstream.http1?.closeAfterResponse()
        steps.append(.reply(exchangeKey, .overflow))
    }

    private static func fill(_ head: inout RequestHead, _ connection: borrowing HTTP1ServerConnection?) {
        switch connection {
        case .some(let connection): head.fill(from: connection)
        case nil: break
        }
    }

    private func takeTrailers(_ downstream: borrowing Downstream) {
        guard let exchange = downstream.exchange, let key = exchanges.withElement(exchange, { $0.heads }) else {
            return
        }
        heads.withElement(key) { heads in
            switch downstream.http1 {
            case .some(let connection): heads.requestTrailers.fillTrailers(from: connection)
            case nil: break
            }
        }
    }

    /// What came is no request: answers it if that is possible, and closes.
    private func refuse(_ downstream: inout Downstream, _ key: Downstream.Key, _ error: HTTP1Error) {
        if let exchange = downstream.exchange {
            exchanges.withElement(exchange) { exchange in
                exchange.outcome.insert(.downstreamProtocolError)
                exchange.details = "http1.codec_error"
            }
            steps.append(.clientGone(exchange))
        }
        observer.badRequest(downstream.client, "\(error)")
        refuse(&downstream, key, status: error.statusForRequest)
    }

    /// Answers with a status and closes.
    func refuse(_ downstream: inout Downstream, _ key: Downstream.Key, status: UInt16) {
        text.clear()
        do throws(HTTP1Error) {
            _ = try downstream.http1?.refuse(status: status, into: &text)
        } catch {
            text.clear()
        }
        _ = downstream.pipe.write(message: &text, &blocks)
        finish(&downstream, key)
    }

    /// Requests and connections under way; each has heads, which can be counted while an exchange is in use.
    var exchangeCount: Int { heads.count - freeHeads.count }

    /// Whether there are as many exchanges as there may be: what still comes is told so, and gone with the event at hand.
    var isFull: Bool { exchangeCount >= configuration.maxExchanges }

    /// Heads for an exchange; nil when there is no room for more at all.
    func takeHeads() -> Heads.Key? {
        if let key = freeHeads.popLast() {
            heads.withElement(key) { $0.reset() }
            return key
        }
        return heads.insert(Heads())
    }

    /// Keeps heads for the next exchange, but not more than there are exchanges.
    func giveBack(_ key: Heads.Key) {
        if heads.count > configuration.maxExchanges { _ = heads.remove(key) } else { freeHeads.append(key) }
    }
}
