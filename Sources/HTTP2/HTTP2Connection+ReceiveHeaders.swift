// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension HTTP2Connection {
    /// HEADERS (RFC 9113 §6.2).
    mutating func receiveHeaders(_ frame: FrameHeader, _ payload: Span<UInt8>) throws(HTTP2Error) -> HTTP2Event? {
        var start = 0
        var end = payload.count
        if frame.flags & FrameFlag.padded != 0 {
            guard payload.count >= 1 else { throw .invalidFrameLength }
            start = 1
            end -= Int(payload[0])
        }
        block.isSelfDependent = false
        if frame.flags & FrameFlag.priority != 0 {
            guard payload.count >= start + 5 else { throw .invalidFrameLength }
            block.isSelfDependent = StreamID(payload.readUInt32BigEndian(at: start)) == frame.streamID
            start += 5
        }
        guard start <= end else { throw .invalidPadding }
        let fragment = payload.extracting(start..<end)
        let isEndStream = frame.flags & FrameFlag.endStream != 0
        if frame.flags & FrameFlag.endHeaders != 0 {
            return try receiveBlock(fragment, frame.streamID, isEndStream)
        }
        frameDeadline = now + configuration.frameTimeout
        block.streamID = frame.streamID
        block.isEndStream = isEndStream
        try appendToBlock(fragment)
        return nil
    }

    /// CONTINUATION (RFC 9113 §6.10).
    mutating func receiveContinuation(
        _ frame: FrameHeader, _ payload: Span<UInt8>
    ) throws(HTTP2Error) -> HTTP2Event? {
        guard block.streamID != .connection else { throw .continuationUnexpected }
        block.continuations += 1
        guard block.continuations <= configuration.maxContinuations else { throw .tooManyContinuations }
        try appendToBlock(payload)
        guard frame.flags & FrameFlag.endHeaders != 0 else { return nil }
        frameDeadline = .distantFuture
        var bytes = UniqueArray<UInt8>()
        swap(&bytes, &block.bytes)
        let id = block.streamID
        let isEndStream = block.isEndStream
        block.close()
        let event = try receiveBlock(bytes.span, id, isEndStream)
        bytes.removeAll()
        swap(&bytes, &block.bytes)
        return event
    }

    private mutating func appendToBlock(_ fragment: Span<UInt8>) throws(HTTP2Error) {
        // Compressed, a list within the limit is hardly larger than itself.
        guard block.bytes.count + fragment.count <= Int(configuration.maxHeaderListSize) else {
            throw .headerBlockTooLarge
        }
        block.bytes.append(copying: fragment)
    }

    /// A complete header block: decodes it whatever the stream's state is, for the sake of the table (RFC 9113 §4.3).
    private mutating func receiveBlock(
        _ bytes: Span<UInt8>, _ id: StreamID, _ isEndStream: Bool
    ) throws(HTTP2Error) -> HTTP2Event? {
        fields.reset()
        let fits: Bool
        do throws(HPACKError) {
            fits = try decoder.decode(bytes, into: &fields, maxListSize: Int(configuration.maxHeaderListSize))
        } catch {
            throw .headerCompression(error)
        }
        if let slot = table.find(id), streams[Int(slot)].state != .closed {
            return try receiveHeadersOnStream(slot, isEndStream, fits: fits)
        }
        guard role == .server, id.isClientInitiated, id.rawValue > highestPeerID else {
            try receiveOnUnknownStream(id, isCheap: true)
            return nil
        }
        highestPeerID = id.rawValue
        return try receiveRequest(id, isEndStream, fits: fits)
    }

    private mutating func receiveRequest(
        _ id: StreamID, _ isEndStream: Bool, fits: Bool
    ) throws(HTTP2Error) -> HTTP2Event? {
        guard !shutdown.refusesNewStreams else {
            try refuse(id, .draining)
            return nil
        }
        guard activeRemote < Int(configuration.maxConcurrentStreams) else {
            try refuse(id, .tooManyStreams)
            return nil
        }
        guard fits else {
            try refuseWithStatus(id, isEndStream)
            return nil
        }
        guard !block.isSelfDependent else {
            try refuse(id, .prioritySelfDependency)
            return nil
        }
        guard fields.isValidRequest(acceptsProtocol: configuration.enablesConnectProtocol),
            let length = fields.contentLength()
        else {
            try refuse(id, .malformedHeaders)
            return nil
        }
        let slot = insertStream(id)
        let index = Int(slot)
        streams[index].flags = .isRemote
        streams[index].flags.insert(.receivedHeaders)
        streams[index].state = .open
        activeRemote += 1
        let isConnect = fields.method.equals("CONNECT")
        if isConnect {
            streams[index].flags.insert(.isConnect)
        } else if isEndStream, length > 0 {
            _ = try resetLocally(slot, .contentLengthMismatch)
            return nil
        } else {
            streams[index].contentRemaining = length
        }
        takePriority(slot)
        let handle = StreamHandle(index: slot, id: id)
        floods.payBack(1)
        if isEndStream { receivedEndStream(index) }
        return .headers(handle, kind: .request, isEndStream: isEndStream)
    }

    private mutating func receiveHeadersOnStream(
        _ slot: UInt32, _ isEndStream: Bool, fits: Bool
    ) throws(HTTP2Error) -> HTTP2Event? {
        let index = Int(slot)
        guard streams[index].state != .idle else { throw .frameOnIdleStream }
        guard streams[index].canReceive else { return try resetLocally(slot, .frameAfterEndStream) }
        guard !block.isSelfDependent else { return try resetLocally(slot, .prioritySelfDependency) }
        guard fits else { return try resetLocally(slot, .headerListTooLarge) }
        let handle = StreamHandle(index: slot, id: streams[index].id)
        if streams[index].flags.contains(.receivedHeaders) {
            guard isEndStream, fields.areValidTrailers, !streams[index].flags.contains(.isConnect) else {
                return try resetLocally(slot, .malformedHeaders)
            }
            guard streams[index].contentRemaining <= 0 else {
                return try resetLocally(slot, .contentLengthMismatch)
            }
            receivedEndStream(index)
            return .headers(handle, kind: .trailers, isEndStream: true)
        }
        guard fields.isValidResponse, let length = fields.contentLength() else {
            return try resetLocally(slot, .malformedHeaders)
        }
        let status = fields.status
        if status < 200 {
            guard !isEndStream, status != 101 else { return try resetLocally(slot, .malformedHeaders) }
            try floods.countGlitch(now: now)
            return .headers(handle, kind: .informational, isEndStream: false)
        }
        return try receiveResponse(handle, status, length, isEndStream)
    }

    private mutating func receiveResponse(
        _ handle: StreamHandle, _ status: Int, _ length: Int64, _ isEndStream: Bool
    ) throws(HTTP2Error) -> HTTP2Event? {
        let index = Int(handle.index)
        streams[index].flags.insert(.receivedHeaders)
        let isTunnel = streams[index].flags.contains(.isConnect) && status < 300
        if !isTunnel {
            streams[index].flags.remove(.isConnect)
            let hasNoContent = streams[index].flags.contains(.isHead) || status == 304 || status == 204
            if hasNoContent {
                streams[index].contentRemaining = 0
            } else {
                streams[index].contentRemaining = length
                if isEndStream, length > 0 { return try resetLocally(handle.index, .contentLengthMismatch) }
            }
        }
        floods.payBack(1)
        if isEndStream { receivedEndStream(index) }
        return .headers(handle, kind: .response, isEndStream: isEndStream)
    }

    /// A new stream of the peer that never comes to life.
    private mutating func refuse(_ id: StreamID, _ error: HTTP2Error) throws(HTTP2Error) {
        closed.note(id, .resetByUs)
        try queueReset(id, error.wireCode, isAnswer: true)
    }

    /// A request with too large a field section: 431, and the stream is over (RFC 9113 §10.5.1, RFC 6585 §5).
    private mutating func refuseWithStatus(_ id: StreamID, _ isEndStream: Bool) throws(HTTP2Error) {
        try floods.countReset(now: now)
        try countAnswer(FrameHeader.size * 2 + 8)
        let position = output.end
        output.append(FrameHeader(length: 0, type: .headers, flags: 0, streamID: id))
        encoder.begin(into: &output)
        let name: StaticString = ":status"
        let value: StaticString = "431"
        encoder.encode(name: name.bytes, value: value.bytes, staticName: 8, indexing: .notIndexed, into: &output)
        let length = output.end - position - FrameHeader.size
        let flags = FrameFlag.endHeaders | FrameFlag.endStream
        output.patch(FrameHeader(length: length, type: .headers, flags: flags, streamID: id), at: position)
        closed.note(id, isEndStream ? .ended : .resetByUs)
        if !isEndStream { queueReset(id, .noError) }
    }

    /// Where the stream stands among the others: PRIORITY_UPDATE before the `priority` field (RFC 9218 §7).
    private mutating func takePriority(_ slot: UInt32) {
        if let signal = earlyPriorities.take(streams[Int(slot)].id) {
            setPriority(slot, signal)
        } else if let index = fields.firstIndex(of: "priority") {
            setPriority(slot, PrioritySignal(fields.value(index)))
        }
    }

    /// DATA or HEADERS for a stream we have no state of (RFC 9113 §5.1).
    ///
    /// - Parameter isCheap: the frame costs the peer next to nothing.
    mutating func receiveOnUnknownStream(_ id: StreamID, isCheap: Bool) throws(HTTP2Error) {
        guard !isIdle(id) else { throw .frameOnIdleStream }
        switch closed.verdict(id) {
        case .known(.ended): throw .frameOnClosedStream
        case .neverUsed: throw .invalidStreamID
        case .known(.resetByPeer):
            closed.note(id, .resetByUs)
            try queueReset(id, HTTP2Error.frameAfterEndStream.wireCode, isAnswer: true)
        case .known(.resetByUs), .forgotten:
            // On their way when we reset the stream: discarded (RFC 9113 §5.1), but not for ever.
            if isCheap { try floods.countGlitch(now: now) }
        }
    }

    /// Whether `id` has never been used (RFC 9113 §5.1.1).
    func isIdle(_ id: StreamID) -> Bool {
        let isLocal = id.isClientInitiated == (role == .client)
        return isLocal ? id.rawValue >= nextLocalID : id.rawValue > highestPeerID
    }
}
