// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

extension HTTP2Error {
    /// What ends.
    package enum Scope: Sendable {
        case stream
        case connection
    }

    /// Whose fault it is.
    package enum Blame: Sendable {
        case peer
        case local
    }

    /// What ends: one stream, or the connection with all its streams (RFC 9113 §5.4).
    package var scope: Scope {
        switch self {
        case .streamWindowOverflow, .streamWindowExceeded, .streamWindowIncrementZero, .frameAfterEndStream,
            .malformedHeaders, .contentLengthMismatch, .headerListTooLarge, .tooManyStreams, .prioritySelfDependency,
            .invalidPriorityLength, .draining, .sendStalled:
            .stream
        case .invalidPreface, .settingsNotFirst, .frameTooLarge, .invalidFrameLength, .streamIDRequired,
            .streamIDForbidden, .invalidStreamID, .frameOnIdleStream, .frameOnClosedStream, .invalidPadding,
            .continuationExpected, .continuationUnexpected, .pushForbidden, .invalidSetting, .windowSettingTooLarge,
            .unexpectedSettingsAcknowledgement, .invalidPriorityUpdate, .connectionWindowOverflow,
            .connectionWindowExceeded, .connectionWindowIncrementZero, .headerCompression, .headerBlockTooLarge,
            .tooManyContinuations, .tooManyResets, .tooManyGlitches, .tooManySmallFrames, .tooManyUnreadAnswers,
            .goAwayWentUp, .settingsTimedOut, .frameTimedOut, .keepaliveTimedOut, .closedLocally:
            .connection
        }
    }

    /// Whose fault it is.
    package var blame: Blame {
        switch self {
        case .closedLocally, .draining: .local
        case .streamWindowOverflow, .streamWindowExceeded, .streamWindowIncrementZero, .frameAfterEndStream,
            .malformedHeaders, .contentLengthMismatch, .headerListTooLarge, .tooManyStreams, .prioritySelfDependency,
            .invalidPriorityLength, .sendStalled, .invalidPreface, .settingsNotFirst, .frameTooLarge,
            .invalidFrameLength, .streamIDRequired, .streamIDForbidden, .invalidStreamID, .frameOnIdleStream,
            .frameOnClosedStream, .invalidPadding, .continuationExpected, .continuationUnexpected, .pushForbidden,
            .invalidSetting, .windowSettingTooLarge, .unexpectedSettingsAcknowledgement, .invalidPriorityUpdate,
            .connectionWindowOverflow, .connectionWindowExceeded, .connectionWindowIncrementZero, .headerCompression,
            .headerBlockTooLarge, .tooManyContinuations, .tooManyResets, .tooManyGlitches, .tooManySmallFrames,
            .tooManyUnreadAnswers, .goAwayWentUp, .settingsTimedOut, .frameTimedOut, .keepaliveTimedOut:
            .peer
        }
    }

    /// What RST_STREAM or GOAWAY says (RFC 9113 §7).
    package var wireCode: HTTP2ErrorCode {
        switch self {
        case .frameTooLarge, .invalidFrameLength, .invalidPriorityLength: .frameSizeError
        case .frameOnClosedStream, .frameAfterEndStream: .streamClosed
        case .windowSettingTooLarge, .connectionWindowOverflow, .connectionWindowExceeded, .streamWindowOverflow,
            .streamWindowExceeded:
            .flowControlError
        case .headerCompression: .compressionError
        case .headerBlockTooLarge, .tooManyContinuations, .tooManyResets, .tooManyGlitches, .tooManySmallFrames,
            .tooManyUnreadAnswers, .frameTimedOut, .sendStalled:
            .enhanceYourCalm
        case .settingsTimedOut: .settingsTimeout
        case .tooManyStreams, .draining: .refusedStream
        case .keepaliveTimedOut, .closedLocally: .noError
        case .invalidPreface, .settingsNotFirst, .streamIDRequired, .streamIDForbidden, .invalidStreamID,
            .frameOnIdleStream, .invalidPadding, .continuationExpected, .continuationUnexpected, .pushForbidden,
            .invalidSetting, .unexpectedSettingsAcknowledgement, .invalidPriorityUpdate,
            .connectionWindowIncrementZero, .goAwayWentUp, .streamWindowIncrementZero, .malformedHeaders,
            .contentLengthMismatch, .headerListTooLarge, .prioritySelfDependency:
            .protocolError
        }
    }
}

