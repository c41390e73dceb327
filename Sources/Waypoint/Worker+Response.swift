// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import HTTP1
internal import HTTP2
internal import HTTPRouting
internal import Mesh
internal import Routing
internal import Telemetry

// The way of a response's octets to the client.
extension Worker {
    /// Passes the head in `response` on; to be called while the endpoint's connection is in use.
    ///
    /// - Parameters:
    ///   - length: what is known of the content.
    ///   - isEnd: nothing follows (HTTP/2).
    func forwardHead(_ key: Exchange.Key, length: HTTP1ContentLength, isEnd: Bool) {
        let isOver = exchanges.withElement(key) { exchange -> Bool in
            guard !exchange.flags.contains(.clientGone), exchange.canAnswer, exchange.phase == .sent else {
                return false
            }
            if self.triesAgain(&exchange, key) { return false }
            exchange.replay.removeAll(in: &self.blocks)
            exchange.status = self.response.status
            if exchange.flags.contains(.grpc) { exchange.grpcStatus = self.response.fields.grpcStatus }
            exchange.flags.insert(.responseStarted)
            exchange.firstByte = self.now
            exchange.tryDeadline = .distantFuture
            if isEnd { exchange.flags.insert(.responseEnded) }
            self.applyFilters(exchange)
            if isEnd, exchange.flags.contains(.mirror) { exchange.flags.insert(.responseSent) }
            self.downstreams.withElement(exchange.downstream) { downstream in
                self.writeHead(&exchange, &downstream, length: length, isEnd: isEnd)
            }
            return self.isOver(&exchange)
        }
        if isOver == true { steps.append(.finish(key)) }
    }

    /// Whether the response is one of those that are better not passed on.
    private func triesAgain(_ exchange: inout Exchange, _ key: Exchange.Key) -> Bool {
        guard let rule = exchange.decision?.rule, exchange.table[rule].retryAttempts > 0 else { return false }
        let outcome = TryOutcome.response(
            status: response.status, grpcStatus: response.fields.grpcStatus,
            isRateLimited: response.fields.contains("x-envoy-ratelimited"))
        let next = nextTry(exchange, outcome)
        guard next == .allowed else {
            exchange.outcome.formUnion(next.flags)
            return false
        }
        if let workload = exchange.endpoint?.workload, exchange.table[rule].avoidsPreviousEndpoints {
            _ = exchange.tried.insert(workload)
        }
        exchange.phase = .pausing
        steps.append(.retry(key, pauses: true))
        return true
    }

    private func applyFilters(_ exchange: borrowing Exchange) {
        guard let decision = exchange.decision else { return }
        if exchange.table.hasResponseFilters(decision) {
            heads.withElement(exchange.heads) { heads in
                exchange.table.applyResponseFilters(
                    decision, origin: heads.request.fields.value(of: "origin"), to: &self.response)
            }
        }
        if let cluster = exchange.cluster, exchange.hash.cookie != nil {
            exchange.table.appendCookie(exchange.hash, of: cluster, to: &response)
        }
    }

    private func writeHead(
        _ exchange: inout Exchange, _ downstream: inout Downstream, length: HTTP1ContentLength, isEnd: Bool
    ) {
        defer { markDirty(&downstream.pipe, .downstream(exchange.downstream)) }
        if let stream = exchange.clientStream {
            if response.status == 101 {
                response.status = 200
                response.fields.remove("sec-websocket-accept")
            }
            downstream.pipe.http2?.write(response, stream, isEndStream: isEnd)
            if isEnd { responseSent(&exchange, &downstream) }
            return
        }
        text.clear()
        do throws(HTTP1Error) {
            if downstream.isDraining { downstream.http1?.closeAfterResponse() }
            let known = isEnd && length == .unknown ? .none : length
            try heads.withElement(exchange.heads) { (heads: inout Heads) throws(HTTP1Error) in
                try downstream.http1?.write(
                    self.response, length: known, protocolName: heads.request.protocolName, into: &self.text)
            }
        } catch {
            text.clear()
            return steps.append(.closeDownstream(exchange.downstream))
        }
        if !downstream.pipe.write(message: &text, &blocks) { steps.append(.closeDownstream(exchange.downstream)) }
        if downstream.http1?.disposition == .handover {
            downstream.mode = .raw
            exchange.flags.insert(.raw)
            exchange.flags.remove([.requestEnded, .requestSent])
            if !downstream.held.isEmpty { steps.append(.readHeld(exchange.downstream)) }
        }
        guard isEnd else { return }
        if downstream.mode == .raw {
            downstream.pipe.flags.insert(.finishing)
        } else {
            finishHTTP1(&exchange, &downstream)
        }
        responseSent(&exchange, &downstream)
    }

