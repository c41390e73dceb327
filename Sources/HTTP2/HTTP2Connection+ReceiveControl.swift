// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension HTTP2Connection {
    /// PRIORITY (RFC 9113 §6.3): deprecated; its length is checked, its content ignored.
    mutating func receivePriority(_ frame: FrameHeader, _ payload: Span<UInt8>) throws(HTTP2Error) -> HTTP2Event? {
        try floods.countGlitch(now: now)
        let isSelfDependent = payload.count == 5 && StreamID(payload.readUInt32BigEndian(at: 0)) == frame.streamID
        guard payload.count != 5 || isSelfDependent else { return nil }
        let error: HTTP2Error = isSelfDependent ? .prioritySelfDependency : .invalidPriorityLength
        if let slot = table.find(frame.streamID), streams[Int(slot)].state != .idle {
            return try resetLocally(slot, error)
        }
        // RST_STREAM for an idle stream would be an error of ours (§6.4), so it must be the connection (§5.4.1).
        if isIdle(frame.streamID) { throw isSelfDependent ? .frameOnIdleStream : .invalidFrameLength }
        return nil
    }

    /// PRIORITY_UPDATE (RFC 9218 §7.1).
    mutating func receivePriorityUpdate(_ payload: Span<UInt8>) throws(HTTP2Error) -> HTTP2Event? {
        try floods.countGlitch(now: now)
        guard role == .server else { throw .invalidPriorityUpdate }
        let id = StreamID(payload.readUInt32BigEndian(at: 0))
        guard id.isClientInitiated else { throw .invalidPriorityUpdate }
        let signal = PrioritySignal(payload.extracting(4..<payload.count))
        if let slot = table.find(id) {
            setPriority(slot, signal)
        } else if isIdle(id) {
            earlyPriorities.note(id, signal)
        }
        return nil
    }

    /// Gives a stream another place in the queue.
    mutating func setPriority(_ slot: UInt32, _ signal: PrioritySignal) {
        let wasScheduled = streams[Int(slot)].flags.contains(.isScheduled)
        ready.remove(slot, in: &streams)
        streams[Int(slot)].urgency = signal.urgency
        streams[Int(slot)].isIncremental = signal.isIncremental
        if wasScheduled { ready.append(slot, in: &streams) }
    }

    /// RST_STREAM (RFC 9113 §6.4).
    mutating func receiveReset(_ frame: FrameHeader, _ payload: Span<UInt8>) throws(HTTP2Error) -> HTTP2Event? {
        guard let slot = table.find(frame.streamID), streams[Int(slot)].state != .closed else {
            guard !isIdle(frame.streamID) else { throw .frameOnIdleStream }
            try floods.countGlitch(now: now)
            return nil
        }
        let stream = streams[Int(slot)]
        guard stream.state != .idle else { throw .frameOnIdleStream }
        if stream.flags.contains(.isRemote), !stream.flags.contains(.sentHeaders) {
            try floods.countReset(now: now)
        }
        release(slot, .resetByPeer)
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
            if !areSettingsInForce { putSettingsInForce() }
            return nil
        }
        if hasReceivedSettings { try floods.countGlitch(now: now) }
        hasReceivedSettings = true
        var offset = 0
        while offset < payload.count {
            let identifier = payload.readUInt16BigEndian(at: offset)
            let value = payload.readUInt32BigEndian(at: offset + 2)
            offset += 6
            try apply(identifier, value)
        }
        try countAnswer(FrameHeader.size)
        output.append(
            FrameHeader(length: 0, type: .settings, flags: FrameFlag.acknowledgement, streamID: .connection))
        return .settingsChanged
    }

    private mutating func apply(_ identifier: UInt16, _ value: UInt32) throws(HTTP2Error) {
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
            try applyInitialWindow(Int32(value))
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
    }

    /// PING (RFC 9113 §6.7).
    mutating func receivePing(_ frame: FrameHeader, _ payload: Span<UInt8>) throws(HTTP2Error) -> HTTP2Event? {
        if frame.flags & FrameFlag.acknowledgement != 0 { return try receivePong(payload.readUInt64BigEndian(at: 0)) }
        try floods.countGlitch(now: now)
        try countAnswer(FrameHeader.size + 8)
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
        guard let slot = table.find(frame.streamID), streams[Int(slot)].state != .closed else {
            guard !isIdle(frame.streamID) else { throw .frameOnIdleStream }
            return nil
        }
        let index = Int(slot)
        guard streams[index].state != .idle else { throw .frameOnIdleStream }
        guard increment > 0 else { return try resetLocally(slot, .streamWindowIncrementZero) }
        let (sum, overflow) = streams[index].sendWindow.addingReportingOverflow(increment)
        guard !overflow else { return try resetLocally(slot, .streamWindowOverflow) }
        streams[index].sendWindow = sum
        streams[index].flags.remove(.wasBlocked)
        guard sum > 0, streams[index].flags.contains(.isBlocked) else { return nil }
        streams[index].flags.remove(.isBlocked)
        guard sendWindow > 0 else {
            ready.append(slot, in: &streams)
            return nil
        }
        return .sendWindowOpened(StreamHandle(index: slot, id: frame.streamID))
    }

    /// An answer of `count` octets that the peer makes us queue (CVE-2019-9512, CVE-2019-9515).
    mutating func countAnswer(_ count: Int) throws(HTTP2Error) {
        if output.isEmpty { pendingAnswers = 0 }
        pendingAnswers += count
        guard pendingAnswers <= configuration.maxPendingAnswers else { throw .tooManyUnreadAnswers }
    }
}
