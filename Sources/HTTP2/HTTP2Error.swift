// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Why a stream or the connection ended by our decision.
///
/// `scope` says which of the two, `blame` whose fault it is, `wireCode` what the peer is told. Sections are those of
/// RFC 9113 unless another RFC is named.
package enum HTTP2Error: Error, Hashable {
    // MARK: The connection ends

    /// The bytes do not begin with the client's connection preface (§3.4).
    case invalidPreface
    /// The first frame is not SETTINGS (§3.4).
    case settingsNotFirst
    /// A frame is larger than our SETTINGS_MAX_FRAME_SIZE, or a control frame larger than any need (§4.2).
    case frameTooLarge
    /// A frame has a length that its type does not allow (§4.2, §6).
    case invalidFrameLength
    /// A frame of a stream names stream 0 (§6).
    case streamIDRequired
    /// A frame of the connection names a stream (§6).
    case streamIDForbidden
    /// A stream identifier below one used before, never opened itself (§5.1.1).
    case invalidStreamID
    /// A frame for a stream that nobody has opened (§5.1).
    case frameOnIdleStream
    /// A frame after both sides had ended the stream (§5.1).
    case frameOnClosedStream
    /// Padding as long as the payload or longer (§6.1, §6.2).
    case invalidPadding
    /// Another frame inside a header block (§6.10).
    case continuationExpected
    /// CONTINUATION outside a header block (§6.10).
    case continuationUnexpected
    /// PUSH_PROMISE, which clients may not send and which we forbid servers (§6.6, §8.4).
    case pushForbidden
    /// A setting has a value outside its range (§6.5.2, RFC 8441 §3, RFC 9218 §2.1).
    case invalidSetting
    /// SETTINGS_INITIAL_WINDOW_SIZE above 2³¹-1, by itself or for a stream (§6.5.2, §6.9.2).
    case windowSettingTooLarge
    /// An acknowledgement of SETTINGS that we did not send (§6.5.3).
    case unexpectedSettingsAcknowledgement
    /// PRIORITY_UPDATE to a client, or for a stream it cannot name (RFC 9218 §7.1).
    case invalidPriorityUpdate
    /// WINDOW_UPDATE lifts the connection's window above 2³¹-1 (§6.9.1).
    case connectionWindowOverflow
    /// DATA beyond the connection's window (§6.9).
    case connectionWindowExceeded
    /// WINDOW_UPDATE of 0 for the connection (§6.9).
    case connectionWindowIncrementZero
    /// A header block that HPACK cannot decode (§4.3).
    case headerCompression(HPACKError)
    /// A header block larger than our limit even in its compressed form (§10.5.1).
    case headerBlockTooLarge
    /// More CONTINUATION frames than our limit (CVE-2024-27316).
    case tooManyContinuations
    /// Too many streams reset, by the peer or for its errors (CVE-2023-44487, CVE-2025-8671).
    case tooManyResets
    /// Too many frames without use: PING, SETTINGS, PRIORITY, empty DATA, WINDOW_UPDATE, ... (§10.5, CVE-2019-9512...9518).
    case tooManyGlitches
    /// Too many tiny DATA frames (CVE-2019-9511).
    case tooManySmallFrames
    /// The peer makes us answer and does not read (CVE-2019-9512, CVE-2019-9515).
    case tooManyUnreadAnswers
    /// A second GOAWAY with a higher stream than the first (§6.8).
    case goAwayWentUp
    /// The peer did not acknowledge SETTINGS in time (§6.5.3).
    case settingsTimedOut
    /// A control frame or a header block was begun and not ended in time.
    case frameTimedOut
    /// The peer did not answer a keepalive PING.
    case keepaliveTimedOut
    /// `closeNow` was called.
    case closedLocally

    // MARK: One stream ends

    /// WINDOW_UPDATE lifts the stream's window above 2³¹-1 (§6.9.1).
    case streamWindowOverflow
    /// DATA beyond the stream's window (§6.9).
    case streamWindowExceeded
    /// WINDOW_UPDATE of 0 for a stream (§6.9).
    case streamWindowIncrementZero
    /// DATA or HEADERS after the peer's END_STREAM or RST_STREAM (§5.1).
    case frameAfterEndStream
    /// A field section that §8.1 to §8.3, or RFC 8441 §4, call malformed, or one at the wrong place.
    case malformedHeaders
    /// More or less content than content-length says (§8.1.1).
    case contentLengthMismatch
    /// A field section larger than our SETTINGS_MAX_HEADER_LIST_SIZE (§10.5.1).
    case headerListTooLarge
    /// More streams than our SETTINGS_MAX_CONCURRENT_STREAMS (§5.1.2).
    case tooManyStreams
    /// A stream that depends on itself (RFC 7540 §5.3.1).
    case prioritySelfDependency
    /// PRIORITY of a length other than five (§6.3).
    case invalidPriorityLength
    /// A new stream after our last GOAWAY (§6.8).
    case draining
    /// The peer's window stood still for too long.
    case sendStalled
}
