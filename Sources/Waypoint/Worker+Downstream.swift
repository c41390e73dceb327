// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP1
internal import HTTP2
internal import LinuxIO
internal import Mesh

// Connections of clients: their octets and their ends, whatever they speak.
extension Worker {
    /// Reads per turn and connection; then others have their turn.
    static let readsPerTurn = 4

    /// A connection of a client is there: what it speaks is known, or will be told by its first octets.
    func begin(_ key: Downstream.Key) {
        downstreams.withElement(key) { downstream in
            switch downstream.frontend.declared {
            case .tcp, .tls: self.beginRaw(&downstream, key)
            case .http, .http2, .grpc, .grpcWeb: self.arm(&downstream, key, self.configuration.idleTimeout)
            case .undeclared: self.arm(&downstream, key, self.configuration.detectionTimeout)
            }
        }
    }

    /// The socket of a client's connection is ready for something.
    func downstreamEvent(_ key: Downstream.Key, _ readiness: LinuxIO.Readiness) {
        var isReadable = false
        downstreams.withElement(key) { downstream in
            if readiness.invitesWriting {
                downstream.pipe.flags.insert(.writable)
                if !downstream.pipe.out.isEmpty { self.markDirty(&downstream.pipe, .downstream(key)) }
            }
            isReadable = readiness.invitesReading
            if isReadable { downstream.pipe.flags.insert(.readable) }
            if readiness.tellsEnd {
                downstream.pipe.flags.insert(.peerFinished)
                if downstream.pipe.isAborted {
                    isReadable = false
                    self.steps.append(.closeDownstream(key))
                }
            }
        }
        if isReadable { readDownstream(key) }
    }

    /// Reads what the socket has and is wanted.
    func readDownstream(_ key: Downstream.Key) {
        for _ in 0..<Self.readsPerTurn {
            let goesOn = downstreams.withElement(key) { downstream -> Bool in
                guard downstream.pipe.flags.contains(.readable),
                    downstream.pipe.flags.isDisjoint(with: [.paused, .readClosed])
                else { return false }
                self.input.clear()
                switch Socket.read(downstream.pipe.fd, into: &self.input) {
                case .bytes:
                    // A read that did not fill the buffer has emptied the socket (epoll(7), edge-triggered streams).
                    let isShort = self.input.freeCount > 0
                    if isShort, !downstream.pipe.flags.contains(.peerFinished) {
                        downstream.pipe.flags.remove(.readable)
                    }
                    self.receive(&downstream, key, self.input, 0..<self.input.count)
                    return downstream.pipe.flags.contains(.readable)
                case .wouldBlock:
                    downstream.pipe.flags.remove(.readable)
                case .endOfStream:
                    downstream.pipe.flags.insert(.readClosed)
                    if downstream.pipe.isAborted {
                        self.steps.append(.closeDownstream(key))
                    } else {
                        self.receiveEnd(&downstream, key)
                    }
                case .failed:
                    downstream.pipe.flags.insert(.readClosed)
                    self.steps.append(.closeDownstream(key))
                }
                return false
            }
            performSteps()
            guard goesOn == true else { return }
        }
        downstreams.withElement(key) { self.markDirty(&$0.pipe, .downstream(key)) }
    }

    private func receiveHTTP1(
        _ downstream: inout Downstream, _ key: Downstream.Key, _ buffer: borrowing ByteBuffer
    ) -> Int {
        receiveHTTP1(&downstream, key, buffer.readable)
    }

    /// Octets have come from a client: a range of a buffer.
    func receive(
        _ downstream: inout Downstream, _ key: Downstream.Key, _ buffer: borrowing ByteBuffer, _ range: Range<Int>
    ) {
        receive(&downstream, key, buffer.readable.extracting(range))
    }

    /// Octets have come from a client.
    func receive(_ downstream: inout Downstream, _ key: Downstream.Key, _ bytes: Span<UInt8>) {
        switch downstream.mode {
        case .sniffing: sniff(&downstream, key, bytes)
        case .http1:
            guard downstream.held.isEmpty else { return hold(&downstream, key, bytes) }
            let used = receiveHTTP1(&downstream, key, bytes)
            guard used < bytes.count else { return }
            let rest = bytes.extracting(used..<bytes.count)
            if downstream.mode == .http1 { hold(&downstream, key, rest) } else { receive(&downstream, key, rest) }
        case .http2: receiveHTTP2(&downstream, key, bytes)
        case .raw:
            guard let exchange = downstream.exchange else { return }
            if forwardRequest(exchange, bytes) { pauseRequest(&downstream, exchange) }
        case .closing: break
        }
    }

    /// Keeps octets that cannot be looked at yet, and reads no more until then.
    func hold(_ downstream: inout Downstream, _ key: Downstream.Key, _ bytes: Span<UInt8>) {
        downstream.pipe.flags.insert(.paused)
        if !downstream.held.append(copying: bytes, in: &blocks) { steps.append(.closeDownstream(key)) }
    }

