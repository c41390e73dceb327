// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension HTTP2Connection {
    /// PRIORITY (RFC 9113 §6.3): deprecated; its length is checked, its content ignored.
    mutating func receivePriority(_ frame: FrameHeader, _ payload: Span<UInt8>) throws(HTTP2Error) -> HTTP2Event? {
        try floods.countGlitch(now: now)
        guard payload.count == 5 else { throw .invalidFrameLength }
        return nil
    }

    /// PRIORITY_UPDATE (RFC 9218 §7.1).
    mutating func receivePriorityUpdate(_ payload: Span<UInt8>) throws(HTTP2Error) -> HTTP2Event? {
        try floods.countGlitch(now: now)
        return nil
    }

    /// RST_STREAM (RFC 9113 §6.4).
    mutating func receiveReset(_ frame: FrameHeader, _ payload: Span<UInt8>) throws(HTTP2Error) -> HTTP2Event? {
        guard let slot = table.find(frame.streamID), streams[Int(slot)].state != .idle else {
            guard !isIdle(frame.streamID) else { throw .frameOnIdleStream }
            try floods.countGlitch(now: now)
            return nil
        }
        let stream = streams[Int(slot)]
        if stream.flags.contains(.isRemote), !stream.flags.contains(.sentHeaders) {
            try floods.countReset(now: now)
        }
        release(slot)
        let code = HTTP2ErrorCode(payload.readUInt32BigEndian(at: 0))
        return .reset(StreamHandle(index: slot, id: frame.streamID), code: code, by: .peer)
    }

    /// SETTINGS (RFC 9113 §6.5).
    mutating func receiveSettings(_ frame: FrameHeader, _ payload: Span<UInt8>) throws(HTTP2Error) -> HTTP2Event? {
        if frame.flags & FrameFlag.acknowledgement != 0 {
            guard hasReceivedSettings else { throw .settingsNotFirst }
            guard unacknowledgedSettings > 0 else { throw .unexpectedSettingsAcknowledgement }
            unacknowledgedSettings -= 1
            if unacknowledgedSettings == 0 { settingsDeadline = .distantFuture }
            decoder.apply(limit: Int(configuration.decoderTableSize))
            return nil
        }
        if hasReceivedSettings { try floods.countGlitch(now: now) }
        hasReceivedSettings = true
        var opened = false
        var offset = 0
        while offset < payload.count {
            let identifier = payload.readUInt16BigEndian(at: offset)
            let value = payload.readUInt32BigEndian(at: offset + 2)
            offset += 6
            if try apply(identifier, value) { opened = true }
        }
        try countAnswer()
        output.append(
            FrameHeader(length: 0, type: .settings, flags: FrameFlag.acknowledgement, streamID: .connection))
        _ = opened
        return .settingsChanged
    }

    /// - Returns: whether stream windows have grown.
    private mutating func apply(_ identifier: UInt16, _ value: UInt32) throws(HTTP2Error) -> Bool {
        switch identifier {
        case Setting.headerTableSize:
            peer.headerTableSize = value
            encoder.apply(limit: Int(value))
        case Setting.enablePush:
            guard value <= 1, role == .server || value == 0 else { throw .invalidSetting }
            peer.isPushEnabled = value == 1
        case Setting.maxConcurrentStreams: peer.maxConcurrentStreams = value
        case Setting.initialWindowSize:
            guard value <= 0x7FFF_FFFF else { throw .windowSettingTooLarge }
            return try applyInitialWindow(Int32(value))
        case Setting.maxFrameSize:
            guard value >= 16_384, value <= 0xFF_FFFF else { throw .invalidSetting }
            peer.maxFrameSize = value
        case Setting.maxHeaderListSize: peer.maxHeaderListSize = value
        case Setting.enableConnectProtocol:
            guard value <= 1, value == 1 || !peer.isConnectProtocolEnabled else { throw .invalidSetting }
            peer.isConnectProtocolEnabled = value == 1
        case Setting.noRFC7540Priorities:
            guard value <= 1 else { throw .invalidSetting }
            peer.ignoresRFC7540Priorities = value == 1
        default: break
        }
        return false
    }

    /// PING (RFC 9113 §6.7).
    mutating func receivePing(_ frame: FrameHeader, _ payload: Span<UInt8>) throws(HTTP2Error) -> HTTP2Event? {
        if frame.flags & FrameFlag.acknowledgement != 0 { return receivePong(payload.readUInt64BigEndian(at: 0)) }
        try floods.countGlitch(now: now)
        try countAnswer()
        output.append(
            FrameHeader(length: 8, type: .ping, flags: FrameFlag.acknowledgement, streamID: .connection))
        output.append(copying: payload)
        return nil
    }

    /// GOAWAY (RFC 9113 §6.8).
    mutating func receiveGoAway(_ payload: Span<UInt8>) throws(HTTP2Error) -> HTTP2Event? {
        let last = StreamID(payload.readUInt32BigEndian(at: 0))
        let code = HTTP2ErrorCode(payload.readUInt32BigEndian(at: 4))
        if let previous = shutdown.peerLastStreamID {
            guard last <= previous else { throw .goAwayWentUp }
            try floods.countGlitch(now: now)
        }
        shutdown.peerLastStreamID = last
        shutdown.sweepPosition = 0
        return .goAway(lastStreamID: last, code: code)
    }

    /// WINDOW_UPDATE (RFC 9113 §6.9).
    mutating func receiveWindowUpdate(
        _ frame: FrameHeader, _ payload: Span<UInt8>
    ) throws(HTTP2Error) -> HTTP2Event? {
        let increment = Int32(payload.readUInt32BigEndian(at: 0) & 0x7FFF_FFFF)
        try floods.countGlitch(now: now)
        if frame.streamID == .connection {
            guard increment > 0 else { throw .connectionWindowIncrementZero }
            let (sum, overflow) = sendWindow.addingReportingOverflow(increment)
            guard !overflow else { throw .connectionWindowOverflow }
            sendWindow = sum
            return ready.isEmpty ? nil : .connectionWindowOpened
        }
        guard let slot = table.find(frame.streamID), streams[Int(slot)].state != .idle else {
            guard !isIdle(frame.streamID) else { throw .frameOnIdleStream }
            return nil
        }
        let index = Int(slot)
        guard increment > 0 else { return try resetLocally(slot, .streamWindowIncrementZero) }
        let (sum, overflow) = streams[index].sendWindow.addingReportingOverflow(increment)
        guard !overflow else { return try resetLocally(slot, .streamWindowOverflow) }
        streams[index].sendWindow = sum
        guard sum > 0, streams[index].flags.contains(.isBlocked) else { return nil }
        streams[index].flags.remove(.isBlocked)
        guard sendWindow > 0 else {
            ready.append(slot, in: &streams)
            return nil
        }
        return .sendWindowOpened(StreamHandle(index: slot, id: frame.streamID))
    }

    /// An answer that the peer makes us queue (CVE-2019-9512, CVE-2019-9515).
    mutating func countAnswer() throws(HTTP2Error) {
        guard output.count < configuration.maxPendingAnswers else { throw .tooManyUnreadAnswers }
    }
}
