// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import HTTP1

/// Requests: the first octet chooses limits, the rest goes to a server that answers at once.
func fuzzHTTP1Request(_ input: Span<UInt8>) -> String? {
    guard input.count > 0 else { return nil }
    let bytes = input.extracting(1..<input.count)
    var limits = HTTP1Limits()
    if input[0] & 1 != 0 {
        limits.startLineBytes = 64
        limits.headerListBytes = 128
        limits.fieldCount = 4
        limits.trailerBytes = 32
        limits.chunkExtensionBytes = 16
    }
    var whole = Trail()
    var connection = HTTP1ServerConnection(limits: limits)
    var violation = serve(&connection, bytes, &whole)

    var split = Trail()
    connection = HTTP1ServerConnection(limits: limits)
    var cuts = Cuts(of: input)
    while violation == nil, !split.isOver, let piece = cuts.next() {
        violation = serve(&connection, bytes.extracting(clamped(piece, bytes.count)), &split)
    }
    return violation ?? Trail.difference(whole, split)
}

private func clamped(_ range: Range<Int>, _ count: Int) -> Range<Int> {
    min(range.lowerBound, count)..<min(range.upperBound, count)
}

private func serve(_ connection: inout HTTP1ServerConnection, _ bytes: Span<UInt8>, _ trail: inout Trail) -> String? {
    var output = ByteBuffer(capacity: 512)
    var offset = 0
    do throws(HTTP1Error) {
        while let event = try connection.receive(bytes, at: &offset) {
            switch event {
            case .head:
                let head = connection.request
                trail.add(1, Int(head.method.rawValue), Int(head.targetForm.rawValue), head.isPersistent ? 1 : 0)
                trail.extend(connection.bytes(head.target))
                trail.extend(connection.bytes(head.authority))
                trail.extend(connection.bytes(head.path))
                if let violation = checkFields(connection, &trail) { return violation }
            case .trailers:
                trail.add(2)
                if let violation = checkFields(connection, &trail) { return violation }
            case .body(let range):
                guard !range.isEmpty, range.upperBound <= offset else { return "content beyond what was consumed" }
                trail.add(content: bytes.extracting(range))
            case .end:
                trail.add(3)
                let status: UInt16 = connection.request.offersUpgrade ? 101 : 200
                try connection.startResponse(status: status, length: .none, into: &output)
                try connection.finishHead(into: &output)
                trail.add(4, Int(try connection.finish(into: &output).rawValue))
                output.clear()
            case .handover: trail.add(5)
            case .informational: return "a request cannot be informational"
            }
        }
        if connection.disposition == .handover {
            trail.add(content: bytes.extracting(offset..<bytes.count))
        } else if connection.disposition == .keepAlive || connection.disposition == .inProgress {
            guard offset == bytes.count else { return "input is left although nothing is awaited" }
        }
    } catch {
        guard error.blame == .peer else { return "blamed on us: \(error)" }
        trail.add(6, Int(error.rawValue))
        trail.isOver = true
    }
    return nil
}

/// What a proxy relies on: names are lower-case tokens, values hold nothing that ends a line.
private func checkFields(_ connection: borrowing HTTP1ServerConnection, _ trail: inout Trail) -> String? {
    for index in 0..<connection.fieldCount {
        let name = connection.fieldName(index)
        let value = connection.fieldValue(index)
        trail.extend(name)
        trail.extend(value)
        if let violation = checkField(name, value) { return violation }
    }
    return nil
}

private func checkField(_ name: Span<UInt8>, _ value: Span<UInt8>) -> String? {
    if name.isEmpty { return "an empty name" }
    for index in 0..<name.count where name[index] <= 0x20 || name[index] == 0x3A || name[index] >= 0x7F {
        return "a name that is no token"
    }
    for index in 0..<name.count where 0x41...0x5A ~= name[index] { return "a name in upper case" }
    for index in 0..<value.count where value[index] == 0 || value[index] == 0x0A || value[index] == 0x0D {
        return "a value that ends a line"
    }
    return nil
}

/// Responses: the first octet chooses the request they answer.
func fuzzHTTP1Response(_ input: Span<UInt8>) -> String? {
    guard input.count > 0 else { return nil }
    let bytes = input.extracting(1..<input.count)
    let options = input[0]
    var whole = Trail()
    var connection = HTTP1ClientConnection()
    var violation = answer(&connection, bytes, options, isLast: true, &whole)

    var split = Trail()
    connection = HTTP1ClientConnection()
    var cuts = Cuts(of: input)
    while violation == nil, !split.isOver, let piece = cuts.next() {
        let range = clamped(piece, bytes.count)
        let isLast = piece.upperBound >= input.count
        violation = answer(&connection, bytes.extracting(range), options, isLast: isLast, &split)
    }
    return violation ?? Trail.difference(whole, split)
}

private func answer(
    _ connection: inout HTTP1ClientConnection, _ bytes: Span<UInt8>, _ options: UInt8, isLast: Bool,
    _ trail: inout Trail
) -> String? {
    var offset = 0
    do throws(HTTP1Error) {
        while offset < bytes.count || connection.disposition == .inProgress {
            if connection.disposition == .keepAlive { try ask(&connection, options) }
            guard let event = try connection.receive(bytes, at: &offset) else { break }
            switch event {
            case .head, .informational, .trailers:
                let head = connection.response
                trail.add(event == .head ? 1 : event == .trailers ? 2 : 3, Int(head.status), head.statedLength ?? -1)
                for index in 0..<connection.fieldCount {
                    trail.extend(connection.fieldName(index))
                    trail.extend(connection.fieldValue(index))
                    if let violation = checkField(connection.fieldName(index), connection.fieldValue(index)) {
                        return violation
                    }
                }
            case .body(let range): trail.add(content: bytes.extracting(range))
            case .end: trail.add(4, Int(connection.disposition.rawValue))
            case .handover: trail.add(5)
            }
        }
        if connection.disposition == .handover { trail.add(content: bytes.extracting(offset..<bytes.count)) }
        if isLast, connection.disposition == .inProgress {
            trail.add(try connection.receiveEndOfStream() == .end ? 7 : 8)
        }
    } catch {
        guard error.blame == .peer else { return "blamed on us: \(error)" }
        trail.add(6, Int(error.rawValue))
        trail.isOver = true
    }
    return nil
}

private func ask(_ connection: inout HTTP1ClientConnection, _ options: UInt8) throws(HTTP1Error) {
    var output = ByteBuffer(capacity: 512)
    let method = options & 3 == 1 ? "HEAD" : options & 3 == 2 ? "CONNECT" : "GET"
    try connection.startRequest(method: method.utf8.span, target: "/".utf8.span, length: .none, into: &output)
    if options & 4 != 0 {
        try connection.appendField(name: "upgrade".utf8.span, value: "echo".utf8.span, into: &output)
    }
    try connection.finishHead(into: &output)
    try connection.finish(into: &output)
}
