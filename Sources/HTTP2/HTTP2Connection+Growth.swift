// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

extension HTTP2Connection {
    /// Payload of the PINGs that measure the bandwidth-delay product.
    static var bandwidthPing: UInt64 { 0x616D_6269_7462_6470 }

    /// What this connection's peer has been granted in total: the most it can make us hold.
    package var windowBytes: Int { Int(connectionTarget) }

    /// Limits what the windows may grow to, so that an owner of many connections can share out a budget.
    ///
    /// Windows that are larger already stay: a window cannot be taken back (RFC 9113 §6.9.2).
    package mutating func setWindowBudget(_ bytes: Int) {
        windowBudget = Int32(clamping: bytes)
    }

    /// The PING for the bandwidth-delay product has come back: grows the windows if they are what limits the peer.
    mutating func growWindows() {
        let limit = min(configuration.maxStreamWindow, windowBudget)
        guard let wanted = bandwidth.answered(window: streamTarget, limit: limit, now: now) else { return }
        guard areSettingsInForce, unacknowledgedSettings == 0, wanted > streamTarget else { return }
        growStreams(by: wanted - streamTarget)
        // Four streams' worth, as at the start: one that is not read must not stop the others (ztunnel #1538).
        let connection = Int32(min(Int64(windowBudget), Int64(streamTarget) * 4))
        guard connection > connectionTarget else { return }
        let increment = connection - connectionTarget
        connectionTarget = connection
        receiveWindow += increment
        queueWindowUpdate(.connection, UInt32(increment))
    }

    /// Raises SETTINGS_INITIAL_WINDOW_SIZE, which raises the windows of all streams (RFC 9113 §6.9.2).
    private mutating func growStreams(by increment: Int32) {
        streamTarget += increment
        for index in streams.indices where streams[index].state != .free && streams[index].state != .released {
            streams[index].receiveWindow += increment
        }
        output.append(FrameHeader(length: 6, type: .settings, flags: 0, streamID: .connection))
        appendSetting(Setting.initialWindowSize, UInt32(streamTarget), unless: .max)
        unacknowledgedSettings += 1
        settingsDeadline = now + configuration.settingsTimeout
    }

    /// Our first SETTINGS are acknowledged: what was tolerated before is over.
    mutating func putSettingsInForce() {
        areSettingsInForce = true
        decoder.apply(limit: Int(configuration.decoderTableSize))
        guard streamTarget < 65_535 else { return }
        for index in streams.indices where streams[index].state != .free && streams[index].state != .released {
            streams[index].receiveWindow -= 65_535 - streamTarget
        }
    }
}
