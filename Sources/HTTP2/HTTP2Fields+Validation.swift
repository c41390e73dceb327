// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension HTTP2Fields {
    /// Whether the section is a request as RFC 9113 §8.2, §8.3.1 and §8.5, and RFC 8441 §4 want it.
    mutating func isValidRequest(acceptsProtocol: Bool) -> Bool {
        guard scan(isRequest: true), contains(.method), !method.isEmpty, !contains(.status) else { return false }
        guard OctetClass.all(method, OctetClass.token), OctetClass.all(authority, OctetClass.target),
            OctetClass.all(scheme, OctetClass.target), OctetClass.all(path, OctetClass.target)
        else { return false }
        let isConnect = method.equals("CONNECT")
        if contains(.protocol) {
            guard acceptsProtocol, isConnect, OctetClass.all(self.protocol, OctetClass.token) else { return false }
        } else if isConnect {
            return contains(.authority) && !authority.isEmpty && !contains(.scheme) && !contains(.path)
        }
        guard contains(.scheme), !scheme.isEmpty, contains(.path), !path.isEmpty else { return false }
        return isValidHTTPTarget()
    }

    /// What §8.3.1 asks of http and https: a path from the root, no user information, no second opinion in Host.
    private func isValidHTTPTarget() -> Bool {
        if let index = firstIndex(of: "host"), contains(.authority), !matchesAuthority(value(index)) { return false }
        guard scheme.equals("http") || scheme.equals("https") else { return true }
        let authority = authority
        for index in authority.indices where authority[index] == UInt8(ascii: "@") { return false }
        let path = path
        return path[0] == UInt8(ascii: "/") || (path.equals("*") && method.equals("OPTIONS"))
    }

    /// Host names do not distinguish case (RFC 9110 §4.2.3).
    private func matchesAuthority(_ host: Span<UInt8>) -> Bool {
        let authority = authority
        guard host.count == authority.count else { return false }
        for index in host.indices where Self.lowered(host[index]) != Self.lowered(authority[index]) { return false }
        return true
    }

    private static func lowered(_ octet: UInt8) -> UInt8 {
        octet >= 0x41 && octet <= 0x5A ? octet | 0x20 : octet
    }

    /// Whether the section is a response (RFC 9113 §8.3.2).
    var isValidResponse: Bool {
        mutating get {
            guard scan(isRequest: false), contains(.status) else { return false }
            let range = pseudoRange(.status)
            let text = bytes.slice(range.offset, range.length)
            guard text.count == 3, text[0] >= 0x31, text[0] <= 0x39 else { return false }
            return Self.isDigit(text[1]) && Self.isDigit(text[2])
        }
    }

    /// Whether the section is a trailer section (RFC 9113 §8.1): no pseudo-header fields.
    var areValidTrailers: Bool {
        mutating get {
            for index in 0..<count where !isValidRegular(index) { return false }
            return true
        }
    }

    /// Checks every field and notes where the pseudo-header fields are.
    private mutating func scan(isRequest: Bool) -> Bool {
        var sawRegular = false
        for index in 0..<count {
            let entry = entries[index]
            guard entry.nameLength > 0 else { return false }
            if bytes[Int(entry.offset)] != UInt8(ascii: ":") {
                sawRegular = true
                guard isValidRegular(index) else { return false }
                continue
            }
            guard !sawRegular, isValidValue(value(index)) else { return false }
            guard let field = PseudoField(name(index), isRequest: isRequest), pseudo[field.rawValue] < 0 else {
                return false
            }
            pseudo[field.rawValue] = Int32(index)
        }
        return true
    }

    /// RFC 9113 §8.2.1 and §8.2.2.
    private func isValidRegular(_ index: Int) -> Bool {
        let name = name(index)
        guard !name.isEmpty else { return false }
        guard OctetClass.all(name, OctetClass.name) else { return false }
        let value = value(index)
        guard isValidValue(value) else { return false }
        switch name.count {
        case 2: return !name.equals("te") || value.equals("trailers")
        case 7: return !name.equals("upgrade")
        case 10: return !name.equals("connection") && !name.equals("keep-alive")
        case 16: return !name.equals("proxy-connection")
        case 17: return !name.equals("transfer-encoding")
        default: return true
        }
    }

    /// No control characters, no blank at either end (RFC 9113 §8.2.1, RFC 9110 §5.5).
    private func isValidValue(_ value: Span<UInt8>) -> Bool {
        guard !value.isEmpty else { return true }
        let first = value[0]
        let last = value[value.count - 1]
        guard first != 0x20, first != 0x09, last != 0x20, last != 0x09 else { return false }
        return OctetClass.all(value, OctetClass.value)
    }

    private static func isDigit(_ octet: UInt8) -> Bool { octet >= 0x30 && octet <= 0x39 }

    /// The content-length: -1 when absent; nil when invalid or several differ (RFC 9110 §8.6).
    func contentLength() -> Int64? {
        var result: Int64 = -1
        for index in 0..<count where entries[index].nameLength == 14 && name(index).equals("content-length") {
            let text = value(index)
            guard text.count > 0, text.count <= 18 else { return nil }
            var number: Int64 = 0
            for position in text.indices {
                guard Self.isDigit(text[position]) else { return nil }
                number = number * 10 + Int64(text[position] - 0x30)
            }
            guard result < 0 || result == number else { return nil }
            result = number
        }
        return result
    }
}

extension PseudoField {
    /// The pseudo-header field called `name`, or nil when there is none such in a request or response.
    init?(_ name: Span<UInt8>, isRequest: Bool) {
        switch name.count {
        case 5 where isRequest && name.equals(":path"): self = .path
        case 7 where isRequest && name.equals(":method"): self = .method
        case 7 where isRequest && name.equals(":scheme"): self = .scheme
        case 7 where !isRequest && name.equals(":status"): self = .status
        case 9 where isRequest && name.equals(":protocol"): self = .protocol
        case 10 where isRequest && name.equals(":authority"): self = .authority
        default: return nil
        }
    }
}
