// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTP1

/// The HTTP/1 state of one connection; requests are taken in whole and answered in order.
///
/// | path | answer |
/// |---|---|
/// | `/bytes/N` | N octets, with content-length |
/// | `/chunked/N` | N octets of unknown length |
/// | `/echo` | the request's content |
/// | `/trailers` | content and two trailers, where the client can take them |
/// | `/early` | 103 in front |
/// | `/fields` | request line, fields and trailers as text |
/// | `/status/N` | that status, without content |
/// | `/close` | the connection is closed behind the answer |
/// | any other | 1024 octets |
struct HTTP1Exchange: ServedProtocol, ~Copyable {
    private var core = HTTP1ServerConnection()
    /// What was received and not consumed: the beginning of a head, or requests sent ahead.
    private var backlog: [UInt8] = []
    private var path = ""
    private var content: [UInt8] = []
    /// Request line, fields and trailers of the request as text.
    private var text: [UInt8] = []
    private var outgoing: [UInt8] = []
    private var scratch = ByteBuffer(capacity: 64 * 1024)
    private var isClosing = false

    init(now: MonotonicTime) {}

    var isFinished: Bool { isClosing && outgoing.isEmpty }

    mutating func tick(now: MonotonicTime) -> Bool { !isClosing }

    mutating func fill(_ output: inout ByteBuffer) {
        let moved = output.appendPrefix(copying: outgoing.span)
        outgoing.removeFirst(moved)
    }

    mutating func receive(_ input: borrowing ByteBuffer, now: MonotonicTime) -> Bool {
        guard !isClosing else { return false }
        backlog.append(copying: input.readable)
        var bytes: [UInt8] = []
        swap(&bytes, &backlog)
        var offset = 0
        do throws(HTTP1Error) {
            while !isClosing, let event = try core.receive(bytes.span, at: &offset) {
                try handle(event, bytes)
            }
        } catch {
            refuse(error)
        }
        backlog = Array(bytes[offset...])
        return !isClosing
    }

    private mutating func refuse(_ error: HTTP1Error) {
        isClosing = true
        do throws(HTTP1Error) {
            _ = try core.refuse(status: error.statusForRequest, into: &scratch)
        } catch {
            return
        }
        flush()
    }

    private mutating func handle(_ event: HTTP1Event, _ bytes: [UInt8]) throws(HTTP1Error) {
        switch event {
        case .head:
            path = String(decoding: core.bytes(core.request.target))
            content = []
            text = []
            text += Array(copying: core.bytes(core.request.methodName))
            text.append(0x20)
            text += Array(copying: core.bytes(core.request.target))
            text.append(0x0A)
            noteFields()
            if core.request.expectsContinue {
                try core.startResponse(status: 100, length: .none, into: &scratch)
                try core.finishHead(into: &scratch)
                flush()
            }
        case .body(let range): content += bytes[range]
        case .trailers: noteFields()
        case .end: try answer()
        case .informational, .handover: break
        }
    }

    private mutating func noteFields() {
        for index in 0..<core.fieldCount {
            text += Array(copying: core.fieldName(index))
            text += [0x3A, 0x20]
            text += Array(copying: core.fieldValue(index))
            text.append(0x0A)
        }
    }

    private mutating func flush() {
        outgoing += Array(copying: scratch.readable)
        scratch.clear()
    }

    /// The number behind `prefix` in the path, when it begins with that.
    private func number(behind prefix: String) -> Int? {
        path.hasPrefix(prefix) ? Int(path.dropFirst(prefix.count)) : nil
    }

    private mutating func answer() throws(HTTP1Error) {
        if path == "/early", core.acceptsInformational {
            try core.startResponse(status: 103, length: .none, into: &scratch)
            try field("link", "</style.css>; rel=preload")
            try core.finishHead(into: &scratch)
        }
        var body: [UInt8] = []
        if path == "/echo" {
            body = content
        } else if path == "/fields" {
            body = text
        } else {
            let count = number(behind: "/bytes/") ?? number(behind: "/chunked/") ?? 1024
            body = (0..<min(count, 1 << 26)).map { UInt8(0x61 + $0 % 26) }
        }
        if path == "/close" { core.closeAfterResponse() }
        let isUnknown = path.hasPrefix("/chunked/") || path == "/trailers"
        let status = number(behind: "/status/").map { UInt16(clamping: $0) } ?? 200
        if status != 200 { body = [] }
        try core.startResponse(status: status, length: isUnknown ? .unknown : .exactly(body.count), into: &scratch)
        try field("server", "ambit-conformance")
        try field("content-type", "text/plain")
        try core.finishHead(into: &scratch)
        if core.disposition != .handover { try send(body) }
    }

    private mutating func field(_ name: StaticString, _ value: StaticString) throws(HTTP1Error) {
        try core.appendField(name: name.bytes, value: value.bytes, into: &scratch)
    }

    private mutating func send(_ body: [UInt8]) throws(HTTP1Error) {
        var sent = core.request.method == .head ? body.count : 0
        while sent < body.count {
            sent += try core.appendContent(body.span.extracting(sent..<body.count), into: &scratch)
            flush()
        }
        if path == "/trailers", core.request.method != .head {
            let (sum, value): (StaticString, StaticString) = ("x-checksum", "1234")
            try core.appendTrailer(name: sum.bytes, value: value.bytes, into: &scratch)
        }
        let disposition = try core.finish(into: &scratch)
        flush()
        if disposition == .close { isClosing = true }
    }
}
