// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import HTTP1
internal import HTTP2
internal import LinuxIO

// Answers of our own.
extension Worker {
    /// Answers an exchange; the endpoint is not asked any more.
    func reply(_ key: Exchange.Key, _ reply: LocalReply) {
        dropUpstream(key)
        var isTCP = false
        let isOver = exchanges.withElement(key) { exchange -> Bool in
            exchange.outcome.insert(reply.outcome)
            exchange.details = reply.details
            if exchange.flags.contains(.tcp) {
                isTCP = true
                return false
            }
            guard exchange.canAnswer, !exchange.flags.contains(.clientGone) else { return false }
            self.leaveEndpoint(&exchange)
            exchange.replay.removeAll(in: &self.blocks)
            exchange.toUpstream.removeAll(in: &self.blocks)
            if reply.isPrepared {
                self.completeResponse()
            } else {
                self.fillResponse(reply, exchange.flags.contains(.grpc))
            }
            exchange.status = self.response.status
            if exchange.flags.contains(.grpc), !reply.isPrepared { exchange.grpcStatus = reply.effectiveGRPCStatus }
            exchange.flags.insert(.responseStarted)
            exchange.firstByte = self.now
            if exchange.flags.contains(.mirror) {
                exchange.flags.insert(.responseSent)
                return self.isOver(&exchange)
            }
            if !reply.isPrepared {
                self.preparedContent.removeAll(keepingCapacity: true)
                if !exchange.flags.contains(.grpc) { self.preparedContent.append(copying: reply.body.bytes) }
            }
            self.downstreams.withElement(exchange.downstream) { self.write(&exchange, &$0) }
            exchange.phase = .answered
            return self.isOver(&exchange)
        }
        if isTCP { return clientGone(key) }
        if isOver == true { steps.append(.finish(key)) }
    }

    private func fillResponse(_ reply: LocalReply, _ isGRPC: Bool) {
        response.reset()
        response.status = isGRPC ? 200 : reply.status
        if reply.isOverload { response.fields.append(name: "x-envoy-overloaded", value: "true".utf8.span) }
        if isGRPC {
            response.fields.append(name: "content-type", value: "application/grpc".utf8.span)
            text.clear()
            text.append(decimal: UInt64(reply.effectiveGRPCStatus))
            append("grpc-status")
            if reply.body.utf8CodeUnitCount > 0 {
                response.fields.append(name: "grpc-message", value: reply.body.bytes)
            }
            return
        }
        text.clear()
        text.append(decimal: UInt64(reply.body.utf8CodeUnitCount))
        append("content-length")
        if reply.body.utf8CodeUnitCount > 0 {
            response.fields.append(name: "content-type", value: "text/plain".utf8.span)
        }
    }

    /// Adds to a prepared head what every answer has.
    private func completeResponse() {
        text.clear()
        text.append(decimal: UInt64(preparedContent.count))
        append("content-length")
    }

    private func append(_ name: StaticString) {
        response.fields.append(name: name, value: text.readable)
        text.clear()
    }

    private func write(_ exchange: inout Exchange, _ downstream: inout Downstream) {
        defer { markDirty(&downstream.pipe, .downstream(exchange.downstream)) }
        let isHead = heads.withElement(exchange.heads) { $0.request.method == .head } == true
        let content = preparedContent
        let count = content.count
        if let stream = exchange.clientStream {
            let isEmpty = isHead || count == 0
            downstream.pipe.http2?.write(response, stream, isEndStream: isEmpty)
            if !isEmpty {
                // Shorter than any window; what does not fit into the peer's is not worth waiting for.
                _ = downstream.pipe.sendData(stream, content.span, isEnd: true, &text, &blocks)
            }
            exchange.flags.insert(.responseSent)
            if !exchange.flags.contains(.requestEnded) { exchange.flags.insert(.requestEnded) }
            downstream.pipe.http2?.reset(stream, .noError)
            return
        }
        text.clear()
        do throws(HTTP1Error) {
            try downstream.http1?.write(response, length: .exactly(count), protocolName: Span(), into: &text)
            if !isHead, count > 0 { _ = try downstream.http1?.appendContent(content.span, into: &text) }
            let disposition = try downstream.http1?.finish(into: &text)
            exchange.flags.insert(.responseSent)
            if !downstream.pipe.write(message: &text, &blocks) { steps.append(.closeDownstream(exchange.downstream)) }
            if disposition == .close {
                exchange.flags.insert(.requestEnded)
                finish(&downstream, exchange.downstream)
            } else if downstream.held.isEmpty {
                downstream.pipe.flags.remove(.paused)
            }
        } catch {
            text.clear()
            steps.append(.closeDownstream(exchange.downstream))
        }
    }
}
