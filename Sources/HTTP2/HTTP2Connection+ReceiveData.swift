// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension HTTP2Connection {
    /// A DATA frame begins: state, windows and padding are checked before its first octet (RFC 9113 §6.1, §6.9).
    mutating func beginData(_ frame: FrameHeader) throws(HTTP2Error) -> Step {
        guard frame.streamID != .connection else { throw .streamIDRequired }
        guard frame.length <= Int(receiveWindow) else { throw .connectionWindowExceeded }
        receiveWindow -= Int32(frame.length)
        if configuration.growsWindows, bandwidth.received(frame.length, window: streamTarget, now: now) {
            queuePing(Self.bandwidthPing)
        }
        parser.dataStream = nil
        parser.remaining = frame.length
        parser.padding = 0
        let isPadded = frame.flags & FrameFlag.padded != 0
        guard !isPadded || frame.length >= 1 else { throw .invalidFrameLength }
        parser.phase = isPadded ? .padLength : .data
        guard let slot = table.find(frame.streamID), streams[Int(slot)].state != .closed else {
            // Late DATA in bulk is paid by its octets, but empty frames are not.
            try receiveOnUnknownStream(frame.streamID, isCheap: frame.length < 1_024)
            return .again
        }
        guard let event = try acceptData(frame, slot, isPadded: isPadded) else { return .again }
        return .event(event)
    }

    private mutating func acceptData(
        _ frame: FrameHeader, _ slot: UInt32, isPadded: Bool
    ) throws(HTTP2Error) -> HTTP2Event? {
        let index = Int(slot)
        guard streams[index].state != .idle else { throw .frameOnIdleStream }
        guard streams[index].canReceive else { return try resetLocally(slot, .frameAfterEndStream) }
        guard streams[index].flags.contains(.receivedHeaders) else { return try resetLocally(slot, .malformedHeaders) }
        guard frame.length <= Int(streams[index].receiveWindow) else {
            return try resetLocally(slot, .streamWindowExceeded)
        }
        streams[index].receiveWindow -= Int32(frame.length)
        parser.dataStream = StreamHandle(index: slot, id: frame.streamID)
        return isPadded ? nil : try acceptContent(slot, frame.length)
    }

    /// Holds the content of a frame against content-length (RFC 9113 §8.1.1) as soon as its length is known, before any of it is
    /// handed on: what a caller sees of a wrong frame must not hang on how the network has cut it.
    private mutating func acceptContent(_ slot: UInt32, _ count: Int) throws(HTTP2Error) -> HTTP2Event? {
        let index = Int(slot)
        guard streams[index].contentRemaining >= 0 else { return nil }
        let remaining = streams[index].contentRemaining - Int64(count)
        let isEndStream = parser.frame.flags & FrameFlag.endStream != 0
        guard remaining == 0 || (remaining > 0 && !isEndStream) else {
            return try resetLocally(slot, .contentLengthMismatch)
        }
        streams[index].contentRemaining = remaining
        return nil
    }

    mutating func stepPadLength(_ input: Span<UInt8>, _ offset: inout Int) throws(HTTP2Error) -> Step {
        guard offset < input.count else { return .needsInput }
        let padding = Int(input[offset])
        guard padding < parser.remaining else { throw .invalidPadding }
        offset += 1
        parser.padding = padding
        parser.remaining -= padding + 1
        creditUnseen(padding + 1)
        parser.phase = .data
        guard let handle = parser.dataStream, isLive(handle),
            let event = try acceptContent(handle.index, parser.remaining)
        else { return .again }
        return .event(event)
    }

    /// Octets of a DATA frame that the caller never sees are consumed at once.
    private mutating func creditUnseen(_ count: Int) {
        if let handle = parser.dataStream, isLive(handle) {
            streams[Int(handle.index)].pendingCredit += Int32(count)
            announceStreamCredit(Int(handle.index))
        }
        pendingCredit += Int32(count)
        announceConnectionCredit()
    }

    mutating func stepData(_ input: Span<UInt8>, _ offset: inout Int) throws(HTTP2Error) -> Step {
        let count = min(parser.remaining, input.count - offset)
        if count == 0, parser.remaining > 0 { return .needsInput }
        let start = offset
        offset += count
        parser.remaining -= count
        let isLast = parser.remaining == 0
        if isLast {
            parser.remaining = parser.padding
            parser.phase = parser.padding > 0 ? .skip : .header
        }
        guard let handle = parser.dataStream, isLive(handle) else {
            pendingCredit += Int32(count)
            announceConnectionCredit()
            return .again
        }
        let isEndStream = isLast && parser.frame.flags & FrameFlag.endStream != 0
        return try deliver(handle, start, count, isEndStream)
    }

    private mutating func deliver(
        _ handle: StreamHandle, _ start: Int, _ count: Int, _ isEndStream: Bool
    ) throws(HTTP2Error) -> Step {
        let index = Int(handle.index)
        if count == 0, !isEndStream {
            try floods.countGlitch(now: now)
            return .again
        }
        streams[index].unconsumed += Int32(count)
        if count > 0 { try floods.countData(parser.frame.length, now: now) }
        if isEndStream { receivedEndStream(index) }
        return .event(.data(handle, offset: start, count: count, isEndStream: isEndStream))
    }
}
