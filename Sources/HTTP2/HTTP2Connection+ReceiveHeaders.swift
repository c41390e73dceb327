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
        if frame.flags & FrameFlag.priority != 0 { start += 5 }
        guard start <= end else { throw .invalidPadding }
        let fragment = payload.extracting(start..<end)
        let isEndStream = frame.flags & FrameFlag.endStream != 0
        if frame.flags & FrameFlag.endHeaders != 0 {
            return try receiveBlock(fragment, frame.streamID, isEndStream)
        }
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
        var bytes: [UInt8] = []
        swap(&bytes, &block.bytes)
        let id = block.streamID
        let isEndStream = block.isEndStream
        block.close()
        return try receiveBlock(bytes.span, id, isEndStream)
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
        if let slot = table.find(id) { return try receiveHeadersOnStream(slot, isEndStream, fits: fits) }
        guard role == .server, id.isClientInitiated, id.rawValue > highestPeerID else {
            try receiveOnUnknownStream(id)
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
            try refuse(id, .headerListTooLarge)
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
        streams[index].flags = [.isRemote, .receivedHeaders]
        streams[index].state = .open
        activeRemote += 1
        let isConnect = fields.method.equals("CONNECT")
        if isConnect { streams[index].flags.insert(.isConnect) } else { streams[index].contentRemaining = length }
        if isEndStream, !isConnect, length > 0 {
            _ = try resetLocally(slot, .contentLengthMismatch)
            return nil
        }
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
        guard streams[index].canReceive else { return try resetLocally(slot, .halfClosedStream) }
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
        try queueReset(id, error.wireCode, isAnswer: true)
    }

    /// DATA or HEADERS for a stream we have no state of (RFC 9113 §5.1).
    mutating func receiveOnUnknownStream(_ id: StreamID) throws(HTTP2Error) {
        guard !isIdle(id) else { throw .frameOnIdleStream }
        // Late frames of a stream that we reset: discarded. They cost the peer as much as us, but not for ever.
        try floods.countGlitch(now: now)
    }

    /// Whether `id` has never been used (RFC 9113 §5.1.1).
    func isIdle(_ id: StreamID) -> Bool {
        let isLocal = id.isClientInitiated == (role == .client)
        return isLocal ? id.rawValue >= nextLocalID : id.rawValue > highestPeerID
    }
}
