// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// Reads HTTP/1 messages of one direction of one connection: bytes in, trivially copyable events out.
///
/// Owned by `HTTP1ServerConnection` and `HTTP1ClientConnection`, which know what the messages answer to. It copies the
/// head (and the trailers) into a buffer of its own, line by line, so that the result does not depend on how the input
/// was split; content is never copied. It allocates only while that buffer and the field list grow to what the peer
/// uses, bounded by `HTTP1Limits`.
///
/// ```
///   startLine ── fields ─┬─ content ───────────────┬─ end ── paused ── startLine …
///                        ├─ untilClose ── (EOF) ───┤    └── handover ── handedOver
///                        ├─ chunkSize … trailers ──┤
///                        └─────────────────────────┘
/// ```
struct HTTP1Parser: ~Copyable {
    /// Which start line messages of this direction have.
    enum Role {
        case request
        case response
    }

    enum Phase: Equatable {
        /// In front of or within the first line.
        case startLine
        /// Within the field lines.
        case fields
        /// Within content of a known length.
        case content(remaining: Int)
        /// Within content that the end of the connection ends.
        case untilClose
        /// In front of or within a chunk size.
        case chunkSize(value: Int, digits: Int)
        /// Behind a chunk size, within white space that only an extension may follow.
        case chunkSizeSpace(size: Int)
        /// Within a chunk extension.
        case chunkExtension(size: Int, ChunkExtensionState)
        /// Behind the CR of a chunk size line.
        case chunkSizeLineFeed(size: Int)
        /// Within chunk data.
        case chunkData(remaining: Int)
        /// Behind chunk data.
        case chunkEnd
        /// Behind the CR that follows chunk data.
        case chunkEndLineFeed
        /// Within the trailer lines.
        case trailers
        /// The message is complete, which is not reported yet.
        case end
        /// Nothing is read until the connection asks for the next message.
        case paused
        /// Protocols are switched, which is not reported yet.
        case handover
        /// What arrives is not ours.
        case handedOver
    }

    let role: Role
    let limits: HTTP1Limits
    var phase = Phase.startLine
    /// Where a malformed message ended all reading.
    var failure: HTTP1Error?

    /// Octets of the start line and the field lines, or of the trailer lines, without line ends.
    var head: [UInt8] = []
    var fields: [HTTP1Field] = []
    var request = HTTP1RequestHead()
    var response = HTTP1ResponseHead()
    /// The method of the request that the next response answers.
    var answeredMethod = HTTP1Method.other
    /// Whether that request offered to switch protocols.
    var answeredUpgrade = false

    /// Offset in `head` where the current line starts.
    var lineStart = 0
    var sawCarriageReturn = false
    /// Octets of finished field or trailer lines with their line ends.
    var sectionBytes = 0
    var emptyLines = 0
    var extensionBytes = 0
    var informationalCount = 0
    /// Whether the head of the previous message is still there.
    var isHeadStale = false
    var seen = SeenFields()

    init(role: Role, limits: HTTP1Limits) {
        precondition(limits.startLineBytes + limits.headerListBytes + limits.trailerBytes < Int(Int32.max))
        self.role = role
        self.limits = limits
    }

    /// Whether no octet of the current message has arrived.
    var isBetweenMessages: Bool {
        phase == .startLine && (isHeadStale || head.isEmpty && !sawCarriageReturn) || phase == .paused
    }

    /// Reads until the next event or the end of the input.
    ///
    /// - Parameter offset: where to start in `input`; moved behind what was consumed.
    /// - Returns: nil when all input is consumed, or when the parser is paused or handed over (nothing consumed).
    /// - Throws: what is wrong with the message; the same again on every later call.
    mutating func receive(_ input: Span<UInt8>, at offset: inout Int) throws(HTTP1Error) -> HTTP1Event? {
        if let failure { throw failure }
        do {
            return try read(input, at: &offset)
        } catch {
            failure = error
            throw error
        }
    }

    /// The connection ended.
    ///
    /// - Returns: `.end` when that completes a message, nil when it was between messages.
    /// - Throws: `truncated` when it was within one.
    mutating func receiveEndOfStream() throws(HTTP1Error) -> HTTP1Event? {
        if let failure { throw failure }
        switch phase {
        case .untilClose:
            phase = .paused
            return .end
        case .end:
            phase = .paused
            return .end
        case .paused, .handover, .handedOver:
            return nil
        case .startLine, .fields, .content, .chunkSize, .chunkSizeSpace, .chunkExtension, .chunkSizeLineFeed,
            .chunkData, .chunkEnd, .chunkEndLineFeed, .trailers:
            if isBetweenMessages { return nil }
            failure = .truncated
            throw .truncated
        }
    }

    /// Goes on with the next message; the last head stays readable until its first octet is read.
    mutating func startNextMessage() {
        guard failure == nil else { return }
        phase = .startLine
        isHeadStale = true
        emptyLines = 0
        informationalCount = 0
    }

    /// Reads nothing more: what arrives belongs to another protocol.
    mutating func handOver() {
        guard failure == nil else { return }
        phase = .handover
    }

    /// Gives buffers back that a quiet connection need not hold.
    mutating func releaseMemory() {
        guard isBetweenMessages else { return }
        head = []
        fields = []
        isHeadStale = true
    }

    private mutating func read(_ input: Span<UInt8>, at offset: inout Int) throws(HTTP1Error) -> HTTP1Event? {
        while true {
            switch phase {
            case .startLine:
                guard try readStartLine(input, at: &offset) else { return nil }
            case .fields:
                guard try readFieldLine(input, at: &offset) else { return nil }
                if lineStart == head.count {
                    return try role == .request ? finishRequestHead() : finishResponseHead()
                }
                try finishFieldLine(isTrailer: false)
            case .trailers:
                guard try readFieldLine(input, at: &offset) else { return nil }
                if lineStart == head.count {
                    phase = .end
                    if !fields.isEmpty { return .trailers }
                } else {
                    try finishFieldLine(isTrailer: true)
                }
            case .content, .untilClose, .chunkData:
                guard let event = readContent(input, at: &offset) else {
                    if offset == input.count { return nil }
                    continue
                }
                return event
            case .chunkSize, .chunkSizeSpace, .chunkExtension, .chunkSizeLineFeed, .chunkEnd, .chunkEndLineFeed:
                guard offset < input.count else { return nil }
                try readChunkFraming(input, at: &offset)
            case .end:
                phase = .paused
                return .end
            case .handover:
                phase = .handedOver
                return .handover
            case .paused:
                if role == .response, offset < input.count { throw .unsolicitedResponse }
                return nil
            case .handedOver:
                return nil
            }
        }
    }
}
