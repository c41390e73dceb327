// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import HTTP2

/// The requests to the API server on one HTTP/2 connection, without I/O.
///
/// The owner starts requests, hands in HTTP/2 events and gets replies; watches are requests that give many.
package struct APICalls: ClientCalls, ~Copyable {
    package typealias Response = APIReply

    /// The longest answer that is kept as a whole: an object of 1.5 MiB with its managed fields.
    static var maximumBody: Int { 8 << 20 }
    /// The most that is kept of an answer that says what was wrong.
    static var maximumProblem: Int { 65_536 }

    private let authority: [UInt8]
    private let pathPrefix: String
    private var calls: [StreamHandle: APICall] = [:]
    private var outbox = MessageOutbox()

    /// No requests yet, to the server that `authority` names.
    package init(authority: String, pathPrefix: String) {
        self.authority = Array(authority.utf8)
        self.pathPrefix = pathPrefix
    }

    /// The HTTP/2 settings that go with it: windows of a size that a node can spare.
    package static var configuration: HTTP2Configuration {
        var result = HTTP2Configuration()
        result.initialStreamWindow = 256 << 10
        result.connectionWindow = 1 << 20
        result.growsWindows = false
        result.maxHeaderListSize = 65_536
        result.sendStallTimeout = .seconds(30)
        // An API server that is gone without a word is noticed in half a minute (client-go: ReadIdleTimeout 30 s, ping 15 s).
        result.keepaliveInterval = .seconds(20)
        result.keepaliveTimeout = .seconds(10)
        return result
    }

    package var callCount: Int { calls.count }

    /// Starts a request.
    ///
    /// - Parameters:
    ///   - token: the bearer token; nil when a certificate tells who we are.
    ///   - context: comes back with the replies.
    /// - Returns: false when the connection takes no more requests now.
    package mutating func start(
        _ request: APIRequest, token: String?, context: UInt64, _ http2: inout HTTP2Connection, now: MonotonicTime
    ) -> Bool {
        guard let stream = http2.openStream(context: context) else { return false }
        http2.beginHeaders(stream)
        http2.addField(name: ":method", value: Array(request.method.rawValue.utf8).span)
        http2.addField(name: ":scheme", value: "https")
        http2.addField(name: ":path", value: Array((pathPrefix + request.path).utf8).span, indexing: .notIndexed)
        http2.addField(name: ":authority", value: authority.span)
        http2.addField(name: "accept", value: "application/json")
        http2.addField(name: "user-agent", value: "ambit")
        if let token {
            http2.addField(name: "authorization", value: Array("Bearer \(token)".utf8).span, indexing: .neverIndexed)
        }
        if request.body.isEmpty {
            http2.endHeaders(isEndStream: true)
        } else {
            http2.addField(name: "content-type", value: Array(request.contentType.utf8).span)
            http2.addField(name: "content-length", value: Array("\(request.body.count)".utf8).span)
            http2.endHeaders(isEndStream: false)
            outbox.append(stream, request.body, then: .endOfStream)
        }
        calls[stream] = APICall(request, context: context, now: now)
        return true
    }

    package mutating func receive(
        _ event: HTTP2Event, _ input: Span<UInt8>, _ http2: inout HTTP2Connection, now: MonotonicTime
    ) -> APIReply? {
        switch event {
        case .headers(let stream, kind: .response, let isEndStream):
            guard calls[stream] != nil else { return nil }
            calls[stream]?.status = http2.fields.status
            if let index = http2.fields.firstIndex(of: "retry-after") {
                calls[stream]?.retryAfter = Self.seconds(http2.fields.value(index))
            }
            calls[stream]?.cameAlive(now)
            return isEndStream ? finish(stream, []) : nil
        case .headers(let stream, kind: .trailers, _): return finish(stream, [])
        case .data(let stream, let offset, let count, let isEndStream):
            defer { http2.consumed(stream, count: count) }
            guard var call = calls.removeValue(forKey: stream) else { return nil }
            call.cameAlive(now)
            var pieces: [[UInt8]] = []
            do throws(KubernetesError) {
                try call.take(input.extracting(offset..<(offset + count)), into: &pieces)
            } catch {
                http2.reset(stream, .cancel)
                outbox.remove(stream)
                return call.reply(pieces, .failed(error))
            }
            calls[stream] = call
            if isEndStream { return finish(stream, pieces) }
            return pieces.isEmpty ? nil : call.reply(pieces, nil)
        case .reset(let stream, _, _):
            outbox.remove(stream)
            return calls.removeValue(forKey: stream)?.reply([], .failed(.reset))
        case .headers, .sendWindowOpened, .connectionWindowOpened, .goAway, .settingsChanged, .pingAcknowledged:
            return nil
        }
    }

    package mutating func write(_ http2: inout HTTP2Connection, into record: inout ByteBuffer) -> Bool {
        outbox.write(&http2, into: &record)
    }

    package var nextDeadline: MonotonicTime {
        calls.values.map { min($0.deadline, $0.silenceEnds) }.min() ?? .distantFuture
    }

    package mutating func expire(_ http2: inout HTTP2Connection, now: MonotonicTime) -> APIReply? {
        guard let stream = calls.first(where: { min($0.value.deadline, $0.value.silenceEnds) <= now })?.key else {
            return nil
        }
        http2.reset(stream, .cancel)
        outbox.remove(stream)
        return calls.removeValue(forKey: stream)?.reply([], .failed(.timedOut))
    }

    package mutating func abandon(because reason: String) -> [APIReply] {
        defer {
            calls = [:]
            outbox = MessageOutbox()
        }
        return calls.values.map { $0.reply([], .failed(.reset)) }
    }

    /// Ends a request whose answer nobody wants any more; nothing is replied.
    package mutating func cancel(context: UInt64, _ http2: inout HTTP2Connection) {
        guard let stream = calls.first(where: { $0.value.context == context })?.key else { return }
        calls[stream] = nil
        outbox.remove(stream)
        http2.reset(stream, .cancel)
    }

    /// Changes how long nothing may come.
    package mutating func setSilence(_ silence: Nanoseconds, context: UInt64, now: MonotonicTime) {
        guard let stream = calls.first(where: { $0.value.context == context })?.key else { return }
        calls[stream]?.silence = silence
        calls[stream]?.cameAlive(now)
    }

    private mutating func finish(_ stream: StreamHandle, _ pieces: [[UInt8]]) -> APIReply? {
        guard let call = calls.removeValue(forKey: stream) else { return nil }
        outbox.remove(stream)
        return call.reply(pieces, call.end)
    }

    /// The first form of Retry-After (RFC 9110 §10.2.3); a date is not understood.
    private static func seconds(_ value: Span<UInt8>) -> Nanoseconds? {
        guard (1...4).contains(value.count) else { return nil }
        return Int64(String(decoding: value)).map { .seconds(max(0, $0)) }
    }
}
