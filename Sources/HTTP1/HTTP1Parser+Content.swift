// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension HTTP1Parser {
    /// States of the grammar of a chunk extension (RFC 9112 §7.1.1), behind its ";".
    enum ChunkExtensionState {
        case beforeName
        case name
        case afterName
        case beforeValue
        case value
        case quoted
        case escaped
        case quoteClosed
        case afterValue
    }

    /// Reads content as far as it lies in the input.
    ///
    /// - Returns: nil, with the phase moved on, when the content is complete, or when there is no input.
    mutating func readContent(_ input: Span<UInt8>, at offset: inout Int) -> HTTP1Event? {
        let available = input.count - offset
        let length: Int
        switch phase {
        case .content(remaining: 0):
            phase = .end
            return nil
        case .chunkData(remaining: 0):
            phase = .chunkEnd
            return nil
        case .content(let remaining):
            length = min(available, remaining)
            if length > 0 { phase = remaining == length ? .end : .content(remaining: remaining - length) }
        case .chunkData(let remaining):
            length = min(available, remaining)
            if length > 0 { phase = remaining == length ? .chunkEnd : .chunkData(remaining: remaining - length) }
        case .untilClose:
            length = available
        case .startLine, .fields, .chunkSize, .chunkSizeSpace, .chunkExtension, .chunkSizeLineFeed, .chunkEnd,
            .chunkEndLineFeed, .trailers, .end, .paused, .handover, .handedOver:
            return nil
        }
        guard length > 0 else { return nil }
        let range = offset..<(offset + length)
        offset += length
        return .body(range)
    }

    /// Reads octets between chunk data, until chunk data or the trailers start or the input ends.
    mutating func readChunkFraming(_ input: Span<UInt8>, at offset: inout Int) throws(HTTP1Error) {
        while offset < input.count {
            let byte = input[offset]
            offset += 1
            switch phase {
            case .chunkSize(let value, let digits):
                try readChunkSize(byte, value: value, digits: digits)
            case .chunkSizeSpace(let size):
                try countExtensionByte()
                if byte == Octet.semicolon {
                    phase = .chunkExtension(size: size, .beforeName)
                } else if byte != Octet.space && byte != Octet.tab {
                    throw .invalidChunkSize
                }
            case .chunkExtension(let size, let state):
                try readChunkExtension(byte, size: size, state: state)
            case .chunkSizeLineFeed(let size):
                guard byte == Octet.lineFeed else { throw .bareCarriageReturn }
                if size == 0 { return startTrailers() }
                phase = .chunkData(remaining: size)
                return
            case .chunkEnd:
                if byte == Octet.lineFeed { throw .bareLineFeed }
                guard byte == Octet.carriageReturn else { throw .invalidChunkEnd }
                phase = .chunkEndLineFeed
            case .chunkEndLineFeed:
                guard byte == Octet.lineFeed else { throw .bareCarriageReturn }
                phase = .chunkSize(value: 0, digits: 0)
            case .startLine, .fields, .content, .untilClose, .chunkData, .trailers, .end, .paused, .handover,
                .handedOver:
                preconditionFailure("no chunk framing is read in this phase")
            }
        }
    }

    private mutating func readChunkSize(_ byte: UInt8, value: Int, digits: Int) throws(HTTP1Error) {
        if let digit = Octet.hexadecimalValue(byte) {
            // The shift loses nothing as long as the top five bits are clear; the result stays below 2^63.
            guard digits < limits.chunkSizeDigits, value <= Int.max >> 4 else { throw .invalidChunkSize }
            phase = .chunkSize(value: value << 4 | digit, digits: digits + 1)
            return
        }
        if byte == Octet.lineFeed { throw .bareLineFeed }
        guard digits > 0 else { throw .invalidChunkSize }
        switch byte {
        case Octet.carriageReturn: phase = .chunkSizeLineFeed(size: value)
        case Octet.semicolon:
            try countExtensionByte()
            phase = .chunkExtension(size: value, .beforeName)
        case Octet.space, Octet.tab:
            try countExtensionByte()
            phase = .chunkSizeSpace(size: value)
        default: throw .invalidChunkSize
        }
    }

    private mutating func countExtensionByte() throws(HTTP1Error) {
        extensionBytes += 1
        guard extensionBytes <= limits.chunkExtensionBytes else { throw .chunkExtensionsTooLarge }
    }

    private mutating func readChunkExtension(
        _ byte: UInt8, size: Int, state: ChunkExtensionState
    ) throws(HTTP1Error) {
        switch state {
        case .name, .value, .quoteClosed:
            if byte == Octet.carriageReturn {
                phase = .chunkSizeLineFeed(size: size)
                return
            }
        case .beforeName, .afterName, .beforeValue, .quoted, .escaped, .afterValue: break
        }
        if byte == Octet.lineFeed { throw .bareLineFeed }
        try countExtensionByte()
        guard let next = Self.next(state, byte) else { throw .invalidChunkExtension }
        phase = .chunkExtension(size: size, next)
    }

    /// The state behind `byte`, or nil when the grammar does not allow it.
    private static func next(_ state: ChunkExtensionState, _ byte: UInt8) -> ChunkExtensionState? {
        let isSpace = byte == Octet.space || byte == Octet.tab
        let isToken = CharacterClass.token.contains(byte)
        switch state {
        case .beforeName: return isSpace ? .beforeName : isToken ? .name : nil
        case .name, .afterName:
            if byte == Octet.equals { return .beforeValue }
            if byte == Octet.semicolon { return .beforeName }
            if isSpace { return .afterName }
            return isToken && state == .name ? .name : nil
        case .beforeValue:
            return isSpace ? .beforeValue : byte == Octet.quote ? .quoted : isToken ? .value : nil
        case .value, .quoteClosed, .afterValue:
            if byte == Octet.semicolon { return .beforeName }
            if isSpace { return .afterValue }
            return isToken && state == .value ? .value : nil
        case .quoted:
            if byte == Octet.quote { return .quoteClosed }
            if byte == Octet.backslash { return .escaped }
            return CharacterClass.content.contains(byte) ? .quoted : nil
        case .escaped: return CharacterClass.content.contains(byte) ? .quoted : nil
        }
    }

    private mutating func startTrailers() {
        head.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
        lineStart = 0
        sectionBytes = 0
        phase = .trailers
    }
}