    /// Passes a head of 1xx on, as far as the client takes it.
    func forwardInformational(_ key: Exchange.Key) {
        exchanges.withElement(key) { exchange in
            guard exchange.canAnswer else { return }
            self.downstreams.withElement(exchange.downstream) { downstream in
                if let stream = exchange.clientStream {
                    downstream.pipe.http2?.write(self.response, stream, isEndStream: false)
                } else if downstream.http1?.acceptsInformational == true {
                    self.text.clear()
                    do throws(HTTP1Error) {
                        try downstream.http1?.write(
                            self.response, length: .none, protocolName: Span(), into: &self.text)
                    } catch {
                        self.text.clear()
                    }
                    _ = downstream.pipe.write(message: &self.text, &self.blocks)
                }
                self.markDirty(&downstream.pipe, .downstream(exchange.downstream))
            }
        }
    }

    /// Takes content of a response.
    ///
    /// - Returns: whether the endpoint should wait; `resumeResponse` follows.
    func forwardResponse(_ key: Exchange.Key, _ bytes: Span<UInt8>) -> Bool {
        exchanges.withElement(key) { exchange -> Bool in
            exchange.responseBytes += UInt64(bytes.count)
            guard !exchange.flags.contains(.clientGone), exchange.takesResponse else { return false }
            guard exchange.toDownstream.isEmpty else {
                if !exchange.toDownstream.append(copying: bytes, in: &self.blocks) {
                    self.steps.append(.clientGone(key))
                }
                return true
            }
            return self.downstreams.withElement(exchange.downstream) { downstream -> Bool in
                self.sendResponse(bytes, &exchange, key, &downstream)
            } ?? false
        } ?? false
    }

    private func sendResponse(
        _ bytes: Span<UInt8>, _ exchange: inout Exchange, _ key: Exchange.Key, _ downstream: inout Downstream
    ) -> Bool {
        var fits = true
        if let stream = exchange.clientStream {
            let taken = downstream.pipe.sendData(stream, bytes, isEnd: false, &text, &blocks)
            fits = taken != nil
            if let taken, taken < bytes.count {
                fits = exchange.toDownstream.append(copying: bytes.extracting(taken..<bytes.count), in: &blocks)
            }
        } else {
            fits = writeContent(bytes, exchange.downstream, &downstream)
        }
        if !fits { steps.append(.clientGone(key)) }
        markDirty(&downstream.pipe, .downstream(exchange.downstream))
        if downstream.pipe.isFull { downstream.pipe.flags.insert(.congested) }
        return downstream.pipe.isFull || !exchange.toDownstream.isEmpty
    }

    private func writeContent(
        _ bytes: Span<UInt8>, _ key: Downstream.Key, _ downstream: inout Downstream
    ) -> Bool {
        guard downstream.mode == .http1 else { return downstream.pipe.write(bytes, &blocks) }
        do throws(HTTP1Error) {
            text.clear()
            try downstream.http1?.beginChunk(bytes.count, into: &text)
            guard downstream.pipe.write(message: &text, &blocks), downstream.pipe.write(bytes, &blocks) else {
                return false
            }
            try downstream.http1?.endChunk(into: &text)
            return downstream.pipe.write(message: &text, &blocks)
        } catch {
            return false
        }
    }

    /// The endpoint has sent all of a response.
    func endResponse(_ key: Exchange.Key) {
        let isOver = exchanges.withElement(key) { exchange -> Bool in
            guard exchange.takesResponse else { return false }
            exchange.flags.insert(.responseEnded)
            if exchange.flags.contains(.mirror) {
                exchange.flags.insert(.responseSent)
            } else if exchange.toDownstream.isEmpty {
                self.downstreams.withElement(exchange.downstream) { self.sendEnd(&exchange, &$0) }
            }
            return self.isOver(&exchange)
        }
        if isOver == true { steps.append(.finish(key)) }
    }

    private func sendEnd(_ exchange: inout Exchange, _ downstream: inout Downstream) {
        guard !exchange.flags.contains(.responseSent), !exchange.flags.contains(.clientGone) else { return }
        if let stream = exchange.clientStream {
            let hasTrailers = heads.withElement(exchange.heads) { heads -> Bool in
                guard !heads.responseTrailers.isEmpty else { return false }
                if exchange.flags.contains(.grpc) { exchange.grpcStatus = heads.responseTrailers.grpcStatus }
                downstream.pipe.http2?.writeTrailers(heads.responseTrailers, stream)
                return true
            }
            if hasTrailers != true { downstream.pipe.http2?.endStream(stream) }
        } else if downstream.mode == .raw {
            downstream.pipe.flags.insert(.finishing)
        } else {
            finishHTTP1(&exchange, &downstream)
        }
        responseSent(&exchange, &downstream)
        markDirty(&downstream.pipe, .downstream(exchange.downstream))
    }

