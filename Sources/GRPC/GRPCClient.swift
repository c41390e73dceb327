// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import HTTP2

/// The client's side of unary gRPC calls on one HTTP/2 connection, without I/O.
///
/// The owner starts calls, hands in HTTP/2 events and gets each call's one response; `write` puts frames into a record.
package struct GRPCClient: ClientCalls, ~Copyable {
    /// What is called.
    package struct Request: Sendable {
        /// `/package.Service/Method`.
        package let path: String
        /// Header fields of the application; names lower case.
        package let metadata: [(name: String, value: String)]
        /// The message.
        package let message: [UInt8]
        /// How long the call may take, for the server and for us.
        package let timeout: Nanoseconds

        /// A call.
        package init(
            path: String, metadata: [(name: String, value: String)], message: [UInt8], timeout: Nanoseconds
        ) {
            self.path = path
            self.metadata = metadata
            self.message = message
            self.timeout = timeout
        }
    }

    private struct Call {
        let context: UInt64
        let deadline: MonotonicTime
        var reader: GRPCMessageReader
        var httpStatus = 0
        var isGRPC = false
    }

    private let configuration: GRPCConfiguration
    private let authority: [UInt8]
    private var calls: [StreamHandle: Call] = [:]
    private var outbox = MessageOutbox()

    /// A client without calls.
    ///
    /// - Parameter authority: the server's host and port, for `:authority`.
    package init(_ configuration: GRPCConfiguration, authority: String) {
        self.configuration = configuration
        self.authority = Array(authority.utf8)
    }

    /// Calls that have no response yet.
    package var callCount: Int { calls.count }

    /// Starts a call.
    ///
    /// - Parameter context: comes back with the response.
    /// - Returns: false when the connection takes no more calls now.
    package mutating func start(
        _ request: Request, context: UInt64, _ http2: inout HTTP2Connection, now: MonotonicTime
    ) -> Bool {
        guard let stream = http2.openStream(context: context) else { return false }
        http2.beginHeaders(stream)
        http2.addField(name: ":method", value: "POST")
        http2.addField(name: ":scheme", value: "https")
        http2.addField(name: ":path", value: Array(request.path.utf8).span)
        http2.addField(name: ":authority", value: authority.span)
        http2.addField(name: "te", value: "trailers")
        http2.addField(name: "content-type", value: "application/grpc")
        http2.addField(name: "user-agent", value: "ambit-grpc")
        http2.addField(name: "grpc-timeout", value: GRPCText.timeout(request.timeout).span, indexing: .notIndexed)
        for field in request.metadata {
            http2.addField(name: Array(field.name.utf8).span, value: Array(field.value.utf8).span)
        }
        http2.endHeaders(isEndStream: false)
        outbox.append(stream, GRPCMessageReader.framed(request.message), then: .endOfStream)
        calls[stream] = Call(
            context: context, deadline: now + request.timeout,
            reader: GRPCMessageReader(limit: configuration.maximumMessageLength))
        return true
    }

    /// Takes an event of the connection.
    ///
    /// - Parameter input: what the ranges of `.data` count from.
    /// - Returns: the response of a call that is over by it.
    package mutating func receive(
        _ event: HTTP2Event, _ input: Span<UInt8>, _ http2: inout HTTP2Connection, now: MonotonicTime
    ) -> GRPCResponse? {
        switch event {
        case .headers(let stream, kind: .response, let isEndStream):
            guard calls[stream] != nil else { return nil }
            calls[stream]?.httpStatus = http2.fields.status
            if let type = http2.fields.firstIndex(of: "content-type") {
                calls[stream]?.isGRPC = GRPCText.isGRPC(contentType: http2.fields.value(type))
            }
            return isEndStream ? finish(stream, Self.status(http2.fields)) : nil
        case .headers(let stream, kind: .trailers, _): return finish(stream, Self.status(http2.fields))
        case .data(let stream, let offset, let count, let isEndStream):
            let failure = take(stream, input.extracting(offset..<(offset + count)))
            http2.consumed(stream, count: count)
            if let failure {
                http2.reset(stream, .cancel)
                return over(stream, .failure(failure))
            }
            return isEndStream ? finish(stream, nil) : nil
        case .reset(let stream, let code, _):
            outbox.remove(stream)
            return over(stream, .failure(Self.status(ofReset: code)))
        case .headers, .sendWindowOpened, .connectionWindowOpened, .goAway, .settingsChanged, .pingAcknowledged:
            return nil
        }
    }

    /// Writes frames until `record` is full or nothing can be sent.
    ///
    /// - Returns: whether more can be written once there is room again.
    package mutating func write(_ http2: inout HTTP2Connection, into record: inout ByteBuffer) -> Bool {
        outbox.write(&http2, into: &record)
    }

    /// When `expire` has something to do.
    package var nextDeadline: MonotonicTime { calls.values.map(\.deadline).min() ?? .distantFuture }

    /// Gives up one call whose time is over; to be called until it returns nil.
    package mutating func expire(_ http2: inout HTTP2Connection, now: MonotonicTime) -> GRPCResponse? {
        guard let stream = calls.first(where: { $0.value.deadline <= now })?.key else { return nil }
        http2.reset(stream, .cancel)
        outbox.remove(stream)
        return over(stream, .failure(GRPCStatus(.deadlineExceeded, "no answer in time")))
    }

    /// Ends all calls because the connection is over.
    package mutating func abandon(because reason: String) -> [GRPCResponse] {
        let status = GRPCStatus(.unavailable, reason)
        let responses = calls.values.map { GRPCResponse(context: $0.context, result: .failure(status)) }
        calls = [:]
        outbox = MessageOutbox()
        return responses
    }

    // MARK: - Inside

    private mutating func take(_ stream: StreamHandle, _ payload: Span<UInt8>) -> GRPCStatus? {
        // What is no gRPC has content that nobody reads; its HTTP status tells enough.
        guard calls[stream]?.isGRPC == true, var call = calls.removeValue(forKey: stream) else { return nil }
        do throws(GRPCError) {
            try call.reader.receive(payload)
        } catch {
            calls[stream] = call
            return error.status
        }
        calls[stream] = call
        return nil
    }

    private mutating func finish(_ stream: StreamHandle, _ status: GRPCStatus?) -> GRPCResponse? {
        guard let call = calls[stream] else { return nil }
        guard let status else {
            let text = "answer has HTTP status \(call.httpStatus) and no grpc-status"
            return over(stream, .failure(GRPCStatus(GRPCStatusCode(httpStatus: call.httpStatus), text)))
        }
        guard status.code == .ok else { return over(stream, .failure(status)) }
        do throws(GRPCError) {
            return over(stream, .success(Array(try call.reader.finish())))
        } catch {
            return over(stream, .failure(error.status))
        }
    }

    private mutating func over(_ stream: StreamHandle, _ result: Result<[UInt8], GRPCStatus>) -> GRPCResponse? {
        calls.removeValue(forKey: stream).map { GRPCResponse(context: $0.context, result: result) }
    }

    private static func status(_ fields: borrowing HTTP2Fields) -> GRPCStatus? {
        guard let index = fields.firstIndex(of: "grpc-status") else { return nil }
        let code = UInt8(String(decoding: fields.value(index))).flatMap { GRPCStatusCode(rawValue: $0) } ?? .unknown
        guard let text = fields.firstIndex(of: "grpc-message") else { return GRPCStatus(code, "") }
        return GRPCStatus(code, GRPCText.percentDecoded(fields.value(text)))
    }

    /// gRPC over HTTP/2, "HTTP2 Error codes".
    private static func status(ofReset code: HTTP2ErrorCode) -> GRPCStatus {
        let text = "stream was reset: \(code)"
        return switch code {
        case .refusedStream: GRPCStatus(.unavailable, text)
        case .cancel: GRPCStatus(.cancelled, text)
        case .enhanceYourCalm: GRPCStatus(.resourceExhausted, text)
        case .inadequateSecurity: GRPCStatus(.permissionDenied, text)
        default: GRPCStatus(.internal, text)
        }
    }
}
