// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

extension HTTP2Connection {
    /// Reads on in the bytes of the peer until something happens that the caller must know.
    ///
    /// - Parameters:
    ///   - input: bytes in the order received; those before `offset` have been dealt with.
    ///   - offset: advanced behind what was consumed; all of the input when nil is returned.
    ///   - now: the time.
    /// - Returns: the next event, or nil when all input is consumed.
    /// - Throws: connection errors, again on every further call; GOAWAY is pending output then.
    package mutating func receive(
        _ input: Span<UInt8>, offset: inout Int, now: MonotonicTime
    ) throws(HTTP2Error) -> HTTP2Event? {
        if let failure { throw failure }
        self.now = now
        freeReleasedStreams()
        if offset < input.count {
            keepalive.lastReceived = now
            keepalive.isAsleep = false
        }
        do throws(HTTP2Error) {
            while true {
                if let event = nextPendingEvent() { return event }
                switch try step(input, &offset) {
                case .event(let event): return event
                case .again: continue
                case .needsInput: return nil
                }
            }
        } catch {
            fail(error)
            throw error
        }
    }

    /// What earlier input has caused beyond its own event.
    private mutating func nextPendingEvent() -> HTTP2Event? {
        if shutdown.sweepPosition != nil, let event = nextRefusedStream() { return event }
        guard hasUnreportedOpening else { return nil }
        hasUnreportedOpening = false
        return ready.isEmpty || sendWindow <= 0 ? nil : .connectionWindowOpened
    }

    enum Step {
        case event(HTTP2Event)
        case again
        case needsInput
    }

    private mutating func step(_ input: Span<UInt8>, _ offset: inout Int) throws(HTTP2Error) -> Step {
        switch parser.phase {
        case .preface: return try stepPreface(input, &offset)
        case .header: return try stepHeader(input, &offset)
        case .payload: return try stepPayload(input, &offset)
        case .padLength: return try stepPadLength(input, &offset)
        case .data: return try stepData(input, &offset)
        case .skip:
            let count = min(parser.remaining, input.count - offset)
            offset += count
            parser.remaining -= count
            guard parser.remaining == 0 else { return .needsInput }
            parser.phase = .header
            return .again
        }
    }

    private mutating func stepPreface(_ input: Span<UInt8>, _ offset: inout Int) throws(HTTP2Error) -> Step {
        let preface = FrameParser.preface.bytes
        while parser.seen < preface.count {
            guard offset < input.count else { return .needsInput }
            guard input[offset] == preface[parser.seen] else { throw .invalidPreface }
            offset += 1
            parser.seen += 1
        }
        parser.seen = 0
        parser.phase = .header
        return .again
    }

    private mutating func stepHeader(_ input: Span<UInt8>, _ offset: inout Int) throws(HTTP2Error) -> Step {
        let size = FrameHeader.size
        if parser.seen == 0, input.count - offset >= size {
            parser.frame = FrameHeader(input, at: offset)
            offset += size
        } else {
            while parser.seen < size {
                guard offset < input.count else { return .needsInput }
                parser.headerBytes[parser.seen] = input[offset]
                offset += 1
                parser.seen += 1
            }
            parser.seen = 0
            parser.frame = FrameHeader(parser.headerBytes.span, at: 0)
        }
        return try beginFrame()
    }

    /// The checks that the frame header alone allows.
    private mutating func beginFrame() throws(HTTP2Error) -> Step {
        let frame = parser.frame
        guard hasReceivedSettings || frame.type == .settings else { throw .settingsNotFirst }
        guard frame.length <= Int(configuration.maxFrameSize) else { throw .frameTooLarge }
        if block.streamID != .connection {
            guard frame.type == .continuation, frame.streamID == block.streamID else { throw .continuationExpected }
        }
        switch frame.type {
        case .data: return try beginData(frame)
        case .headers, .priority, .resetStream, .continuation:
            guard frame.streamID != .connection else { throw .streamIDRequired }
        case .settings, .ping, .goAway, .priorityUpdate:
            guard frame.streamID == .connection else { throw .streamIDForbidden }
        case .pushPromise: throw .pushForbidden
        case .windowUpdate: break
        default:
            try floods.countGlitch(now: now)
            parser.remaining = frame.length
            parser.phase = .skip
            return .again
        }
        try checkLength(frame)
        // What is kept until it is complete must stay small, however large DATA may be.
        guard frame.length <= max(16_384, Int(configuration.maxHeaderListSize)) else { throw .frameTooLarge }
        parser.phase = .payload
        return .again
    }

    private func checkLength(_ frame: FrameHeader) throws(HTTP2Error) {
        let isValid =
            switch frame.type {
            case .resetStream, .windowUpdate: frame.length == 4
            case .ping: frame.length == 8
            case .goAway: frame.length >= 8
            case .priorityUpdate: frame.length >= 4
            case .settings:
                frame.flags & FrameFlag.acknowledgement != 0 ? frame.length == 0 : frame.length % 6 == 0
            default: true
            }
        guard isValid else { throw .invalidFrameLength }
    }

    private mutating func stepPayload(_ input: Span<UInt8>, _ offset: inout Int) throws(HTTP2Error) -> Step {
        let length = parser.frame.length
        let available = input.count - offset
        if parser.partial.isEmpty, available >= length {
            parser.phase = .header
            let payload = input.extracting(offset..<(offset + length))
            offset += length
            return try processFrame(parser.frame, payload)
        }
        let missing = length - parser.partial.count
        if available < missing {
            if frameDeadline == .distantFuture { frameDeadline = now + configuration.frameTimeout }
            parser.partial.append(copying: input.extracting(offset..<input.count))
            offset = input.count
            return .needsInput
        }
        var whole = UniqueArray<UInt8>()
        swap(&whole, &parser.partial)
        whole.append(copying: input.extracting(offset..<(offset + missing)))
        offset += missing
        parser.phase = .header
        if block.streamID == .connection { frameDeadline = .distantFuture }
        let step = try processFrame(parser.frame, whole.span)
        whole.removeAll()
        swap(&whole, &parser.partial)
        return step
    }

    private mutating func processFrame(
        _ frame: FrameHeader, _ payload: Span<UInt8>
    ) throws(HTTP2Error) -> Step {
        let event: HTTP2Event? =
            switch frame.type {
            case .headers: try receiveHeaders(frame, payload)
            case .continuation: try receiveContinuation(frame, payload)
            case .priority: try receivePriority(frame, payload)
            case .resetStream: try receiveReset(frame, payload)
            case .settings: try receiveSettings(frame, payload)
            case .ping: try receivePing(frame, payload)
            case .goAway: try receiveGoAway(payload)
            case .windowUpdate: try receiveWindowUpdate(frame, payload)
            case .priorityUpdate: try receivePriorityUpdate(payload)
            default: nil
            }
        if let event { return .event(event) }
        return .again
    }
}
