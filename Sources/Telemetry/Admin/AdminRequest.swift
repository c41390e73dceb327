// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// One request to the admin, metrics or readiness port.
package struct AdminRequest: Sendable, Equatable {
    /// `GET` or `POST`.
    package var method: String
    /// The path without the query, percent-decoded.
    package var path: String
    /// The parameters of the query in order, percent-decoded.
    package var query: [(name: String, value: String)]
    /// The `Accept` header; empty when there is none.
    package var accept = ""

    /// A request for a path.
    package init(method: String = "GET", path: String, query: [(name: String, value: String)] = []) {
        self.method = method
        self.path = path
        self.query = query
    }

    /// The first value of parameter `name`.
    package subscript(name: String) -> String? { query.first { $0.name == name }?.value }

    package static func == (left: AdminRequest, right: AdminRequest) -> Bool {
        left.method == right.method && left.path == right.path && left.accept == right.accept
            && left.query.elementsEqual(right.query) { $0.name == $1.name && $0.value == $1.value }
    }
}

extension AdminRequest {
    /// What parsing came to.
    enum ParseOutcome: Equatable {
        /// The empty line has not come yet.
        case incomplete
        /// All of the head is there.
        case request(AdminRequest)
        /// It is not HTTP/1.1 as we take it: the status to answer.
        case refused(Int)
    }

    /// Parses a request's head (RFC 9112 §3), strictly: one line ends CRLF or LF, no folding, no other version than 1.x.
    static func parse(_ bytes: Span<UInt8>) -> ParseOutcome {
        guard let end = endOfHead(bytes) else { return .incomplete }
        let lines = String(decoding: bytes.extracting(0..<end)).split(
            omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" })
        guard let first = lines.first else { return .refused(400) }
        let parts = first.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[2] == "HTTP/1.1" || parts[2] == "HTTP/1.0" else { return .refused(400) }
        guard parts[1].hasPrefix("/") else { return .refused(400) }
        guard parts[0] == "GET" || parts[0] == "POST" else { return .refused(405) }
        let target = parts[1].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = percentDecode(target[0]) else { return .refused(400) }
        var request = AdminRequest(method: String(parts[0]), path: path)
        if target.count == 2 {
            for pair in target[1].split(separator: "&") {
                let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard let name = percentDecode(sides[0]), let value = percentDecode(sides.count == 2 ? sides[1] : "")
                else { return .refused(400) }
                request.query.append((name, value))
            }
        }
        for line in lines.dropFirst() where !line.isEmpty {
            guard let refusal = request.takeHeader(line) else { continue }
            return .refused(refusal)
        }
        return .request(request)
    }

    /// Takes one header line; returns the status of a refusal.
    private mutating func takeHeader(_ line: Substring) -> Int? {
        guard let colon = line.firstIndex(of: ":"), colon != line.startIndex, line.first != " ", line.first != "\t"
        else {
            return 400
        }
        let name = line[..<colon].lowercased()
        let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        if name == "accept" { accept += accept.isEmpty ? String(value) : "," + value }
        return nil
    }

    /// The offset behind the empty line that ends the head.
    private static func endOfHead(_ bytes: Span<UInt8>) -> Int? {
        var lineLength = 0
        for index in 0..<bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\n"):
                if lineLength == 0, index > 0 { return index + 1 }
                lineLength = 0
            case UInt8(ascii: "\r") where index + 1 < bytes.count && bytes[index + 1] == UInt8(ascii: "\n"): break
            default: lineLength += 1
            }
        }
        return nil
    }

    private static func percentDecode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(Substring(rest.prefix(2))), radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
