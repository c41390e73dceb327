// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTP2

/// What a request is answered with; chosen by method and path.
///
/// | path | answer |
/// |---|---|
/// | `/bytes/N` | N octets |
/// | `/echo` | the request's content, as it comes |
/// | `/hold` | the request's content is never taken out of the flow-control window |
/// | `/trailers` | content and two trailers |
/// | `/early` | 103 in front |
/// | `/headers` | many response fields of many sizes |
/// | `/fields` | the request's fields as text, one `name: value` a line |
/// | any other | 1024 octets |
///
/// All answers but `/echo` and CONNECT wait for the end of the request.
struct Reply {
    enum Content {
        case octets(remaining: Int, sent: Int = 0)
        case copied([UInt8], sent: Int)
    }

    let stream: StreamHandle
    var content: Content
    var sendsTrailers = false
    /// Whether the request's content comes back.
    var isEcho = false
    /// Whether the request has ended.
    var isRequestComplete: Bool
    var isHeadSent = false
    let holdsContent: Bool
    let isHead: Bool
    let isEarly: Bool
    let hasManyFields: Bool

    init(_ stream: StreamHandle, fields: borrowing HTTP2Fields, isEndStream: Bool) {
        self.stream = stream
        isRequestComplete = isEndStream
        content = .octets(remaining: 1024)
        isHead = fields.method.equals("HEAD")
        let path = fields.path
        isEarly = path.equals("/early")
        holdsContent = path.equals("/hold")
        hasManyFields = path.equals("/headers")
        if fields.method.equals("CONNECT") || path.equals("/echo") {
            isEcho = true
            content = .copied([], sent: 0)
        } else if path.equals("/trailers") {
            sendsTrailers = true
        } else if path.equals("/fields") {
            var text: [UInt8] = []
            for index in 0..<fields.count {
                text.append(copying: fields.name(index))
                text += [0x3A, 0x20]
                text.append(copying: fields.value(index))
                text.append(0x0A)
            }
            content = .copied(text, sent: 0)
        } else if path.count > 7, path.extracting(first: 7).equals("/bytes/") {
            let digits = String(decoding: path.extracting(7..<path.count))
            content = .octets(remaining: min(Int(digits) ?? 0, 1 << 30))
        }
        if isHead { content = .octets(remaining: 0) }
    }

    var available: Int {
        switch content {
        case .octets(let remaining, _): remaining
        case .copied(let bytes, let sent): bytes.count - sent
        }
    }

    /// Whether nothing will be added to `available`.
    var isLast: Bool { !isEcho || isRequestComplete }

    mutating func append(_ bytes: Span<UInt8>) {
        guard case .copied(var copy, let sent) = content else { return }
        copy.append(copying: bytes)
        content = .copied(copy, sent: sent)
    }

    /// Moves `count` octets of content behind a frame header.
    mutating func move(_ count: Int, into buffer: inout ByteBuffer) {
        switch content {
        case .octets(let remaining, let sent):
            for index in sent..<(sent + count) { buffer.append(UInt8(truncatingIfNeeded: 0x61 + index % 26)) }
            content = .octets(remaining: remaining - count, sent: sent + count)
        case .copied(let bytes, let sent):
            buffer.append(copying: bytes.span.extracting(sent..<(sent + count)))
            content = sent + count == bytes.count ? .copied([], sent: 0) : .copied(bytes, sent: sent + count)
        }
    }
}
