// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import HTTP1
internal import HTTP2
internal import LinuxIO

// Connections to endpoints: their octets and their ends.
extension Worker {
    /// The socket of a connection to an endpoint is ready for something.
    func upstreamEvent(_ key: Upstream.Key, _ readiness: LinuxIO.Readiness) {
        var isReadable = false
        upstreams.withElement(key) { upstream in
            if readiness.invitesWriting {
                upstream.pipe.flags.insert(.writable)
                if upstream.phase == .connecting {
                    self.finishConnect(&upstream, key)
                } else if !upstream.pipe.out.isEmpty {
                    self.markDirty(&upstream.pipe, .upstream(key))
                }
            }
            isReadable =
                upstream.phase == .established
                && readiness.invitesReading
            if isReadable { upstream.pipe.flags.insert(.readable) }
            if readiness.tellsEnd {
                upstream.pipe.flags.insert(.peerFinished)
                if upstream.pipe.isAborted {
                    isReadable = false
                    self.steps.append(.closeUpstream(key, .termination))
                } else if upstream.pipe.flags.contains(.readClosed) {
                    self.hangUpIfClosed(upstream)
                }
            }
        }
        if isReadable { readUpstream(key) }
    }

    private func finishConnect(_ upstream: inout Upstream, _ key: Upstream.Key) {
        let number = Socket.takeError(upstream.pipe.fd)
        if number == 0 {
            establish(&upstream, key)
        } else {
            steps.append(.closeUpstream(key, .connect))
        }
    }

    /// Reads what the socket has and is wanted.
    func readUpstream(_ key: Upstream.Key) {
        for _ in 0..<Self.readsPerTurn {
            let goesOn = upstreams.withElement(key) { upstream -> Bool in
                guard upstream.pipe.flags.contains(.readable),
                    upstream.pipe.flags.isDisjoint(with: [.paused, .readClosed])
                else { return false }
                self.input.clear()
                switch Socket.read(upstream.pipe.fd, into: &self.input) {
                case .bytes:
                    let isShort = self.input.freeCount > 0
                    if isShort, !upstream.pipe.flags.contains(.peerFinished) { upstream.pipe.flags.remove(.readable) }
                    self.receive(&upstream, key, self.input, 0..<self.input.count)
                    return upstream.pipe.flags.contains(.readable)
                case .wouldBlock: upstream.pipe.flags.remove(.readable)
                case .endOfStream:
                    upstream.pipe.flags.insert(.readClosed)
                    self.takeEnd(&upstream, key)
                case .failed:
                    upstream.pipe.flags.insert(.readClosed)
                    // Between workers it only means that the other one has not read everything.
                    if upstream.pipe.handed != nil {
                        self.takeEnd(&upstream, key)
                    } else {
                        self.steps.append(.closeUpstream(key, .termination))
                    }
                }
                return false
            }
            performSteps()
            guard goesOn == true else { return }
        }
        upstreams.withElement(key) { self.markDirty(&$0.pipe, .upstream(key)) }
    }

    /// The socket has nothing more.
    private func takeEnd(_ upstream: inout Upstream, _ key: Upstream.Key) {
        if upstream.pipe.isAborted { return steps.append(.closeUpstream(key, .termination)) }
        receiveEnd(&upstream, key)
        hangUpIfClosed(upstream)
    }

    private func hangUpIfClosed(_ upstream: borrowing Upstream) {
        guard upstream.pipe.handed?.isClosed == true, let exchange = upstream.exchange else { return }
        hangUp(exchange)
    }

    /// Octets have come from an endpoint: a range of a buffer.
    func receive(
        _ upstream: inout Upstream, _ key: Upstream.Key, _ buffer: borrowing ByteBuffer, _ range: Range<Int>
    ) {
        receive(&upstream, key, buffer.readable.extracting(range))
    }

