// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension HTTP1Parser {
    /// What the field lines so far say about framing and persistence.
    struct SeenFields {
        var contentLength: Int?
        var hasTransferEncoding = false
        var host: Range<Int>?
        var closes = false
        var keepsAlive = false
        var upgradeOption = false
        var upgradeField = false
        var expectsContinue = false
        var expectsElse = false
        var connectionOptions = 0
        /// Whether `Connection` names fields beside the options that are recorded here.
        var nominatesFields = false
    }

    /// Moves octets of one line from the input to `head`.
    ///
    /// - Parameters:
    ///   - limit: octets the line may have.
    ///   - overflow: what to throw beyond.
    /// - Returns: whether the line is complete; its octets are `lineStart ..< head.count`.
    mutating func readLine(
        _ input: Span<UInt8>, at offset: inout Int, limit: Int, overflow: HTTP1Error
    ) throws(HTTP1Error) -> Bool {
        if !sawCarriageReturn {
            let start = offset
            let end = CharacterClass.content.end(in: input, start..<input.count)
            if end > start {
                guard head.count - lineStart + end - start <= limit else { throw overflow }
                head.append(copying: input.extracting(start..<end))
                offset = end
            }
            guard end < input.count else { return false }
            switch input[end] {
            case Octet.carriageReturn: sawCarriageReturn = true
            case Octet.lineFeed: throw .bareLineFeed
            default: throw .controlCharacter
            }
            offset = end + 1
        }
        guard offset < input.count else { return false }
        guard input[offset] == Octet.lineFeed else { throw .bareCarriageReturn }
        offset += 1
        sawCarriageReturn = false
        return true
    }

    /// Reads the first line of a message and, when it is complete, moves on to the field lines.
    mutating func readStartLine(_ input: Span<UInt8>, at offset: inout Int) throws(HTTP1Error) -> Bool {
        if isHeadStale {
            guard offset < input.count else { return false }
            startHead()
        }
        guard try readLine(input, at: &offset, limit: limits.startLineBytes, overflow: .startLineTooLong) else {
            return false
        }
        if head.isEmpty {
            emptyLines += 1
            guard role == .request, emptyLines <= limits.leadingEmptyLines else { throw .invalidStartLine }
            return true
        }
        switch role {
        case .request: request = try Self.parseRequestLine(head.span, limits: limits)
        case .response: response = try Self.parseStatusLine(head.span)
        }
        lineStart = head.count
        phase = .fields
        return true
    }

    /// Reads one field or trailer line.
    mutating func readFieldLine(_ input: Span<UInt8>, at offset: inout Int) throws(HTTP1Error) -> Bool {
        let isTrailer = phase == .trailers
        let limit = (isTrailer ? limits.trailerBytes : limits.headerListBytes) - sectionBytes - 2
        let overflow = isTrailer ? HTTP1Error.trailersTooLarge : .headerListTooLarge
        guard try readLine(input, at: &offset, limit: limit, overflow: overflow) else { return false }
        guard lineStart < head.count else { return true }
        sectionBytes += head.count - lineStart + 2
        return true
    }

    private mutating func startHead() {
        head.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
        lineStart = 0
        sectionBytes = 0
        extensionBytes = 0
        seen = SeenFields()
        isHeadStale = false
    }

    /// Reads the field line `lineStart ..< head.count` (RFC 9112 §5): name in lower case, value without white space
    /// around it.
    mutating func finishFieldLine(isTrailer: Bool) throws(HTTP1Error) {
        guard fields.count < (isTrailer ? limits.trailerCount : limits.fieldCount) else { throw .tooManyFields }
        let colon = try lowercaseName()
        let value = Self.trimmed(head.span, (colon + 1)..<head.count)
        let kind = HTTP1FieldKind(head.span.extracting(lineStart..<colon))
        if isTrailer, kind.isForbiddenInTrailers { throw .forbiddenTrailer }
        fields.append(
            HTTP1Field(
                nameStart: UInt32(lineStart), nameCount: UInt32(colon - lineStart),
                valueStart: UInt32(value.lowerBound), valueCount: UInt32(value.count), kind: kind,
                isConnectionSpecific: kind.isConnectionSpecific))
        if kind != .other { try record(kind, value) }
        lineStart = head.count
    }

    /// `range` without the white space at both its ends (OWS, RFC 9110 §5.6.3).
    private static func trimmed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, isSpace(bytes[start]) { start += 1 }
        while start < end, isSpace(bytes[end - 1]) { end -= 1 }
        return start..<end
    }

    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool { byte == Octet.space || byte == Octet.tab }

    /// Checks the name of the current line and puts it in lower case.
    ///
    /// - Returns: the offset of the colon behind it.
    private mutating func lowercaseName() throws(HTTP1Error) -> Int {
        let start = lineStart
        let end = head.count
        var bytes = head.mutableSpan
        var index = start
        while index < end {
            let byte = bytes[index]
            guard CharacterClass.token.contains(byte) else { break }
            if byte &- 0x41 < 26 { bytes[index] = byte | 0x20 }
            index += 1
        }
        if index < end, bytes[index] == Octet.colon, index > start { return index }
        guard index < end, Self.isSpace(bytes[index]) else { throw .invalidFieldName }
        throw index == start ? .lineFolding : .whitespaceBeforeColon
    }

    private mutating func lowercase(_ range: Range<Int>) {
        var bytes = head.mutableSpan
        for index in range { bytes[index] = Octet.lowercased(bytes[index]) }
    }

    /// Takes note of a field that matters to framing, persistence or routing.
    private mutating func record(_ kind: HTTP1FieldKind, _ value: Range<Int>) throws(HTTP1Error) {
        switch kind {
        case .contentLength: try recordContentLength(value)
        case .transferEncoding: try recordTransferEncoding(value)
        case .connection: try recordConnection(value)
        case .host:
            guard role == .request else { return }
            guard seen.host == nil else { throw .duplicateHost }
            guard value.isEmpty || Self.isAuthority(head.span, value, needsPort: false) else { throw .invalidHost }
            seen.host = value
        case .upgrade: seen.upgradeField = seen.upgradeField || !value.isEmpty
        case .expect:
            lowercase(value)
            if head.span.extracting(value).equals("100-continue") {
                seen.expectsContinue = true
            } else {
                seen.expectsElse = true
            }
        case .other, .http2Settings, .keepAlive, .proxyConnection, .te, .trailer: break
        }
    }

    private mutating func recordContentLength(_ value: Range<Int>) throws(HTTP1Error) {
        guard seen.contentLength == nil else { throw .duplicateContentLength }
        guard !value.isEmpty, value.count <= limits.contentLengthDigits else { throw .invalidContentLength }
        var length = 0
        for index in value {
            guard let digit = Octet.decimalValue(head[index]) else { throw .invalidContentLength }
            let (product, overflow) = length.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(digit)
            guard !overflow, !carry else { throw .invalidContentLength }
            length = sum
        }
        seen.contentLength = length
    }

    /// Accepts exactly `chunked`, once (RFC 9112 §6.1); tells codings that we lack from those that do not frame.
    private mutating func recordTransferEncoding(_ value: Range<Int>) throws(HTTP1Error) {
        guard !seen.hasTransferEncoding else { throw .invalidTransferEncoding }
        seen.hasTransferEncoding = true
        lowercase(value)
        if head.span.extracting(value).equals("chunked") { return }
        var position = value.lowerBound
        var isLastChunked = false
        while let element = nextElement(of: value, at: &position) {
            guard !isLastChunked, !element.isEmpty, CharacterClass.token.containsAll(of: head.span, element) else {
                throw .invalidTransferEncoding
            }
            isLastChunked = head.span.extracting(element).equals("chunked")
        }
        throw isLastChunked ? .unsupportedTransferCoding : .invalidTransferEncoding
    }

    private mutating func recordConnection(_ value: Range<Int>) throws(HTTP1Error) {
        lowercase(value)
        var position = value.lowerBound
        while let element = nextElement(of: value, at: &position) {
            if element.isEmpty { continue }
            seen.connectionOptions += 1
            guard seen.connectionOptions <= limits.connectionOptions,
                CharacterClass.token.containsAll(of: head.span, element)
            else { throw .invalidConnection }
            try recordConnectionOption(element)
        }
    }

    private mutating func recordConnectionOption(_ element: Range<Int>) throws(HTTP1Error) {
        if head.span.extracting(element).equals("close") {
            seen.closes = true
        } else if head.span.extracting(element).equals("keep-alive") {
            seen.keepsAlive = true
        } else if head.span.extracting(element).equals("upgrade") {
            seen.upgradeOption = true
        } else {
            switch HTTP1FieldKind(head.span.extracting(element)) {
            case .contentLength, .host, .expect: throw .invalidConnection
            case .other, .trailer: seen.nominatesFields = true
            case .connection, .http2Settings, .keepAlive, .proxyConnection, .te, .transferEncoding, .upgrade: break
            }
        }
    }

    /// The next element of a comma-separated list, without white space around it; nil behind the last one.
    private func nextElement(of list: Range<Int>, at position: inout Int) -> Range<Int>? {
        guard position < list.upperBound else { return nil }
        var end = position
        while end < list.upperBound, head[end] != Octet.comma { end += 1 }
        defer { position = end + 1 }
        return Self.trimmed(head.span, position..<end)
    }

    /// Marks the fields that `Connection` names (RFC 9110 §7.6.1); at most `connectionOptions` times `fieldCount` steps.
    mutating func markNominatedFields() {
        for nomination in fields.indices where fields[nomination].kind == .connection {
            let list = fields[nomination].value
            var position = list.lowerBound
            while let element = nextElement(of: list, at: &position) {
                for index in fields.indices
                where head.span.extracting(fields[index].name).equals(head.span.extracting(element)) {
                    fields[index].isConnectionSpecific = true
                }
            }
        }
    }
}
