// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension HTTP1Parser {
    /// Reads `method SP request-target SP HTTP-version` (RFC 9112 §3), strictly: one SP each, nothing in front.
    static func parseRequestLine(
        _ bytes: Span<UInt8>, limits: HTTP1Limits
    ) throws(HTTP1Error) -> HTTP1RequestHead {
        let methodEnd = CharacterClass.token.end(in: bytes, 0..<bytes.count)
        guard methodEnd < bytes.count else { throw .invalidStartLine }
        guard methodEnd > 0, bytes[methodEnd] == Octet.space, methodEnd <= limits.methodBytes else {
            throw .invalidMethod
        }
        var targetEnd = methodEnd + 1
        while targetEnd < bytes.count, bytes[targetEnd] != Octet.space { targetEnd += 1 }
        guard targetEnd < bytes.count, targetEnd > methodEnd + 1 else { throw .invalidStartLine }

        var request = HTTP1RequestHead()
        request.methodName = 0..<methodEnd
        request.method = HTTP1Method(bytes.extracting(0..<methodEnd))
        request.target = (methodEnd + 1)..<targetEnd
        request.version = try parseVersion(bytes, (targetEnd + 1)..<bytes.count)
        try parseTarget(bytes, into: &request)
        return request
    }

    /// Reads `HTTP-version SP status-code SP [reason-phrase]` (RFC 9112 §4); the second SP may lack when the reason does.
    static func parseStatusLine(_ bytes: Span<UInt8>) throws(HTTP1Error) -> HTTP1ResponseHead {
        guard bytes.count >= 12, bytes[8] == Octet.space else { throw .invalidStartLine }
        var response = HTTP1ResponseHead()
        response.version = try parseVersion(bytes, 0..<8)
        var status = 0
        for index in 9..<12 {
            guard let digit = Octet.decimalValue(bytes[index]) else { throw .invalidStatus }
            status = status * 10 + digit
        }
        guard status >= 100 else { throw .invalidStatus }
        response.status = UInt16(status)
        if bytes.count > 12 {
            guard bytes[12] == Octet.space else { throw .invalidStatus }
            response.reason = 13..<bytes.count
        }
        return response
    }

    /// Reads `HTTP/1.x`; a minor version above 1 means 1.1 (RFC 9110 §2.5).
    private static func parseVersion(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(HTTP1Error) -> HTTP1Version {
        guard range.count == 8 else { throw .invalidStartLine }
        let version = bytes.extracting(range)
        guard version.extracting(first: 5).equals("HTTP/"), let major = Octet.decimalValue(version[5]),
            version[6] == 0x2E, let minor = Octet.decimalValue(version[7])
        else { throw .invalidStartLine }
        guard major == 1 else { throw .unsupportedVersion }
        return minor == 0 ? .http10 : .http11
    }

    /// Reads the request target (RFC 9112 §3.2).
    private static func parseTarget(_ bytes: Span<UInt8>, into request: inout HTTP1RequestHead) throws(HTTP1Error) {
        let target = request.target
        if request.method == .connect {
            guard isAuthority(bytes, target, needsPort: true) else { throw .invalidTarget }
            request.targetForm = .authority
            request.authority = target
            return
        }
        if bytes[target.lowerBound] == Octet.slash {
            guard isPath(bytes, target) else { throw .invalidTarget }
            request.path = target
            return
        }
        if target.count == 1, bytes[target.lowerBound] == Octet.asterisk {
            guard request.method == .options else { throw .invalidTarget }
            request.targetForm = .asterisk
            request.path = target
            return
        }
        let schemeLength = try schemeLength(bytes.extracting(target))
        let authorityStart = target.lowerBound + schemeLength + 3
        var authorityEnd = authorityStart
        while authorityEnd < target.upperBound, bytes[authorityEnd] != Octet.slash,
            bytes[authorityEnd] != Octet.question
        { authorityEnd += 1 }
        guard isAuthority(bytes, authorityStart..<authorityEnd, needsPort: false), authorityEnd > authorityStart,
            isPath(bytes, authorityEnd..<target.upperBound)
        else { throw .invalidTarget }
        request.targetForm = .absolute
        request.scheme = target.lowerBound..<(target.lowerBound + schemeLength)
        request.authority = authorityStart..<authorityEnd
        request.path = authorityEnd..<target.upperBound
    }

    /// The length of the scheme of an absolute form; only http and https are routed (RFC 9110 §4.2).
    private static func schemeLength(_ target: Span<UInt8>) throws(HTTP1Error) -> Int {
        func hasPrefix(_ text: StaticString) -> Bool {
            // A scheme is case-insensitive (RFC 3986 §3.1); "://" has no letters that the mask below could change.
            guard target.count > text.utf8CodeUnitCount else { return false }
            var lowered: InlineArray<8, UInt8> = .init(repeating: 0)
            for index in 0..<text.utf8CodeUnitCount { lowered[index] = Octet.lowercased(target[index]) }
            return lowered.span.extracting(first: text.utf8CodeUnitCount).equals(text)
        }
        if hasPrefix("http://") { return 4 }
        if hasPrefix("https://") { return 5 }
        throw .invalidTarget
    }

    /// Whether `range` is `absolute-path [ "?" query ]` or empty, with well-formed escapes and no NUL in the path.
    private static func isPath(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        let pathEnd = CharacterClass.path.end(in: bytes, range)
        guard pathEnd == range.upperBound || bytes[pathEnd] == Octet.question else { return false }
        guard CharacterClass.query.containsAll(of: bytes, pathEnd..<range.upperBound) else { return false }
        var index = range.lowerBound
        while index < pathEnd {
            if bytes[index] == Octet.percent {
                guard index + 2 < pathEnd, let high = Octet.hexadecimalValue(bytes[index + 1]),
                    let low = Octet.hexadecimalValue(bytes[index + 2]), high | low != 0
                else { return false }
                index += 2
            }
            index += 1
        }
        return true
    }

    /// Whether `range` is `uri-host [ ":" port ]` (RFC 9110 §7.2): no user information, no escapes, no comma.
    ///
    /// - Parameter needsPort: whether a port from 1 on must be there (CONNECT, RFC 9110 §9.3.6).
    static func isAuthority(_ bytes: Span<UInt8>, _ range: Range<Int>, needsPort: Bool) -> Bool {
        guard let first = range.first else { return false }
        var hostEnd: Int
        if bytes[first] == Octet.leftBracket {
            hostEnd = first + 1
            while hostEnd < range.upperBound, isAddressOctet(bytes[hostEnd]) { hostEnd += 1 }
            guard hostEnd > first + 1, hostEnd < range.upperBound, bytes[hostEnd] == Octet.rightBracket else {
                return false
            }
            hostEnd += 1
        } else {
            hostEnd = CharacterClass.host.end(in: bytes, range)
            guard hostEnd > first else { return false }
        }
        guard hostEnd < range.upperBound else { return !needsPort }
        guard bytes[hostEnd] == Octet.colon, range.upperBound - hostEnd <= 6 else { return false }
        var port = 0
        for index in (hostEnd + 1)..<range.upperBound {
            guard let digit = Octet.decimalValue(bytes[index]) else { return false }
            port = port * 10 + digit
        }
        return port <= 65535 && (!needsPort || port > 0)
    }

    private static func isAddressOctet(_ byte: UInt8) -> Bool {
        Octet.hexadecimalValue(byte) != nil || byte == Octet.colon || byte == 0x2E
    }
}
