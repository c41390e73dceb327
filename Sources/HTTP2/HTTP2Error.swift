// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Why a stream or the connection ended by our decision.
///
/// `scope` says which of the two, `blame` whose fault it is, `wireCode` what the peer is told.
package enum HTTP2Error: Error, Hashable {
    // Connection errors.
    case invalidPreface
    case settingsNotFirst
    case frameTooLarge
    case invalidFrameLength
    case streamIDRequired
    case streamIDForbidden
    case invalidStreamID
    case frameOnIdleStream
    case frameOnClosedStream
    case invalidPadding
    case continuationExpected
    case continuationUnexpected
    case pushForbidden
    case invalidSetting
    case windowSettingTooLarge
    case unexpectedSettingsAcknowledgement
    case connectionWindowOverflow
    case connectionWindowExceeded
    case connectionWindowIncrementZero
    case headerCompression(HPACKError)
    case headerBlockTooLarge
    case tooManyContinuations
    case tooManyResets
    case tooManyGlitches
    case tooManyUnreadAnswers
    case goAwayWentUp
    case settingsTimedOut
    case keepaliveTimedOut
    case closedLocally
    // Stream errors.
    case streamWindowOverflow
    case streamWindowExceeded
    case streamWindowIncrementZero
    case halfClosedStream
    case malformedHeaders
    case contentLengthMismatch
    case headerListTooLarge
    case tooManyStreams
    case prioritySelfDependency
    case draining
}

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

    /// What ends: one stream, or the connection with all its streams.
    package var scope: Scope {
        switch self {
        case .streamWindowOverflow, .streamWindowExceeded, .streamWindowIncrementZero, .halfClosedStream,
            .malformedHeaders, .contentLengthMismatch, .headerListTooLarge, .tooManyStreams, .prioritySelfDependency,
            .draining:
            .stream
        case .invalidPreface, .settingsNotFirst, .frameTooLarge, .invalidFrameLength, .streamIDRequired,
            .streamIDForbidden, .invalidStreamID, .frameOnIdleStream, .frameOnClosedStream, .invalidPadding,
            .continuationExpected, .continuationUnexpected, .pushForbidden, .invalidSetting, .windowSettingTooLarge,
            .unexpectedSettingsAcknowledgement, .connectionWindowOverflow, .connectionWindowExceeded,
            .connectionWindowIncrementZero, .headerCompression, .headerBlockTooLarge, .tooManyContinuations,
            .tooManyResets, .tooManyGlitches, .tooManyUnreadAnswers, .goAwayWentUp, .settingsTimedOut,
            .keepaliveTimedOut, .closedLocally:
            .connection
        }
    }

    /// Whose fault it is.
    package var blame: Blame {
        switch self {
        case .closedLocally, .draining: .local
        default: .peer
        }
    }

    /// What RST_STREAM or GOAWAY says.
    package var wireCode: HTTP2ErrorCode {
        switch self {
        case .frameTooLarge, .invalidFrameLength: .frameSizeError
        case .frameOnClosedStream, .halfClosedStream: .streamClosed
        case .windowSettingTooLarge, .connectionWindowOverflow, .connectionWindowExceeded, .streamWindowOverflow,
            .streamWindowExceeded:
            .flowControlError
        case .headerCompression: .compressionError
        case .headerBlockTooLarge, .tooManyContinuations, .tooManyResets, .tooManyGlitches, .tooManyUnreadAnswers:
            .enhanceYourCalm
        case .settingsTimedOut: .settingsTimeout
        case .tooManyStreams, .draining: .refusedStream
        case .keepaliveTimedOut, .closedLocally: .noError
        case .invalidPreface, .settingsNotFirst, .streamIDRequired, .streamIDForbidden, .invalidStreamID,
            .frameOnIdleStream, .invalidPadding, .continuationExpected, .continuationUnexpected, .pushForbidden,
            .invalidSetting, .unexpectedSettingsAcknowledgement, .connectionWindowIncrementZero, .goAwayWentUp,
            .streamWindowIncrementZero, .malformedHeaders, .contentLengthMismatch, .headerListTooLarge,
            .prioritySelfDependency:
            .protocolError
        }
    }
}
