// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP
internal import HTTP1
internal import HTTP2

// Heads out of the protocols that they came by.
extension RequestHead {
    /// Takes over the head that an HTTP/1 connection has read.
    mutating func fill(from connection: borrowing HTTP1ServerConnection) {
        let request = connection.request
        setMethod(connection.bytes(request.methodName))
        if request.scheme.isEmpty {
            setScheme("http".utf8.span)
        } else {
            setScheme(connection.bytes(request.scheme))
        }
        setAuthority(connection.bytes(request.authority))
        switch request.targetForm {
        case .origin: setTarget(connection.bytes(request.path))
        case .absolute:
            if request.path.isEmpty { setTarget("/".utf8.span) } else { setTarget(connection.bytes(request.path)) }
        case .asterisk: setTarget("*".utf8.span)
        case .authority: break
        }
        for index in 0..<connection.fieldCount {
            let field = connection.field(index)
            switch field.kind {
            case .host: continue
            case .upgrade:
                if request.offersUpgrade { setProtocolName(connection.fieldValue(index)) }
                continue
            case .te:
                // The only coding that HTTP/2 knows, and what gRPC asks for (RFC 9113 §8.2.2).
                if connection.fieldValue(index).equals("trailers") {
                    fields.append(name: "te", value: "trailers".utf8.span)
                }
                continue
            default: if field.isConnectionSpecific { continue }
            }
            fields.append(name: connection.fieldName(index), value: connection.fieldValue(index))
        }
    }

    /// Takes over the head that an HTTP/2 connection has read.
    mutating func fill(from list: borrowing HTTP2Fields) {
        setMethod(list.method)
        if list.scheme.isEmpty { setScheme("http".utf8.span) } else { setScheme(list.scheme) }
        setAuthority(list.authority)
        setTarget(list.path)
        setProtocolName(list.protocol)
        for index in 0..<list.count {
            let name = list.name(index)
            if name.count > 0, name[0] == UInt8(ascii: ":") { continue }
            if name.equals("host") {
                if authority.isEmpty { setAuthority(list.value(index)) }
                continue
            }
            fields.append(name: name, value: list.value(index), isSensitive: list.isSensitive(index))
        }
    }
}

extension ResponseHead {
    /// Takes over the head that an HTTP/1 connection has read.
    mutating func fill(from connection: borrowing HTTP1ClientConnection) {
        status = connection.response.status
        for index in 0..<connection.fieldCount {
            if connection.field(index).isConnectionSpecific { continue }
            fields.append(name: connection.fieldName(index), value: connection.fieldValue(index))
        }
    }

    /// Takes over the head that an HTTP/2 connection has read.
    mutating func fill(from list: borrowing HTTP2Fields) {
        status = UInt16(clamping: list.status)
        for index in 0..<list.count {
            let name = list.name(index)
            if name.count > 0, name[0] == UInt8(ascii: ":") { continue }
            fields.append(name: name, value: list.value(index), isSensitive: list.isSensitive(index))
        }
    }
}

extension FieldList {
    /// Takes over trailers that an HTTP/1 server connection has read.
    mutating func fillTrailers(from connection: borrowing HTTP1ServerConnection) {
        for index in 0..<connection.fieldCount {
            append(name: connection.fieldName(index), value: connection.fieldValue(index))
        }
    }

    /// Takes over trailers that an HTTP/1 client connection has read.
    mutating func fillTrailers(from connection: borrowing HTTP1ClientConnection) {
        for index in 0..<connection.fieldCount {
            append(name: connection.fieldName(index), value: connection.fieldValue(index))
        }
    }

    /// Takes over trailers that an HTTP/2 connection has read.
    mutating func fillTrailers(from list: borrowing HTTP2Fields) {
        for index in 0..<list.count {
            append(name: list.name(index), value: list.value(index), isSensitive: list.isSensitive(index))
        }
    }

    /// What content-length says; unknown without one, or with one that is no number.
    var contentLength: HTTP1ContentLength {
        let digits = value(of: "content-length")
        guard digits.count > 0, digits.count < 19 else { return .unknown }
        var length = 0
        for index in 0..<digits.count {
            guard (0x30...0x39).contains(digits[index]) else { return .unknown }
            length = length * 10 + Int(digits[index] - 0x30)
        }
        return .exactly(length)
    }
}