    private func finishHTTP1(_ exchange: inout Exchange, _ downstream: inout Downstream) {
        text.clear()
        do throws(HTTP1Error) {
            try heads.withElement(exchange.heads) { (heads: inout Heads) throws(HTTP1Error) in
                for index in 0..<heads.responseTrailers.count {
                    _ = try downstream.http1?.appendTrailer(
                        name: heads.responseTrailers.name(index), value: heads.responseTrailers.value(index),
                        into: &self.text)
                }
            }
            if try downstream.http1?.finish(into: &text) == .close {
                exchange.flags.insert(.requestEnded)
                if !downstream.pipe.write(message: &text, &blocks) {
                    steps.append(.closeDownstream(exchange.downstream))
                }
                return finish(&downstream, exchange.downstream)
            }
        } catch {
            text.clear()
            return steps.append(.closeDownstream(exchange.downstream))
        }
        if !downstream.pipe.write(message: &text, &blocks) { steps.append(.closeDownstream(exchange.downstream)) }
    }

    /// All of a response is written: a request that has not ended by now is not wanted any more.
    private func responseSent(_ exchange: inout Exchange, _ downstream: inout Downstream) {
        exchange.flags.insert(.responseSent)
        guard !exchange.flags.contains(.requestEnded), downstream.mode != .raw else { return }
        exchange.phase = .answered
        if let stream = exchange.clientStream {
            downstream.pipe.http2?.reset(stream, .noError)
            exchange.flags.insert(.requestEnded)
        } else {
            // What still comes is read and dropped, so that the connection can be used again.
            exchange.flags.remove(.requestPaused)
            if downstream.held.isEmpty { downstream.pipe.flags.remove(.paused) }
        }
    }

    /// Goes on with content that waited for the client; to be called while `downstream` is in use.
    func continueResponse(_ key: Exchange.Key, _ downstream: inout Downstream, _ downstreamKey: Downstream.Key) {
        var resumes = false
        let isOver = exchanges.withElement(key) { exchange -> Bool in
            while !exchange.toDownstream.isEmpty, let stream = exchange.clientStream {
                if downstream.pipe.isFull {
                    downstream.pipe.flags.insert(.congested)
                    downstream.pipe.http2?.scheduleSend(stream)
                    return false
                }
                let taken = downstream.pipe.sendData(
                    stream, exchange.toDownstream.first, isEnd: false, &self.text, &self.blocks)
                guard let taken else {
                    self.steps.append(.clientGone(key))
                    return false
                }
                exchange.toDownstream.consume(taken, in: &self.blocks)
                self.markDirty(&downstream.pipe, .downstream(downstreamKey))
                if taken == 0 { return false }
            }
            if exchange.flags.contains(.responseEnded) { self.sendEnd(&exchange, &downstream) }
            // What fills the pipe to the last octet kept: whoever waits is told when it is drained.
            if downstream.pipe.isFull { downstream.pipe.flags.insert(.congested) }
            resumes = exchange.flags.contains(.responsePaused) && !downstream.pipe.isFull
            return self.isOver(&exchange)
        }
        if resumes { resumeResponse(key) }
        if isOver == true { steps.append(.finish(key)) }
    }

    /// Lets an endpoint go on that was asked to wait; `upstreams` must not be in use.
    func resumeResponse(_ key: Exchange.Key) {
        exchanges.withElement(key) { exchange in
            guard exchange.flags.contains(.responsePaused), let upstreamKey = exchange.upstream else { return }
            exchange.flags.remove(.responsePaused)
            self.upstreams.withElement(upstreamKey) { upstream in
                if let stream = exchange.upstreamStream {
                    upstream.pipe.http2?.consumed(stream, count: exchange.uncreditedResponse)
                    exchange.uncreditedResponse = 0
                } else {
                    upstream.pipe.flags.remove(.paused)
                }
                self.markDirty(&upstream.pipe, .upstream(upstreamKey))
            }
        }
    }
}

extension FieldList {
    /// The number in a grpc-status field; nil when there is none.
    fileprivate var grpcStatus: UInt8? {
        let digits = value(of: "grpc-status")
        let count = digits.count
        guard count == 1 || count == 2 else { return nil }
        var result: UInt8 = 0
        for index in 0..<count {
            guard (0x30...0x39).contains(digits[index]) else { return nil }
            result = result * 10 + (digits[index] - 0x30)
        }
        return result
    }
}