    /// Stops reading an HTTP/1 or raw connection whose endpoint is slow.
    func pauseRequest(_ downstream: inout Downstream, _ exchange: Exchange.Key) {
        downstream.pipe.flags.insert(.paused)
        exchanges.withElement(exchange) { _ = $0.flags.insert(.requestPaused) }
    }

    private func sniff(_ downstream: inout Downstream, _ key: Downstream.Key, _ bytes: Span<UInt8>) {
        if downstream.held.isEmpty {
            let guess = ProtocolGuess(bytes, declared: downstream.frontend.declared)
            if case .needsMore = guess { return keepPrefix(&downstream, key, bytes) }
            settle(&downstream, key, guess)
            return receive(&downstream, key, bytes)
        }
        keepPrefix(&downstream, key, bytes)
        let guess = ProtocolGuess(downstream.held.first, declared: downstream.frontend.declared)
        if case .needsMore = guess { return }
        settle(&downstream, key, guess)
        steps.append(.readHeld(key))
    }

    private func keepPrefix(_ downstream: inout Downstream, _ key: Downstream.Key, _ bytes: Span<UInt8>) {
        if !downstream.held.append(copying: bytes, in: &blocks) { steps.append(.closeDownstream(key)) }
    }

    /// The protocol is known.
    private func settle(_ downstream: inout Downstream, _ key: Downstream.Key, _ guess: ProtocolGuess) {
        switch guess {
        case .needsMore: break
        case .http1:
            downstream.mode = .http1
            downstream.http1 = HTTP1ServerConnection()
            arm(&downstream, key, configuration.headerTimeout)
        case .http2:
            downstream.mode = .http2
            downstream.pipe.http2 = HTTP2Connection(
                role: .server, configuration: configuration.downstreamHTTP2, now: now)
            if downstream.isDraining { downstream.pipe.http2?.beginDrain(now: now) }
            arm(&downstream, key, configuration.idleTimeout)
        case .other: beginRaw(&downstream, key)
        }
    }

    /// Looks again at octets that were held back.
    func readHeld(_ key: Downstream.Key) {
        downstreams.withElement(key) { downstream in
            while !downstream.held.isEmpty {
                // The front of the queue may be changed while it is looked at; a copy cannot.
                self.input.clear()
                let count = Self.copy(downstream.held, &self.input)
                guard downstream.mode == .http1 else {
                    downstream.held.consume(count, in: &self.blocks)
                    self.receive(&downstream, key, self.input, 0..<self.input.count)
                    continue
                }
                let used = self.receiveHTTP1(&downstream, key, self.input)
                guard !downstream.held.isEmpty else { return }
                downstream.held.consume(used, in: &self.blocks)
                if used < count, downstream.mode == .http1 { return }
            }
        }
        unpause(key)
    }

    private static func copy(_ queue: borrowing BufferQueue, _ buffer: inout ByteBuffer) -> Int {
        buffer.appendPrefix(copying: queue.first)
    }

    /// Reads on, if nothing is held back any more.
    private func unpause(_ key: Downstream.Key) {
        downstreams.withElement(key) { downstream in
            guard downstream.held.isEmpty, downstream.pipe.flags.contains(.paused) else { return }
            if let exchange = downstream.exchange, downstream.mode != .http2 {
                let isPaused = self.exchanges.withElement(exchange) { $0.flags.contains(.requestPaused) }
                if isPaused == true { return }
            }
            downstream.pipe.flags.remove(.paused)
            self.markDirty(&downstream.pipe, .downstream(key))
        }
    }

    /// The client has finished sending.
    func receiveEnd(_ downstream: inout Downstream, _ key: Downstream.Key) {
        switch downstream.mode {
        case .sniffing: finish(&downstream, key)
        case .http2:
            for context in downstream.pipe.http2?.contexts ?? [] where context != 0 {
                steps.append(.clientGone(Exchange.Key(context: context)))
            }
            finish(&downstream, key)
        case .closing: if downstream.pipe.flags.contains(.finished) { steps.append(.closeDownstream(key)) }
        case .http1:
            do throws(HTTP1Error) {
                try downstream.http1?.receiveEndOfStream()
                if downstream.exchange == nil { finish(&downstream, key) }
            } catch {
                steps.append(.closeDownstream(key))
            }
        case .raw: if let exchange = downstream.exchange { endRequest(exchange) }
        }
    }

    /// What is written is the last: closes when it is out and the client has finished too, or after a while.
    func finish(_ downstream: inout Downstream, _ key: Downstream.Key) {
        downstream.mode = .closing
        downstream.pipe.flags.insert(.finishing)
        downstream.pipe.flags.remove(.paused)
        downstream.held.removeAll(in: &blocks)
        markDirty(&downstream.pipe, .downstream(key))
    }
}
