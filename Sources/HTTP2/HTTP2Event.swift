// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What `HTTP2Connection.receive` found in the input; holds no memory.
package enum HTTP2Event: Hashable, Sendable {
    /// A field section arrived; it is in `fields` until the next `receive`.
    case headers(StreamHandle, kind: HTTP2HeadersKind, isEndStream: Bool)
    /// `count` octets of payload lie at `offset` of the input; report them with `consumed` when they are out of memory.
    case data(StreamHandle, offset: Int, count: Int, isEndStream: Bool)
    /// The stream is over and its handle stale; unsent and unread data are void.
    case reset(StreamHandle, code: HTTP2ErrorCode, by: HTTP2ResetInitiator)
    /// A stream for which `sendableBytes` was 0 can send again.
    case sendWindowOpened(StreamHandle)
    /// Streams for which `sendableBytes` was 0 can send again: ask `nextSendableStream` until it is nil.
    case connectionWindowOpened
    /// The peer takes no new streams; those above `lastStreamID` follow as `.reset(code: .refusedStream, by: .peer)`.
    case goAway(lastStreamID: StreamID, code: HTTP2ErrorCode)
    /// The peer's SETTINGS are in force: `availableStreams` may have changed.
    case settingsChanged
    /// A PING of ours came back.
    case pingAcknowledged
}

/// What a field section is (RFC 9113 §8.1).
package enum HTTP2HeadersKind: Hashable, Sendable {
    case request
    case response
    /// 1xx (RFC 9110 §15.2); the final response is still to come.
    case informational
    case trailers
}

/// Who ended a stream.
package enum HTTP2ResetInitiator: Hashable, Sendable {
    /// RST_STREAM or GOAWAY from the peer.
    case peer
    /// We found the error and queued RST_STREAM.
    case local(HTTP2Error)
}
