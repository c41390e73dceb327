// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// Whether the peer is still there.
struct KeepaliveState {
    /// When bytes arrived last.
    var lastReceived = MonotonicTime(nanoseconds: 0)
    /// When the PING must be answered; `distantFuture` when none is out.
    var deadline = MonotonicTime.distantFuture
}

extension HTTP2Connection {
    /// Payload of keepalive PINGs.
    static var keepalivePing: UInt64 { 0x616D_6269_746B_6170 }

    /// When `tick` must be called; the caller may be late, and may call it early.
    package var nextDeadline: MonotonicTime {
        guard failure == nil else { return .distantFuture }
        let silence = keepalive.lastReceived + configuration.keepaliveInterval
        let alive = keepalive.deadline == .distantFuture ? silence : keepalive.deadline
        return min(settingsDeadline, shutdown.deadline, alive)
    }

    /// Acts on what is due: SETTINGS not acknowledged, keepalive, second step of a drain.
    package mutating func tick(now: MonotonicTime) throws(HTTP2Error) {
        if let failure { throw failure }
        self.now = now
        if now >= shutdown.deadline { finishDrain() }
        var error: HTTP2Error?
        if now >= settingsDeadline { error = .settingsTimedOut }
        if now >= keepalive.deadline {
            if keepalive.lastReceived + configuration.keepaliveTimeout <= now { error = .keepaliveTimedOut }
            keepalive.deadline = .distantFuture
        } else if keepalive.deadline == .distantFuture,
            keepalive.lastReceived + configuration.keepaliveInterval <= now
        {
            queuePing(Self.keepalivePing)
            keepalive.deadline = now + configuration.keepaliveTimeout
        }
        if let error {
            fail(error)
            throw error
        }
    }

    /// A PING of ours came back.
    mutating func receivePong(_ payload: UInt64) -> HTTP2Event? {
        switch payload {
        case Self.keepalivePing: keepalive.deadline = .distantFuture
        case Self.drainPing: finishDrain()
        default: return nil
        }
        return .pingAcknowledged
    }
}
