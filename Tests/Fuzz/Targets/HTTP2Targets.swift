// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes

@testable import HTTP2

/// A server: the first octet chooses limits and whether the preface is put in front.
func fuzzHTTP2Server(_ input: Span<UInt8>) -> String? {
    compareRuns(input, role: .server)
}

/// A client with four requests under way: the first octet chooses limits.
func fuzzHTTP2Client(_ input: Span<UInt8>) -> String? {
    compareRuns(input, role: .client)
}

private func compareRuns(_ input: Span<UInt8>, role: HTTP2Connection.Role) -> String? {
    guard input.count > 0 else { return nil }
    let options = input[0]
    let bytes = input.extracting(1..<input.count)
    var whole = HTTP2Run(role: role, options: options)
    whole.receive(bytes)
    var split = HTTP2Run(role: role, options: options)
    var cuts = Cuts(of: input)
    while let piece = cuts.next() {
        let range = min(piece.lowerBound, bytes.count)..<min(piece.upperBound, bytes.count)
        split.receive(bytes.extracting(range))
    }
    whole.finish()
    split.finish()
    return whole.violation ?? split.violation ?? Trail.difference(whole.trail, split.trail)
}

/// One connection that is driven by fuzzed input and does something of everything in return.
struct HTTP2Run: ~Copyable {
    private var connection: HTTP2Connection
    private(set) var trail = Trail()
    private(set) var violation: String?
    private var output = ByteBuffer(capacity: 1 << 16)
    private var streams: [StreamHandle] = []
    /// Content received and not reported as consumed yet.
    private var held: [(stream: StreamHandle, count: Int)] = []
    private let now = MonotonicTime(nanoseconds: 1_000_000_000)
    private let options: UInt8

    init(role: HTTP2Connection.Role, options: UInt8) {
        var configuration = HTTP2Configuration()
        configuration.enablesConnectProtocol = options & 1 != 0
        if options & 2 != 0 {
            configuration.initialStreamWindow = 100
            configuration.maxConcurrentStreams = 2
            configuration.maxHeaderListSize = 300
            configuration.glitchBurst = 4
            configuration.resetBurst = 2
            configuration.smallDataBurst = 4
            configuration.maxContinuations = 2
        }
        self.options = options
        connection = HTTP2Connection(role: role, configuration: configuration, now: now)
        if role == .server, options & 4 != 0 {
            receive("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8.span)
            receive([0, 0, 0, 4, 0, 0, 0, 0, 0].span)
        }
        if role == .client {
            for method in ["GET", "HEAD", "POST", "CONNECT"] { open(method) }
        }
        drain()
    }

    private mutating func open(_ method: String) {
        guard let stream = connection.openStream(context: 0) else { return }
        connection.beginHeaders(stream)
        connection.addField(name: ":method", value: method.utf8.span)
        if method != "CONNECT" {
            connection.addField(name: ":scheme", value: "http")
            connection.addField(name: ":path", value: "/")
        }
        connection.addField(name: ":authority", value: "a:1")
        connection.endHeaders(isEndStream: method == "GET" || method == "HEAD")
        streams.append(stream)
    }

    mutating func receive(_ bytes: Span<UInt8>) {
        guard connection.failure == nil else { return }
        var offset = 0
        do throws(HTTP2Error) {
            while let event = try connection.receive(bytes, offset: &offset, now: now) {
                handle(event, bytes)
                guard offset <= bytes.count else {
                    violation = "more was consumed than there is"
                    return
                }
            }
            if offset != bytes.count { violation = "input is left" }
        } catch {
            trail.add(90, Int(error.wireCode.rawValue))
            if error.blame == .local { violation = "blamed on us: \(error)" }
        }
        drain()
        if violation == nil { violation = connection.violatedInvariant() }
    }

    private mutating func handle(_ event: HTTP2Event, _ bytes: Span<UInt8>) {
        switch event {
        case .headers(let stream, let kind, let isEndStream):
            trail.add(1, Int(stream.id.rawValue), kind.hashValueForTrail, isEndStream ? 1 : 0)
            for index in 0..<connection.fields.count {
                trail.extend(connection.fields.name(index))
                trail.extend(connection.fields.value(index))
            }
            if kind == .request { respond(stream, isEndStream) }
        case .data(let stream, let offset, let count, let isEndStream):
            guard offset >= 0, count >= 0, offset + count <= bytes.count else {
                violation = "content outside the input"
                return
            }
            trail.add(content: bytes.extracting(offset..<(offset + count)))
            held.append((stream, count))
            if isEndStream {
                trail.add(2, Int(stream.id.rawValue))
                connection.endStream(stream)
            }
        case .reset(let stream, let code, let initiator):
            trail.add(3, Int(stream.id.rawValue), Int(code.rawValue), initiator == .peer ? 0 : 1)
            streams.removeAll { $0 == stream }
        case .sendWindowOpened(let stream):
            trail.add(4, Int(stream.id.rawValue))
            send(stream)
        case .connectionWindowOpened:
            trail.add(5)
            while let stream = connection.nextSendableStream() { send(stream) }
        case .goAway(let last, let code): trail.add(6, Int(last.rawValue), Int(code.rawValue))
        case .settingsChanged: trail.add(7)
        case .pingAcknowledged: trail.add(8)
        }
    }

    private mutating func respond(_ stream: StreamHandle, _ isEndStream: Bool) {
        streams.append(stream)
        switch options >> 4 & 3 {
        case 0: connection.sendResponse(stream, status: 200, isEndStream: true)
        case 1: connection.reset(stream, .cancel)
        default:
            connection.sendResponse(stream, status: 200, isEndStream: false)
            send(stream)
            if isEndStream { connection.endStream(stream) }
        }
    }

    /// Sends up to 100 octets, as the windows allow.
    private mutating func send(_ stream: StreamHandle) {
        let count = min(100, connection.sendableBytes(stream))
        trail.add(9, Int(stream.id.rawValue), count)
        guard count > 0 else { return }
        var header = InlineArray<9, UInt8>(repeating: 0)
        var span = header.mutableSpan
        connection.commitData(stream, count: count, isEndStream: false, header: &span)
        if options & 8 != 0 { connection.scheduleSend(stream) }
    }

    /// Empties the output and checks that it is whole frames.
    private mutating func drain() {
        while connection.hasPendingOutput {
            output.clear()
            if connection.drainPending(into: &output) == 0 {
                violation = "pending output cannot be drained"
                return
            }
        }
    }

    /// Reports all content as consumed and sweeps what must hold at any time.
    mutating func finish() {
        for (stream, count) in held { connection.consumed(stream, count: count) }
        drain()
        trail.flush()
        trail.add(99, connection.activeStreamCount, connection.isDrained ? 1 : 0, connection.failure == nil ? 0 : 1)
        for stream in streams { connection.reset(stream, .cancel) }
        if connection.failure == nil, connection.role == .client, connection.activeStreamCount != 0 {
            violation = "\(connection.activeStreamCount) streams are left after all were reset"
        }
        drain()
    }
}

extension HTTP2HeadersKind {
    fileprivate var hashValueForTrail: Int {
        switch self {
        case .request: 0
        case .response: 1
        case .informational: 2
        case .trailers: 3
        }
    }
}
