// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

extension HTTP2Connection {
    /// Whether `drainPending` has something to give.
    package var hasPendingOutput: Bool { !output.isEmpty }

    /// Octets that `drainPending` has to give.
    package var pendingOutputCount: Int { output.count }

    /// Moves pending output into `buffer` as room allows.
    ///
    /// DATA of a stream must not overtake its HEADERS: drain completely before putting a DATA frame into the same buffer.
    /// - Returns: octets moved.
    package mutating func drainPending(into buffer: inout ByteBuffer) -> Int {
        output.drain(into: &buffer)
    }

    /// Begins HEADERS: a request, a response, or trailers; `addField` and `endHeaders` must follow.
    ///
    /// - Returns: false when the stream cannot send any more; the calls that follow are ignored then.
    @discardableResult
    package mutating func beginHeaders(_ stream: StreamHandle) -> Bool {
        precondition(headersOut.stream == nil, "headers of another stream are being written")
        guard isLive(stream), failure == nil else { return false }
        let state = streams[Int(stream.index)].state
        guard state == .idle || state == .open || state == .halfClosedRemote else { return false }
        headersOut = HeadersInProgress(stream: stream, position: output.end)
        output.append(FrameHeader(length: 0, type: .headers, flags: 0, streamID: stream.id))
        encoder.begin(into: &output)
        return true
    }

    /// Adds a field to the open header block; the name is lower case.
    package mutating func addField(
        name: StaticString, value: Span<UInt8>, indexing: FieldIndexing = .automatic
    ) {
        addField(name: name.bytes, value: value, indexing: indexing)
    }

    /// Adds a field to the open header block; name and value are constants.
    package mutating func addField(name: StaticString, value: StaticString, indexing: FieldIndexing = .automatic) {
        addField(name: name.bytes, value: value.bytes, indexing: indexing)
    }

    /// Adds a field to the open header block; the name is lower case.
    package mutating func addField(name: Span<UInt8>, value: Span<UInt8>, indexing: FieldIndexing = .automatic) {
        guard let stream = headersOut.stream else { return }
        if name.count == 7, name[0] == UInt8(ascii: ":") { notePseudo(stream, name, value) }
        encoder.encode(name: name, value: value, staticName: 0, indexing: indexing, into: &output)
    }

    /// What the core must know of our own headers: CONNECT, HEAD, 1xx.
    private mutating func notePseudo(_ stream: StreamHandle, _ name: Span<UInt8>, _ value: Span<UInt8>) {
        let index = Int(stream.index)
        if name.equals(":method") {
            if value.equals("CONNECT") { streams[index].flags.insert(.isConnect) }
            if value.equals("HEAD") { streams[index].flags.insert(.isHead) }
        } else if name.equals(":status"), value.count == 3 {
            headersOut.isFinal = value[0] != UInt8(ascii: "1")
            if value[0] != UInt8(ascii: "2"), headersOut.isFinal { streams[index].flags.remove(.isConnect) }
        }
    }

    /// Ends the header block; splits it into CONTINUATION when it exceeds the peer's frame size (RFC 9113 §6.10).
    package mutating func endHeaders(isEndStream: Bool) {
        guard let stream = headersOut.stream else { return }
        let index = Int(stream.index)
        let isFinal = headersOut.isFinal
        var position = headersOut.position
        headersOut = HeadersInProgress()
        let limit = Int(peer.maxFrameSize)
        var type = FrameType.headers
        var flags = isEndStream ? FrameFlag.endStream : 0
        var length = output.end - position - FrameHeader.size
        while length > limit {
            output.patch(FrameHeader(length: limit, type: type, flags: flags, streamID: stream.id), at: position)
            position += FrameHeader.size + limit
            type = .continuation
            flags = 0
            output.insert(FrameHeader(length: 0, type: type, flags: 0, streamID: stream.id), at: position)
            length -= limit
        }
        flags |= FrameFlag.endHeaders
        output.patch(FrameHeader(length: length, type: type, flags: flags, streamID: stream.id), at: position)
        if streams[index].state == .idle { streams[index].state = .open }
        if isFinal { streams[index].flags.insert(.sentHeaders) }
        if isEndStream { sentEndStream(index) }
    }

    /// Sends a response that has no fields but `:status`.
    package mutating func sendResponse(_ stream: StreamHandle, status: Int, isEndStream: Bool) {
        precondition(status >= 100 && status <= 999)
        guard beginHeaders(stream) else { return }
        let digits: InlineArray<3, UInt8> = [
            UInt8(48 + status / 100), UInt8(48 + status / 10 % 10), UInt8(48 + status % 10),
        ]
        addField(name: ":status", value: digits.span, indexing: .notIndexed)
        endHeaders(isEndStream: isEndStream)
    }

    /// Writes the nine octets of a DATA frame and takes its payload from both windows.
    ///
    /// - Parameters:
    ///   - count: octets of payload, which the caller puts behind the header; at most `sendableBytes`.
    ///   - header: where the nine octets go, at its start.
    @_lifetime(header: copy header)
    package mutating func commitData(
        _ stream: StreamHandle, count: Int, isEndStream: Bool, header: inout MutableSpan<UInt8>
    ) {
        precondition(isLive(stream) && streams[Int(stream.index)].canSend, "DATA on a stream that cannot send")
        let index = Int(stream.index)
        precondition(count >= 0 && count <= Int(peer.maxFrameSize), "DATA larger than the peer's frame size")
        precondition(count == 0 || (count <= Int(streams[index].sendWindow) && count <= Int(sendWindow)))
        FrameHeader(length: count, type: .data, flags: isEndStream ? FrameFlag.endStream : 0, streamID: stream.id)
            .write(into: &header, at: 0)
        streams[index].sendWindow -= Int32(count)
        sendWindow -= Int32(count)
        streams[index].flags.remove(.wasBlocked)
        // What a peer may say about this frame: WINDOW_UPDATE for stream and connection every 512 octets (Go: 4 KiB).
        floods.payBack(2 + Int32(truncatingIfNeeded: count >> 8))
        if isEndStream { sentEndStream(index) }
    }

    /// Ends our side of a stream with an empty DATA frame; does nothing when it is ended already.
    package mutating func endStream(_ stream: StreamHandle) {
        guard isLive(stream), failure == nil, streams[Int(stream.index)].canSend else { return }
        output.append(FrameHeader(length: 0, type: .data, flags: FrameFlag.endStream, streamID: stream.id))
        sentEndStream(Int(stream.index))
    }
}
