// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import HTTP1
internal import HTTP2

// The request's head goes out.
extension Worker {
    /// Sends the head of a request over an established connection, and what has come of its content.
    func start(_ key: Exchange.Key, _ upstreamKey: Upstream.Key) {
        var isStarted = false
        var isOver = false
        exchanges.withElement(key) { exchange in
            guard exchange.phase == .connecting else { return }
            self.upstreams.withElement(upstreamKey) { upstream in
                exchange.upstream = upstreamKey
                exchange.upstreamStarted = self.now
                if upstream.isReused { exchange.flags.insert(.onReusedConnection) }
                upstream.isReused = true
                if upstream.mode != .http2 || upstream.hasSpoken {
                    upstream.deadline = .distantFuture
                } else {
                    // Whether the endpoint understands is not known yet: what is sent until then may have to go out again.
                    exchange.flags.insert(.keepsReplay)
                }
                upstream.served &+= 1
                if upstream.mode == .http2, upstream.served == upstream.servedLimit { upstream.isDraining = true }
                isStarted = self.writeHead(&exchange, key, &upstream)
                guard isStarted else { return }
                exchange.phase = .sent
                if exchange.flags.contains(.tcp) { self.observer.opened(&exchange, now: self.now) }
                self.flushRequest(&exchange, key, &upstream)
                self.markDirty(&upstream.pipe, .upstream(upstreamKey))
            }
            isOver = self.isOver(&exchange)
        }
        if isOver { steps.append(.finish(key)) }
        if isStarted {
            resumeRequest(key)
        } else if exchanges.contains(key) {
            steps.append(.upstreamFailed(key, .connect))
        }
    }

    /// An extended CONNECT (RFC 8441) becomes an upgrade with a handshake of our own, whose answer nobody has to see.
    private func prepareUpgrade(_ exchange: inout Exchange) {
        guard exchange.flags.contains(.isHTTP2) else { return }
        heads.withElement(exchange.heads) { heads in
            guard !heads.request.protocolName.isEmpty else { return }
            exchange.flags.insert(.upgrading)
            guard heads.request.protocolName.equals("websocket"),
                !heads.request.fields.contains("sec-websocket-key")
            else { return }
            // 16 octets in base64 (RFC 6455 §4.1): 22 digits, the last one of two bits, and the padding.
            let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
            var key = InlineArray<24, UInt8>(repeating: UInt8(ascii: "="))
            for index in 0..<22 {
                let digit = Int(truncatingIfNeeded: self.random.next() >> 58)
                key[index] = alphabet.bytes[index < 21 ? digit : digit & 0x30]
            }
            heads.request.fields.append(name: "sec-websocket-key", value: key.span)
        }
    }

    private func writeHead(_ exchange: inout Exchange, _ key: Exchange.Key, _ upstream: inout Upstream) -> Bool {
        switch upstream.mode {
        case .raw:
            upstream.exchange = key
            return true
        case .http1:
            upstream.exchange = key
            prepareUpgrade(&exchange)
            text.clear()
            let length = exchange.requestLength
            do throws(HTTP1Error) {
                try heads.withElement(exchange.heads) { (heads: inout Heads) throws(HTTP1Error) in
                    try upstream.http1?.write(heads.request, length: length, into: &self.text)
                }
            } catch {
                text.clear()
                return false
            }
            return upstream.pipe.write(message: &text, &blocks)
        case .http2:
            guard let stream = upstream.pipe.http2?.openStream(context: key.context) else { return false }
            exchange.upstreamStream = stream
            let endsHere =
                exchange.flags.contains(.requestEnded) && exchange.toUpstream.isEmpty
                && heads.withElement(exchange.heads) { $0.requestTrailers.isEmpty } == true
            heads.withElement(exchange.heads) { heads in
                upstream.pipe.http2?.write(heads.request, stream, isEndStream: endsHere)
            }
            if endsHere { exchange.flags.insert(.requestSent) }
            return true
        }
    }
}
