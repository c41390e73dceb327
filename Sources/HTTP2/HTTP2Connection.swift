// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// One HTTP/2 connection as a pure state machine (RFC 9113): bytes and the time in, events and bytes out.
///
/// It owns the streams' states, both HPACK tables, both flow-control windows, and the control frames waiting to be written.
/// It never holds payload: DATA is reported as ranges of the input, and sent by writing nine octets in front of bytes
/// that the caller holds. No sockets, clocks or randomness. Owned by one thread.
///
/// Input: `receive` until it returns nil. Output: `drainPending` before any DATA frame of a stream whose headers wait in
/// it, then the frames of `commitData`. After a thrown error the GOAWAY waits in the pending output; flush it and close.
package struct HTTP2Connection: ~Copyable {
    /// Which end of the connection this is.
    package enum Role: Sendable {
        case client
        case server
    }

    /// Which end this is.
    package let role: Role
    /// The limits given at the start.
    package let configuration: HTTP2Configuration
    /// The field section of the last `.headers` event; valid until the next `receive`.
    package internal(set) var fields = HTTP2Fields()

    // Input.
    var parser = FrameParser()
    var block = HeaderBlockAssembly()
    var decoder = HPACKDecoder()
    // Output.
    var encoder: HPACKEncoder
    var output = OutputBuffer()
    var headersOut = HeadersInProgress()
    // Streams.
    var streams: [HTTP2Stream] = []
    var firstFree = HTTP2Stream.none
    /// Released slots that the next `receive` frees.
    var firstReleased = HTTP2Stream.none
    var table = StreamTable()
    var closed = ClosedStreams()
    var ready = StreamQueue()
    var earlyPriorities = EarlyPriorities()
    var nextLocalID: UInt32
    var highestPeerID: UInt32 = 0
    var activeLocal = 0
    var activeRemote = 0
    // Flow control of the connection; see `HTTP2Stream` for the meaning.
    var sendWindow: Int32 = 65_535
    var receiveWindow: Int32
    var pendingCredit: Int32 = 0
    /// What the connection and each stream are granted in total.
    var connectionTarget: Int32
    var streamTarget: Int32
    var bandwidth = BandwidthEstimator()
    /// What `connectionTarget` may grow to; see `setWindowBudget`.
    var windowBudget: Int32
    /// Streams opened by SETTINGS wait in `ready`, and the caller has not been told.
    var hasUnreportedOpening = false
    // The peer.
    var peer = PeerSettings()
    var unacknowledgedSettings = 0
    var settingsDeadline = MonotonicTime.distantFuture
    var hasReceivedSettings = false
    /// Our first SETTINGS are acknowledged: until then the peer may act on the initial values (RFC 9113 §6.5.3).
    var areSettingsInForce = false
    /// When the frame or header block that has begun must be complete.
    var frameDeadline = MonotonicTime.distantFuture
    /// When to look for streams that wait for the peer's window.
    var stallScan = MonotonicTime.distantFuture
    /// Octets of answers in the output that the peer has caused, roughly.
    var pendingAnswers = 0
    var shutdown = ShutdownState()
    var keepalive = KeepaliveState()
    var floods: FloodLedger
    /// Why the connection ended.
    package internal(set) var failure: HTTP2Error?
    var now: MonotonicTime

    /// Starts a connection; the preface, SETTINGS and the connection's WINDOW_UPDATE are pending output (RFC 9113 §3.4).
    package init(role: Role, configuration: HTTP2Configuration, now: MonotonicTime) {
        self.role = role
        self.configuration = configuration
        self.now = now
        nextLocalID = role == .client ? 1 : 2
        encoder = HPACKEncoder(wanted: Int(configuration.encoderTableSize))
        precondition(configuration.maxFrameSize >= 16_384 && configuration.maxFrameSize <= 0xFF_FFFF)
        connectionTarget = max(65_535, configuration.connectionWindow)
        windowBudget = max(connectionTarget, configuration.maxConnectionWindow)
        streamTarget = configuration.initialStreamWindow
        receiveWindow = connectionTarget
        floods = FloodLedger(configuration: configuration, now: now)
        keepalive.lastReceived = now
        parser.phase = role == .server ? .preface : .header
        queuePreface()
    }

    private mutating func queuePreface() {
        if role == .client { output.append(copying: FrameParser.preface.bytes) }
        let position = output.end
        output.append(FrameHeader(length: 0, type: .settings, flags: 0, streamID: .connection))
        appendSetting(Setting.headerTableSize, configuration.decoderTableSize, unless: 4_096)
        if role == .client { appendSetting(Setting.enablePush, 0, unless: 1) }
        if role == .server {
            appendSetting(Setting.maxConcurrentStreams, configuration.maxConcurrentStreams, unless: .max)
        }
        appendSetting(Setting.initialWindowSize, UInt32(configuration.initialStreamWindow), unless: 65_535)
        appendSetting(Setting.maxFrameSize, configuration.maxFrameSize, unless: 16_384)
        appendSetting(Setting.maxHeaderListSize, configuration.maxHeaderListSize, unless: .max)
        if role == .server, configuration.enablesConnectProtocol {
            appendSetting(Setting.enableConnectProtocol, 1, unless: 0)
        }
        appendSetting(Setting.noRFC7540Priorities, 1, unless: 0)
        let length = output.end - position - FrameHeader.size
        output.patch(FrameHeader(length: length, type: .settings, flags: 0, streamID: .connection), at: position)
        unacknowledgedSettings = 1
        settingsDeadline = now + configuration.settingsTimeout
        if connectionTarget > 65_535 { queueWindowUpdate(.connection, UInt32(connectionTarget - 65_535)) }
    }

    mutating func appendSetting(_ identifier: UInt16, _ value: UInt32, unless initial: UInt32) {
        guard value != initial else { return }
        output.append(identifier)
        output.append(value)
    }

    /// Streams that are open or half-closed, in both directions.
    package var activeStreamCount: Int { activeLocal + activeRemote }

    /// Ends the connection with `error`: GOAWAY goes to the pending output, nothing else will be accepted.
    mutating func fail(_ error: HTTP2Error) {
        guard failure == nil else { return }
        failure = error
        queueGoAway(last: StreamID(highestPeerID), code: error.wireCode)
    }
}