    /// Octets have come from an endpoint.
    func receive(_ upstream: inout Upstream, _ key: Upstream.Key, _ bytes: Span<UInt8>) {
        switch upstream.mode {
        case .http1:
            let used = receiveHTTP1(&upstream, key, bytes)
            if upstream.mode == .raw, used < bytes.count {
                receive(&upstream, key, bytes.extracting(used..<bytes.count))
            }
        case .http2: receiveHTTP2(&upstream, key, bytes)
        case .raw:
            guard let exchange = upstream.exchange else { return }
            if forwardResponse(exchange, bytes) { pauseResponse(&upstream, exchange) }
        }
    }

    /// Stops reading an HTTP/1 or raw connection whose client is slow.
    private func pauseResponse(_ upstream: inout Upstream, _ exchange: Exchange.Key) {
        upstream.pipe.flags.insert(.paused)
        exchanges.withElement(exchange) { _ = $0.flags.insert(.responsePaused) }
    }

    /// The endpoint has finished sending.
    func receiveEnd(_ upstream: inout Upstream, _ key: Upstream.Key) {
        switch upstream.mode {
        case .http2: steps.append(.closeUpstream(key, .termination))
        case .raw: if let exchange = upstream.exchange { endResponse(exchange) }
        case .http1:
            let exchange = upstream.exchange
            do throws(HTTP1Error) {
                let event = try upstream.http1?.receiveEndOfStream()
                if case .end = event, let exchange { return endResponse(exchange) }
            } catch {
                return steps.append(.closeUpstream(key, .termination))
            }
            // Between two exchanges, or behind a complete response: nobody misses it.
            if exchange == nil { steps.append(.closeUpstream(key, .termination)) }
        }
    }

    // MARK: HTTP/1

    private func receiveHTTP1(_ upstream: inout Upstream, _ key: Upstream.Key, _ bytes: Span<UInt8>) -> Int {
        var offset = 0
        do throws(HTTP1Error) {
            while let event = try upstream.http1?.receive(bytes, at: &offset) {
                guard let exchange = upstream.exchange else { break }
                switch event {
                case .head: takeHead(upstream, exchange)
                case .informational:
                    fillResponse(upstream)
                    forwardInformational(exchange)
                case .body(let range):
                    if forwardResponse(exchange, bytes.extracting(range)) { pauseResponse(&upstream, exchange) }
                case .trailers: takeTrailers(upstream, exchange)
                case .end: endResponse(exchange)
                case .handover:
                    upstream.mode = .raw
                    exchanges.withElement(exchange) { _ = $0.flags.remove(.upgrading) }
                    continueRequest(exchange, &upstream)
                    return offset
                }
            }
        } catch {
            let failure: UpstreamFailure = upstream.exchange == nil ? .termination : .protocolError
            if upstream.exchange != nil { observer.badResponse("\(error)") }
            steps.append(.closeUpstream(key, failure))
            return bytes.count
        }
        return offset
    }

    private func fillResponse(_ upstream: borrowing Upstream) {
        response.reset()
        switch upstream.http1 {
        case .some(let connection): response.fill(from: connection)
        case nil: break
        }
    }

    private func takeHead(_ upstream: borrowing Upstream, _ exchange: Exchange.Key) {
        fillResponse(upstream)
        let length: HTTP1ContentLength
        switch upstream.http1 {
        case .some(let connection):
            switch connection.response.framing {
            case .length(let count): length = .exactly(count)
            case .chunked, .untilClose: length = .unknown
            case .none: length = connection.response.statedLength.map { .exactly($0) } ?? .none
            }
        case nil: return
        }
        forwardHead(exchange, length: length, isEnd: false)
    }

    private func takeTrailers(_ upstream: borrowing Upstream, _ exchange: Exchange.Key) {
        guard let key = exchanges.withElement(exchange, { $0.heads }) else { return }
        heads.withElement(key) { heads in
            switch upstream.http1 {
            case .some(let connection): heads.responseTrailers.fillTrailers(from: connection)
            case nil: break
            }
        }
    }
}