extension HTTP2Error: CustomStringConvertible {
    /// For the operator's log.
    package var description: String {
        switch self {
        case .invalidPreface: "peer does not speak HTTP/2 (no connection preface)"
        case .settingsNotFirst: "peer does not speak HTTP/2 (its first frame is not SETTINGS)"
        case .frameTooLarge: "peer sent a frame larger than allowed"
        case .invalidFrameLength: "peer sent a frame of invalid length"
        case .streamIDRequired: "peer sent a stream frame without a stream"
        case .streamIDForbidden: "peer sent a connection frame on a stream"
        case .invalidStreamID: "peer used a stream identifier out of order"
        case .frameOnIdleStream: "peer sent a frame on a stream that is not open"
        case .frameOnClosedStream: "peer sent a frame on a stream that both sides had ended"
        case .invalidPadding: "peer sent more padding than payload"
        case .continuationExpected: "peer interrupted a header block"
        case .continuationUnexpected: "peer continued a header block that was not open"
        case .pushForbidden: "peer sent PUSH_PROMISE"
        case .invalidSetting: "peer sent a setting out of range"
        case .windowSettingTooLarge: "peer sent an initial window above 2147483647"
        case .unexpectedSettingsAcknowledgement: "peer acknowledged settings that were not sent"
        case .invalidPriorityUpdate: "peer sent PRIORITY_UPDATE where it may not"
        case .connectionWindowOverflow: "peer opened the connection window above 2147483647"
        case .connectionWindowExceeded: "peer sent more data than the connection window allows"
        case .connectionWindowIncrementZero: "peer sent WINDOW_UPDATE of 0 for the connection"
        case .headerCompression(let error): "peer sent a header block that cannot be decoded: \(error)"
        case .headerBlockTooLarge: "peer sent a header block larger than the limit (maxHeaderListSize)"
        case .tooManyContinuations: "peer split a header block into too many frames (maxContinuations)"
        case .tooManyResets: "peer reset or provoked the reset of too many streams (resetBurst, resetsPerSecond)"
        case .tooManyGlitches: "peer sent too many useless frames (glitchBurst, glitchesPerSecond)"
        case .tooManySmallFrames: "peer sent too many tiny DATA frames (smallDataBurst, smallDataPerSecond)"
        case .tooManyUnreadAnswers: "peer demands answers and does not read them (maxPendingAnswers)"
        case .goAwayWentUp: "peer raised the last stream of its GOAWAY"
        case .settingsTimedOut: "peer did not acknowledge SETTINGS in time (settingsTimeout)"
        case .frameTimedOut: "peer began a frame or header block and did not end it in time (frameTimeout)"
        case .keepaliveTimedOut: "peer did not answer a keepalive PING in time (keepaliveTimeout); it may be gone"
        case .closedLocally: "connection closed by this side"
        case .streamWindowOverflow: "peer opened a stream window above 2147483647"
        case .streamWindowExceeded: "peer sent more data than the stream window allows"
        case .streamWindowIncrementZero: "peer sent WINDOW_UPDATE of 0 for a stream"
        case .frameAfterEndStream: "peer sent a frame after it had ended the stream"
        case .malformedHeaders: "peer sent a malformed message (RFC 9113 section 8)"
        case .contentLengthMismatch: "peer sent more or less content than content-length says"
        case .headerListTooLarge: "peer sent a field section larger than the limit (maxHeaderListSize)"
        case .tooManyStreams: "peer opened more streams than allowed (maxConcurrentStreams)"
        case .prioritySelfDependency: "peer made a stream depend on itself"
        case .invalidPriorityLength: "peer sent PRIORITY of invalid length"
        case .draining: "connection is draining and takes no new streams"
        case .sendStalled: "peer did not open the window of a stream in time (sendStallTimeout)"
        }
    }
}

extension HPACKError: CustomStringConvertible {
    /// For the operator's log.
    package var description: String {
        switch self {
        case .truncated: "it ends too early"
        case .integerTooLarge: "an integer is too large"
        case .invalidIndex: "an index points outside the tables"
        case .invalidHuffmanCode: "a Huffman string is invalid"
        case .invalidSizeUpdate: "a table size update is invalid or missing"
        }
    }
}
