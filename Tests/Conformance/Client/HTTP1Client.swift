// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTP1
import LinuxIO

/// The HTTP/1 client core: one request after the other on a connection that the server must keep open.
struct HTTP1Client: ~Copyable {
    private var core = HTTP1ClientConnection()
    private let socket: ClientSocket
    private var input = ByteBuffer(capacity: 64 * 1024)
    private var output = ByteBuffer(capacity: 64 * 1024)

    private init(_ socket: ClientSocket) {
        self.socket = socket
    }

    static func run(_ requests: [Request], authority: String, _ socket: ClientSocket) throws -> [Answer] {
        var client = HTTP1Client(socket)
        var answers: [Answer] = []
        for request in requests {
            try client.send(request, authority)
            answers.append(try client.receive())
            guard client.core.disposition == .keepAlive else { break }
        }
        return answers
    }

    private mutating func send(_ request: Request, _ authority: String) throws {
        // Large uploads are sent chunked, small ones with their length.
        let upload = request.upload ?? 0
        let length: HTTP1ContentLength = request.upload == nil ? .none : upload > 10_000 ? .unknown : .exactly(upload)
        try core.startRequest(
            method: request.method.utf8.span, target: request.path.utf8.span, length: length, into: &output)
        try field("host", authority)
        try field("te", "trailers")
        for (name, value) in request.fields { try field(name, value) }
        try core.finishHead(into: &output)
        var sent = 0
        while sent < upload {
            let piece = Request.content(sent, min(10_000, upload - sent))
            let taken = try core.appendContent(piece.span, into: &output)
            sent += taken
            if taken < piece.count { try flush() }
        }
        try flush()
        try core.finish(into: &output)
        try flush()
    }

    private mutating func field(_ name: String, _ value: String) throws {
        try core.appendField(name: name.utf8.span, value: value.utf8.span, into: &output)
    }

    private mutating func flush() throws {
        while try !socket.write(&output) { socket.wait() }
    }

    private mutating func receive() throws -> Answer {
        var answer = Answer()
        while !answer.isComplete {
            input.clear()
            guard try socket.read(into: &input) else {
                guard !socket.isEnded else {
                    _ = try core.receiveEndOfStream()
                    answer.isComplete = true
                    continue
                }
                socket.wait()
                continue
            }
            let bytes = Array(copying: input.readable)
            var offset = 0
            while let event = try core.receive(bytes.span, at: &offset) { handle(event, bytes, &answer) }
        }
        return answer
    }

    private func handle(_ event: HTTP1Event, _ bytes: [UInt8], _ answer: inout Answer) {
        switch event {
        case .head, .informational:
            answer.status = Int(core.response.status)
            answer.fields += fieldTexts
        case .body(let range): answer.content += bytes[range]
        case .trailers: answer.trailers = fieldTexts
        case .end, .handover: answer.isComplete = true
        }
    }

    private var fieldTexts: [String] {
        (0..<core.fieldCount).map { index in
            String(decoding: core.fieldName(index)) + ": " + String(decoding: core.fieldValue(index))
        }
    }
}
