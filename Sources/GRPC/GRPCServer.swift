// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import HTTP2

/// The server's side of unary gRPC calls on one HTTP/2 connection, without I/O.
///
/// The owner hands in HTTP/2 events and gets whole requests; it answers them with `respond` or `refuse` when it likes,
/// and lets `write` put frames into a record. Calls that break a rule, are too large or take too long are refused here.
///
/// A call: receiving -> waiting (for the owner) -> gone when answered; a reset, a refusal or its deadline ends it in any
/// state, and later answers to it are dropped.
package struct GRPCServer: ~Copyable {
    private enum Call {
        case receiving(Head, GRPCMessageReader)
        case waiting(deadline: MonotonicTime)

        var deadline: MonotonicTime {
            switch self {
            case .receiving(let head, _): head.deadline
            case .waiting(let deadline): deadline
            }
        }
    }

    private struct Head {
        let path: String
        let metadata: [(name: String, value: String)]
        let deadline: MonotonicTime
    }

    private let configuration: GRPCConfiguration
    private var calls: [StreamHandle: Call] = [:]
    private var outbox = MessageOutbox()
    private var heldBytes = 0

    /// A server without calls.
    package init(_ configuration: GRPCConfiguration) {
        self.configuration = configuration
    }

    /// Calls that are not answered yet.
    package var callCount: Int { calls.count }

    /// Takes an event of the connection.
    ///
    /// - Parameter input: what the ranges of `.data` count from.
    /// - Returns: a request that is complete by it.
    package mutating func receive(
        _ event: HTTP2Event, _ input: Span<UInt8>, _ http2: inout HTTP2Connection, now: MonotonicTime
    ) -> GRPCRequest? {
        switch event {
        case .headers(let stream, kind: .request, let isEndStream):
            begin(stream, &http2, now: now)
            return isEndStream ? complete(stream, &http2) : nil
        case .headers(let stream, kind: .trailers, _): return complete(stream, &http2)
        case .data(let stream, let offset, let count, let isEndStream):
            take(stream, input.extracting(offset..<(offset + count)), &http2)
            http2.consumed(stream, count: count)
            return isEndStream ? complete(stream, &http2) : nil
        case .reset(let stream, _, _):
            forget(stream)
            outbox.remove(stream)
            return nil
        case .headers, .sendWindowOpened, .connectionWindowOpened, .goAway, .settingsChanged, .pingAcknowledged:
            return nil
        }
    }

    /// Answers a call with a message and status OK; does nothing when the call is over.
    package mutating func respond(_ call: StreamHandle, _ message: [UInt8], _ http2: inout HTTP2Connection) {
        guard forget(call), http2.beginHeaders(call) else { return }
        http2.addField(name: ":status", value: "200")
        http2.addField(name: "content-type", value: "application/grpc")
        http2.endHeaders(isEndStream: false)
        outbox.append(call, GRPCMessageReader.framed(message), then: .trailers([("grpc-status", [UInt8(ascii: "0")])]))
    }

    /// Ends a call with a status (trailers only); does nothing when the call is over.
    package mutating func refuse(_ call: StreamHandle, _ status: GRPCStatus, _ http2: inout HTTP2Connection) {
        guard forget(call) else { return }
        end(call, status, &http2)
    }

    /// Writes frames until `record` is full or nothing can be sent.
    ///
    /// - Returns: whether more can be written once there is room again.
    package mutating func write(_ http2: inout HTTP2Connection, into record: inout ByteBuffer) -> Bool {
        outbox.write(&http2, into: &record)
    }

    /// When `expire` has something to do.
    package var nextDeadline: MonotonicTime { calls.values.map(\.deadline).min() ?? .distantFuture }

    /// Refuses calls whose time is over.
    package mutating func expire(_ http2: inout HTTP2Connection, now: MonotonicTime) {
        guard nextDeadline <= now else { return }
        for (stream, call) in calls where call.deadline <= now {
            refuse(stream, GRPCStatus(.deadlineExceeded, "deadline exceeded"), &http2)
        }
    }

    // MARK: - Inside

    private mutating func begin(_ stream: StreamHandle, _ http2: inout HTTP2Connection, now: MonotonicTime) {
        guard http2.fields.method.equals("POST") else { return endHTTP(stream, 405, &http2) }
        guard let type = http2.fields.firstIndex(of: "content-type"),
            GRPCText.isGRPC(contentType: http2.fields.value(type))
        else { return endHTTP(stream, 415, &http2) }
        if let encoding = http2.fields.firstIndex(of: "grpc-encoding"),
            !http2.fields.value(encoding).equals("identity")
        {
            return end(stream, GRPCError.compressed.status, &http2)
        }
        var deadline = now + configuration.longestCall
        if let field = http2.fields.firstIndex(of: "grpc-timeout") {
            guard let timeout = GRPCText.timeout(http2.fields.value(field)) else {
                return end(stream, GRPCStatus(.internal, "grpc-timeout is malformed"), &http2)
            }
            deadline = min(deadline, now + timeout)
        }
        let head = Head(
            path: String(decoding: http2.fields.path), metadata: Self.metadata(http2.fields), deadline: deadline)
        calls[stream] = .receiving(head, GRPCMessageReader(limit: configuration.maximumMessageLength))
    }

    /// All fields but those of HTTP/2 and of gRPC itself.
    private static func metadata(_ fields: borrowing HTTP2Fields) -> [(name: String, value: String)] {
        var metadata: [(name: String, value: String)] = []
        for index in 0..<fields.count {
            let name = String(decoding: fields.name(index))
            if name.hasPrefix(":") || name == "te" || name == "content-type" || name.hasPrefix("grpc-") { continue }
            metadata.append((name, String(decoding: fields.value(index))))
        }
        return metadata
    }

    private mutating func take(_ stream: StreamHandle, _ payload: Span<UInt8>, _ http2: inout HTTP2Connection) {
        guard case .receiving(let head, var reader) = calls[stream] else { return }
        guard heldBytes + payload.count <= configuration.maximumHeldBytes else {
            return refuse(stream, GRPCStatus(.resourceExhausted, "too many calls at once"), &http2)
        }
        // Out of the table while it changes, so that it is not copied.
        calls[stream] = .waiting(deadline: head.deadline)
        do throws(GRPCError) {
            let before = reader.count
            try reader.receive(payload)
            heldBytes += reader.count - before
            calls[stream] = .receiving(head, reader)
        } catch {
            heldBytes -= reader.count
            refuse(stream, error.status, &http2)
        }
    }

    private mutating func complete(_ stream: StreamHandle, _ http2: inout HTTP2Connection) -> GRPCRequest? {
        guard case .receiving(let head, let reader) = calls[stream] else { return nil }
        do throws(GRPCError) {
            let message = try reader.finish()
            heldBytes -= reader.count
            calls[stream] = .waiting(deadline: head.deadline)
            return GRPCRequest(
                call: stream, path: head.path, metadata: head.metadata, message: Array(message),
                deadline: head.deadline)
        } catch {
            refuse(stream, error.status, &http2)
            return nil
        }
    }

    @discardableResult
    private mutating func forget(_ stream: StreamHandle) -> Bool {
        guard let call = calls.removeValue(forKey: stream) else { return false }
        if case .receiving(_, let reader) = call { heldBytes -= reader.count }
        return true
    }

    private func end(_ stream: StreamHandle, _ status: GRPCStatus, _ http2: inout HTTP2Connection) {
        guard http2.beginHeaders(stream) else { return }
        http2.addField(name: ":status", value: "200")
        http2.addField(name: "content-type", value: "application/grpc")
        http2.addStatus(status)
        http2.endHeaders(isEndStream: true)
        // What the client still sends is not wanted (RFC 9113 §8.1).
        http2.reset(stream, .noError)
    }

    private func endHTTP(_ stream: StreamHandle, _ status: Int, _ http2: inout HTTP2Connection) {
        http2.sendResponse(stream, status: status, isEndStream: true)
        http2.reset(stream, .noError)
    }
}

extension HTTP2Connection {
    /// Adds `grpc-status` and, unless it is empty, `grpc-message` to the open header block.
    fileprivate mutating func addStatus(_ status: GRPCStatus) {
        addField(name: "grpc-status", value: Array("\(status.code.rawValue)".utf8).span)
        guard !status.message.isEmpty else { return }
        addField(name: "grpc-message", value: GRPCText.percentEncoded(status.message).span, indexing: .notIndexed)
    }
}
