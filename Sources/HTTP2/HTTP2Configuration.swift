// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// Limits and sizes of one HTTP/2 connection; every number says where it comes from.
package struct HTTP2Configuration: Sendable {
    // MARK: Flow control

    /// Bytes a peer may send on a stream before we consume any (SETTINGS_INITIAL_WINDOW_SIZE); 1 MiB carries 8 Gbit/s over
    /// 1 ms (ztunnel has 4 MiB).
    package var initialStreamWindow: Int32 = 1 << 20
    /// Bytes a peer may send on the connection before we consume any; above the stream window, or one stream that is
    /// not read stops all (ztunnel #1538; it has 16 MiB).
    package var connectionWindow: Int32 = 4 << 20
    /// What a stream's window may grow to when the bandwidth-delay product asks for it.
    package var maxStreamWindow: Int32 = 4 << 20
    /// What the connection's window may grow to when the bandwidth-delay product asks for it.
    package var maxConnectionWindow: Int32 = 16 << 20
    /// Whether windows follow the measured bandwidth-delay product.
    package var growsWindows = true

    // MARK: Sizes

    /// Largest frame payload we accept (SETTINGS_MAX_FRAME_SIZE, RFC 9113 §6.5.2: 16 384...2²⁴-1).
    package var maxFrameSize: UInt32 = 16_384
    /// Largest field section we accept, counted as RFC 9113 §6.5.2 counts; between hyper (16 KiB) and Envoy (60 KiB).
    package var maxHeaderListSize: UInt32 = 32_768
    /// Streams the peer may have open (SETTINGS_MAX_CONCURRENT_STREAMS); ztunnel's server: 200.
    package var maxConcurrentStreams: UInt32 = 200
    /// Streams we open at most, whatever the peer allows; ztunnel's POOL_MAX_STREAMS_PER_CONNECTION: 100.
    package var maxLocalStreams: UInt32 = 100
    /// Dynamic table of our HPACK decoder (SETTINGS_HEADER_TABLE_SIZE); the default of RFC 9113 §6.5.2.
    package var decoderTableSize: UInt32 = 4_096
    /// Dynamic table of our HPACK encoder, if the peer allows as much.
    package var encoderTableSize: UInt32 = 4_096
    /// Whether extended CONNECT is offered (server) (RFC 8441 §3).
    package var enablesConnectProtocol = false

    // MARK: Hostile peers

    /// CONTINUATION frames in one header block (CVE-2024-27316); nghttp2: 8, ours allows small frames.
    package var maxContinuations = 32
    /// Answers queued because of the peer (acknowledgements, resets) that it does not read (CVE-2019-9512, CVE-2019-9515).
    package var maxPendingAnswers = 16_384
    /// Streams reset before they were answered, by the peer (CVE-2023-44487) or for its errors (CVE-2025-8671), that are
    /// tolerated at once; nghttp2: 1 000.
    package var resetBurst: Int32 = 1_000
    /// How many of those come back per second; nghttp2: 33.
    package var resetsPerSecond: Int32 = 33
    /// Frames without use (PING, SETTINGS, PRIORITY, empty DATA, tiny WINDOW_UPDATE, ...) tolerated at once
    /// (CVE-2019-9512...9518); nghttp2's glitch limit: 1 000; useful frames pay some back.
    package var glitchBurst: Int32 = 1_000
    /// How many of those come back per second; nghttp2: 33.
    package var glitchesPerSecond: Int32 = 33
    /// DATA frames with fewer octets than this are small (small-DATA flood, CVE-2019-9511).
    package var smallDataThreshold = 8
    /// Small DATA frames tolerated at once; one keystroke each, so far above what people type.
    package var smallDataBurst: Int32 = 20_000
    /// How many of those come back per second.
    package var smallDataPerSecond: Int32 = 10_000

    // MARK: Time

    /// How long a header block or another control frame may take from its first to its last octet (slow CONTINUATION).
    package var frameTimeout = Nanoseconds.seconds(10)
    /// How long a stream may wait for the peer's window with nothing moving (slow read, CVE-2019-9517).
    ///
    /// It is reset after one to two times that. Zero: for ever, as TCP itself would, which is right for tunnels.
    package var sendStallTimeout = Nanoseconds(0)
    /// How long the peer may take to acknowledge SETTINGS (RFC 9113 §6.5.3).
    package var settingsTimeout = Nanoseconds.seconds(10)
    /// Silence after which a PING asks whether the peer is there; ztunnel: 10 s.
    package var keepaliveInterval = Nanoseconds.seconds(10)
    /// Whether to ask also while no stream is open.
    package var keepsIdleAlive = true
    /// How long that PING may stay unanswered; ztunnel: 20 s.
    package var keepaliveTimeout = Nanoseconds.seconds(20)
    /// How long a drain waits for its PING before it names the last stream (RFC 9113 §6.8).
    package var drainRoundTrip = Nanoseconds.seconds(1)

    /// The defaults above, which suit tunnels.
    package init() {}

    /// For HTTP messages through a proxy: a reader that stands still for five minutes is cut off (Envoy's stream idle
    /// timeout), and extended CONNECT is offered.
    package static var proxy: HTTP2Configuration {
        var result = HTTP2Configuration()
        result.sendStallTimeout = .seconds(300)
        result.enablesConnectProtocol = true
        return result
    }
}
