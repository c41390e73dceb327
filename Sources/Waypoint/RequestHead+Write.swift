// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import HTTP1
internal import HTTP2

// Heads into the protocols that they go out by.
extension HTTP1ClientConnection {
    /// Writes a request's head.
    mutating func write(
        _ head: borrowing RequestHead, length: HTTP1ContentLength, into text: inout ByteBuffer
    ) throws(HTTP1Error) {
        let upgrades = !head.protocolName.isEmpty
        let isTunnel = head.method == .connect && !upgrades
        // An upgrade is GET here and CONNECT in HTTP/2 (RFC 8441 §5).
        if upgrades, head.method == .connect {
            try startRequest(method: "GET".utf8.span, target: head.target, length: .none, into: &text)
        } else {
            try startRequest(
                method: head.methodName, target: isTunnel ? head.authority : head.target, length: length, into: &text)
        }
        try appendField(name: "host".utf8.span, value: head.authority, into: &text)
        if upgrades {
            try appendField(name: "upgrade".utf8.span, value: head.protocolName, into: &text)
        }
        try appendFields(head.fields, into: &text)
        try finishHead(into: &text)
    }

    private mutating func appendFields(_ fields: borrowing FieldList, into text: inout ByteBuffer) throws(HTTP1Error) {
        var hasCookie = false
        for index in 0..<fields.count {
            if fields.name(index).equals("cookie") {
                // HTTP/2 may split it; here it is one field (RFC 9113 §8.2.3).
                if hasCookie { continue }
                hasCookie = true
                if fields.firstIndex(of: "cookie", after: index) != nil {
                    var joined: [UInt8] = []
                    let name: StaticString = "cookie"
                    _ = fields.appendJoined(
                        name.bytes, hash: FieldList.hash(of: name.bytes), separator: "; ", into: &joined)
                    try appendField(name: name.bytes, value: joined.span, into: &text)
                    continue
                }
            }
            try appendField(name: fields.name(index), value: fields.value(index), into: &text)
        }
    }
}

extension HTTP1ServerConnection {
    /// Writes a response's head.
    mutating func write(
        _ head: borrowing ResponseHead, length: HTTP1ContentLength, protocolName: Span<UInt8>,
        into text: inout ByteBuffer
    ) throws(HTTP1Error) {
        try startResponse(status: head.status, length: length, into: &text)
        if head.status == 101 { try appendField(name: "upgrade".utf8.span, value: protocolName, into: &text) }
        for index in 0..<head.fields.count {
            try appendField(name: head.fields.name(index), value: head.fields.value(index), into: &text)
        }
        try finishHead(into: &text)
    }
}

extension HTTP2Connection {
    /// Writes a request's head.
    mutating func write(_ head: borrowing RequestHead, _ stream: StreamHandle, isEndStream: Bool) {
        guard beginHeaders(stream) else { return }
        let extends = !head.protocolName.isEmpty
        if extends {
            addField(name: ":method", value: "CONNECT")
            addField(name: ":protocol", value: head.protocolName)
        } else {
            addField(name: ":method", value: head.methodName)
        }
        if head.method != .connect || extends {
            addField(name: ":scheme", value: head.scheme)
            addField(name: ":authority", value: head.authority)
            addField(name: ":path", value: head.target)
        } else {
            addField(name: ":authority", value: head.authority)
        }
        addFields(head.fields)
        endHeaders(isEndStream: isEndStream)
    }

    /// Writes a response's head.
    mutating func write(_ head: borrowing ResponseHead, _ stream: StreamHandle, isEndStream: Bool) {
        guard beginHeaders(stream) else { return }
        let status = Int(head.status)
        let digits: InlineArray<3, UInt8> = [
            UInt8(48 + status / 100 % 10), UInt8(48 + status / 10 % 10), UInt8(48 + status % 10),
        ]
        addField(name: ":status", value: digits.span)
        addFields(head.fields)
        endHeaders(isEndStream: isEndStream)
    }

    /// Writes trailers, which end the stream.
    mutating func writeTrailers(_ fields: borrowing FieldList, _ stream: StreamHandle) {
        guard beginHeaders(stream) else { return }
        addFields(fields)
        endHeaders(isEndStream: true)
    }

    private mutating func addFields(_ fields: borrowing FieldList) {
        for index in 0..<fields.count {
            addField(
                name: fields.name(index), value: fields.value(index),
                indexing: fields.isSensitive(index) ? .neverIndexed : .automatic)
        }
    }
}
