// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes

@testable import HTTP1

/// Runs a connection over bytes and writes down what it saw, one item per line, in a form that does not depend on how
/// the bytes were split: content is joined.
struct Transcript {
    private(set) var lines: [String] = []
    private var content: [UInt8] = []

    /// Feeds `pieces` to a server that answers every request at once with 200 (101 to an upgrade).
    static func ofServer(_ pieces: [[UInt8]], limits: HTTP1Limits = HTTP1Limits()) -> [String] {
        var transcript = Transcript()
        var connection = HTTP1ServerConnection(limits: limits)
        var output = ByteBuffer(capacity: 4096)
        do throws(HTTP1Error) {
            for piece in pieces {
                var offset = 0
                while let event = try connection.receive(piece.span, at: &offset) {
                    let text = describe(event, connection.request, connection)
                    transcript.note(event, piece, text)
                    guard event == .end else { continue }
                    let status: UInt16 = connection.request.offersUpgrade ? 101 : 200
                    try connection.startResponse(status: status, length: .none, into: &output)
                    try connection.finishHead(into: &output)
                    let next = try connection.finish(into: &output)
                    transcript.lines.append("answered \(status), \(next)")
                    output.clear()
                }
                if connection.disposition == .handover { transcript.content += piece[offset...] }
            }
            try connection.receiveEndOfStream()
        } catch {
            transcript.fail(error)
        }
        transcript.flush()
        return transcript.lines
    }

    /// Feeds `pieces` to a client that sends a request of `method` whenever it may, at most `requests` of them, and
    /// tells it at the end that the server closed.
    static func ofClient(
        _ pieces: [[UInt8]], method: String = "GET", offersUpgrade: Bool = false, requests: Int = 4,
        limits: HTTP1Limits = HTTP1Limits()
    ) -> [String] {
        var transcript = Transcript()
        var connection = HTTP1ClientConnection(limits: limits)
        var output = ByteBuffer(capacity: 4096)
        var remaining = requests
        do throws(HTTP1Error) {
            for piece in pieces {
                var offset = 0
                while offset < piece.count || connection.disposition == .inProgress {
                    if connection.disposition == .keepAlive, remaining > 0 {
                        remaining -= 1
                        try request(&connection, method, offersUpgrade, &output)
                    }
                    guard let event = try connection.receive(piece.span, at: &offset) else { break }
                    let text = describe(event, connection.response, connection)
                    transcript.note(event, piece, text)
                    if event == .end { transcript.lines.append("then \(connection.disposition)") }
                }
                if connection.disposition == .handover { transcript.content += piece[offset...] }
            }
            if connection.disposition == .inProgress, let event = try connection.receiveEndOfStream() {
                transcript.note(event, [], "\(event)")
            }
        } catch {
            transcript.fail(error)
        }
        transcript.flush()
        return transcript.lines
    }

    private static func request(
        _ connection: inout HTTP1ClientConnection, _ method: String, _ offersUpgrade: Bool, _ output: inout ByteBuffer
    ) throws(HTTP1Error) {
        let target = method == "CONNECT" ? "a:1" : "/"
        try connection.startRequest(
            method: method.utf8.span, target: target.utf8.span, length: .none, into: &output)
        if offersUpgrade {
            try connection.appendField(name: "upgrade".utf8.span, value: "echo".utf8.span, into: &output)
        }
        try connection.finishHead(into: &output)
        try connection.finish(into: &output)
        output.clear()
    }

    private mutating func note(_ event: HTTP1Event, _ piece: [UInt8], _ text: String) {
        if case .body(let range) = event {
            content += piece[range]
            return
        }
        flush()
        lines.append(text)
    }

    private mutating func fail(_ error: HTTP1Error) {
        flush()
        lines.append("error \(error)")
    }

    private mutating func flush() {
        guard !content.isEmpty else { return }
        lines.append("bytes " + String(decoding: content, as: UTF8.self))
        content = []
    }

    private static func describe(
        _ event: HTTP1Event, _ head: HTTP1RequestHead, _ connection: borrowing HTTP1ServerConnection
    ) -> String {
        switch event {
        case .head, .informational:
            var text = "\(String(decoding: connection.bytes(head.methodName))) "
            text += "\(String(decoding: connection.bytes(head.target))) \(head.version) \(head.framing)"
            text += " for=\(String(decoding: connection.bytes(head.authority)))"
            text += " path=\(String(decoding: connection.bytes(head.path)))"
            if head.isPersistent { text += " persistent" }
            if head.expectsContinue { text += " expects" }
            if head.offersUpgrade { text += " upgrade" }
            for index in 0..<connection.fieldCount {
                text += "|\(String(decoding: connection.fieldName(index)))"
                text += connection.field(index).isConnectionSpecific ? "!" : ""
                text += "=\(String(decoding: connection.fieldValue(index)))"
            }
            return text
        case .trailers:
            var text = "trailers"
            for index in 0..<connection.fieldCount {
                text += "|\(String(decoding: connection.fieldName(index)))"
                text += "=\(String(decoding: connection.fieldValue(index)))"
            }
            return text
        case .end, .handover: return "\(event)"
        case .body: return ""
        }
    }

    private static func describe(
        _ event: HTTP1Event, _ head: HTTP1ResponseHead, _ connection: borrowing HTTP1ClientConnection
    ) -> String {
        switch event {
        case .head, .informational, .trailers:
            var text = "trailers"
            if event != .trailers {
                text =
                    "\(head.status) [\(String(decoding: connection.bytes(head.reason)))] \(head.version) \(head.framing)"
                if head.isPersistent { text += " persistent" }
                if let length = head.statedLength { text += " stated=\(length)" }
            }
            for index in 0..<connection.fieldCount {
                text += "|\(String(decoding: connection.fieldName(index)))"
                text += connection.field(index).isConnectionSpecific ? "!" : ""
                text += "=\(String(decoding: connection.fieldValue(index)))"
            }
            return text
        case .end, .handover: return "\(event)"
        case .body: return ""
        }
    }
}
