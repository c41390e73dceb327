// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension HTTP2Connection {
    /// Streams that `openStream` would still give.
    package var availableStreams: Int {
        guard role == .client, failure == nil, !shutdown.refusesLocalStreams, nextLocalID <= 0x7FFF_FFFF else {
            return 0
        }
        let limit = min(Int(peer.maxConcurrentStreams), Int(configuration.maxLocalStreams))
        return max(0, limit - activeLocal)
    }

    /// Whether the server takes extended CONNECT (RFC 8441 §3): only then may a client send `:protocol`.
    ///
    /// False until its SETTINGS have arrived; never becomes false again.
    package var acceptsExtendedConnect: Bool { role == .client && peer.isConnectProtocolEnabled }

    /// Opens a stream (client only); `beginHeaders` for it must follow before the next is opened (RFC 9113 §5.1.1).
    ///
    /// - Parameter context: the caller's value, see `context(of:)`.
    /// - Returns: nil when the peer's or our limit is reached, after GOAWAY or failure, or when identifiers are used up.
    package mutating func openStream(context: UInt64) -> StreamHandle? {
        guard availableStreams > 0 else { return nil }
        let id = StreamID(nextLocalID)
        nextLocalID += 2
        let slot = insertStream(id)
        streams[Int(slot)].context = context
        streams[Int(slot)].state = .idle
        activeLocal += 1
        return StreamHandle(index: slot, id: id)
    }

    /// Whether the core still keeps state for `stream`.
    package func isLive(_ stream: StreamHandle) -> Bool {
        isKnown(stream) && streams[Int(stream.index)].state != .released
    }

    private func isKnown(_ stream: StreamHandle) -> Bool {
        Int(stream.index) < streams.count && streams[Int(stream.index)].id == stream.id
    }

    /// The caller's value; nil when the handle is stale.
    ///
    /// It can still be read while the event that ended the stream is handled, until the next `receive`.
    package func context(of stream: StreamHandle) -> UInt64? {
        isKnown(stream) ? streams[Int(stream.index)].context : nil
    }

    /// The callers' values of all live streams, for whoever ends the connection; allocates.
    package var contexts: [UInt64] {
        streams.filter { $0.state != .free && $0.state != .released }.map(\.context)
    }

    /// Stores the caller's value with a live stream.
    package mutating func setContext(_ context: UInt64, for stream: StreamHandle) {
        guard isLive(stream) else { return }
        streams[Int(stream.index)].context = context
    }

    /// Ends a stream at once with RST_STREAM; unsent and unread data are void, the handle is stale afterwards.
    ///
    /// Nothing is sent for a stream that never sent HEADERS or that both sides have ended.
    package mutating func reset(_ stream: StreamHandle, _ code: HTTP2ErrorCode) {
        guard isLive(stream), failure == nil else { return }
        let state = streams[Int(stream.index)].state
        release(stream.index, state == .closed ? .ended : .resetByUs)
        if state != .idle, state != .closed { queueReset(stream.id, code) }
    }

    mutating func insertStream(_ id: StreamID) -> UInt32 {
        if firstFree == HTTP2Stream.none {
            firstFree = UInt32(streams.count)
            streams.append(HTTP2Stream())
        }
        let slot = firstFree
        firstFree = streams[Int(slot)].next
        var stream = HTTP2Stream()
        stream.id = id
        stream.sendWindow = peer.initialWindowSize
        // Before our SETTINGS are acknowledged, the peer may still count on 65 535 (RFC 9113 §6.9.2).
        stream.receiveWindow = areSettingsInForce ? streamTarget : max(streamTarget, 65_535)
        streams[Int(slot)] = stream
        table.insert(id, slot: slot)
        return slot
    }

    /// The peer has ended its side.
    mutating func receivedEndStream(_ index: Int) {
        if streams[index].state == .open {
            streams[index].state = .halfClosedRemote
        } else {
            finish(index)
        }
    }

    /// We have ended our side.
    mutating func sentEndStream(_ index: Int) {
        ready.remove(UInt32(index), in: &streams)
        streams[index].flags.remove(.isBlocked)
        if streams[index].state == .open {
            streams[index].state = .halfClosedLocal
        } else {
            finish(index)
        }
    }

    /// Both sides have ended it; the slot stays until all octets are consumed.
    private mutating func finish(_ index: Int) {
        leaveActive(index)
        streams[index].state = .closed
        if streams[index].unconsumed == 0 { release(UInt32(index), .ended) }
    }

    private mutating func leaveActive(_ index: Int) {
        guard streams[index].state != .closed else { return }
        if streams[index].flags.contains(.isRemote) { activeRemote -= 1 } else { activeLocal -= 1 }
    }

    /// Forgets a stream; what was not consumed goes back to the connection's window.
    mutating func release(_ slot: UInt32, _ cause: ClosedStreams.Cause) {
        let index = Int(slot)
        closed.note(streams[index].id, cause)
        leaveActive(index)
        ready.remove(slot, in: &streams)
        let unconsumed = streams[index].unconsumed
        table.remove(streams[index].id)
        streams[index].unconsumed = 0
        streams[index].state = .released
        streams[index].next = firstReleased
        firstReleased = slot
        if unconsumed > 0 {
            pendingCredit += unconsumed
            announceConnectionCredit()
        }
    }

    /// Frees the slots of streams that are over.
    mutating func freeReleasedStreams() {
        guard firstReleased != HTTP2Stream.none else { return }
        while firstReleased != HTTP2Stream.none {
            let slot = firstReleased
            firstReleased = streams[Int(slot)].next
            streams[Int(slot)] = HTTP2Stream()
            streams[Int(slot)].next = firstFree
            firstFree = slot
        }
    }

    /// Gives back what an idle connection does not need; it grows again by itself.
    ///
    /// `tick` calls it when the connection has been silent for the keepalive interval with no stream open.
    package mutating func releaseMemory() {
        guard table.count == 0, block.streamID == .connection else { return }
        freeReleasedStreams()
        streams = []
        firstFree = HTTP2Stream.none
        table.releaseMemory()
        parser.releaseMemory()
        block.bytes.releaseMemory()
        fields.releaseMemory()
        output.releaseMemory()
        encoder.releaseMemory()
        decoder.trimMemory()
    }

    /// A stream error that we found (RFC 9113 §5.4.2): RST_STREAM, and the event that says so.
    mutating func resetLocally(_ slot: UInt32, _ error: HTTP2Error) throws(HTTP2Error) -> HTTP2Event? {
        let stream = streams[Int(slot)]
        let handle = StreamHandle(index: slot, id: stream.id)
        release(slot, .resetByUs)
        try queueReset(handle.id, error.wireCode, isAnswer: true)
        return .reset(handle, code: error.wireCode, by: .local(error))
    }

    /// RST_STREAM that the peer has provoked (CVE-2025-8671).
    mutating func queueReset(_ id: StreamID, _ code: HTTP2ErrorCode, isAnswer: Bool) throws(HTTP2Error) {
        try floods.countReset(now: now)
        try countAnswer(FrameHeader.size + 4)
        queueReset(id, code)
    }

    mutating func queueReset(_ id: StreamID, _ code: HTTP2ErrorCode) {
        output.append(FrameHeader(length: 4, type: .resetStream, flags: 0, streamID: id))
        output.append(code.rawValue)
    }
}
