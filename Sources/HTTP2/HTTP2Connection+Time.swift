// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// Whether the peer is still there.
struct KeepaliveState {
    /// When bytes arrived last.
    var lastReceived = MonotonicTime(nanoseconds: 0)
    /// When the PING must be answered; `distantFuture` when none is out.
    var deadline = MonotonicTime.distantFuture
    /// PINGs of ours without an answer, of any kind.
    var unanswered = 0
    /// Silence has already made an idle connection give memory back.
    var isAsleep = false
}

extension HTTP2Connection {
    /// Payload of keepalive PINGs.
    static var keepalivePing: UInt64 { 0x616D_6269_746B_6170 }

    /// When `tick` must be called; the caller may be late, and may call it early.
    ///
    /// It moves with every call of anything else; a caller need not follow it more closely than once per wake-up.
    package var nextDeadline: MonotonicTime {
        guard failure == nil else { return .distantFuture }
        return min(settingsDeadline, shutdown.deadline, frameDeadline, stallScan, keepaliveDeadline)
    }

    private var keepaliveDeadline: MonotonicTime {
        if keepalive.deadline != .distantFuture { return keepalive.deadline }
        if table.count == 0, keepalive.isAsleep, !configuration.keepsIdleAlive { return .distantFuture }
        return keepalive.lastReceived + configuration.keepaliveInterval
    }

    /// Acts on what is due: acknowledgement of SETTINGS, incomplete frames, keepalive, drain, stalled streams.
    ///
    /// - Returns: an event (a stalled stream was reset), after which `tick` is to be called again; else nil.
    /// - Throws: connection errors; GOAWAY is pending output then.
    @discardableResult
    package mutating func tick(now: MonotonicTime) throws(HTTP2Error) -> HTTP2Event? {
        if let failure { throw failure }
        self.now = now
        freeReleasedStreams()
        if now >= shutdown.deadline { finishDrain() }
        do throws(HTTP2Error) {
            if now >= settingsDeadline { throw .settingsTimedOut }
            if now >= frameDeadline { throw .frameTimedOut }
            try checkKeepalive()
            return now >= stallScan ? try resetStalledStream() : nil
        } catch {
            fail(error)
            throw error
        }
    }

    private mutating func checkKeepalive() throws(HTTP2Error) {
        if keepalive.deadline != .distantFuture {
            guard now >= keepalive.deadline else { return }
            // Bytes that came meanwhile say the same as the answer would.
            guard keepalive.lastReceived + configuration.keepaliveTimeout > now else { throw .keepaliveTimedOut }
            keepalive.deadline = .distantFuture
            return
        }
        guard keepalive.lastReceived + configuration.keepaliveInterval <= now else { return }
        if table.count == 0 {
            releaseMemory()
            keepalive.isAsleep = true
            guard configuration.keepsIdleAlive else { return }
        }
        queuePing(Self.keepalivePing)
        keepalive.deadline = now + configuration.keepaliveTimeout
    }

    /// Resets one stream that was blocked at the last look and has not moved since; marks those that are blocked now.
    private mutating func resetStalledStream() throws(HTTP2Error) -> HTTP2Event? {
        for index in streams.indices where isBlocked(index) && streams[index].flags.contains(.wasBlocked) {
            return try resetLocally(UInt32(index), .sendStalled)
        }
        var isAnyBlocked = false
        for index in streams.indices where isBlocked(index) {
            streams[index].flags.insert(.wasBlocked)
            isAnyBlocked = true
        }
        stallScan = isAnyBlocked ? now + configuration.sendStallTimeout : .distantFuture
        return nil
    }

    /// Whether the caller has data for the stream and the peer's windows stop it.
    private func isBlocked(_ index: Int) -> Bool {
        guard streams[index].isActive else { return false }
        let flags = streams[index].flags
        return flags.contains(.isBlocked) || (sendWindow <= 0 && flags.contains(.isScheduled))
    }

    /// A PING of ours came back.
    mutating func receivePong(_ payload: UInt64) throws(HTTP2Error) -> HTTP2Event? {
        guard keepalive.unanswered > 0 else {
            try floods.countGlitch(now: now)
            return nil
        }
        keepalive.unanswered -= 1
        switch payload {
        case Self.bandwidthPing:
            growWindows()
            return nil
        case Self.keepalivePing: keepalive.deadline = .distantFuture
        case Self.drainPing: finishDrain()
        default: try floods.countGlitch(now: now)
        }
        return .pingAcknowledged
    }
}
