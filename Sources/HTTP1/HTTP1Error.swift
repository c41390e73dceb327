// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Why an HTTP/1 connection cannot go on.
///
/// Every error ends the connection: after one nobody knows where the next message starts (RFC 9112 §9.3, §11.2). The
/// exceptions are those of `.local` blame, after which the connection is as it was before the call.
package enum HTTP1Error: UInt8, Error, CaseIterable {
    /// The first line is not a request line or status line (RFC 9112 §3, §4).
    case invalidStartLine
    /// The first line exceeds `HTTP1Limits.startLineBytes` (RFC 9112 §3).
    case startLineTooLong
    /// The method is not a token, or longer than `HTTP1Limits.methodBytes`.
    case invalidMethod
    /// The request target has none of the four forms, or octets that do not belong there (RFC 9112 §3.2).
    case invalidTarget
    /// The major version is not 1 (RFC 9110 §15.6.6).
    case unsupportedVersion
    /// The status code is not three digits from 100 on (RFC 9112 §4).
    case invalidStatus
    /// A CR that no LF follows (RFC 9112 §2.2).
    case bareCarriageReturn
    /// A line that ends in LF alone (RFC 9112 §2.2 lets a recipient take it; we do not).
    case bareLineFeed
    /// A line holds NUL or another control character (RFC 9110 §5.5).
    case controlCharacter
    /// A line starts with white space (RFC 9112 §5.2, §2.2).
    case lineFolding
    /// White space between field name and colon (RFC 9112 §5.1).
    case whitespaceBeforeColon
    /// A field name is empty or not a token, or a field line has no colon (RFC 9112 §5.1).
    case invalidFieldName
    /// The field lines exceed `HTTP1Limits.headerListBytes` (RFC 6585 §5).
    case headerListTooLarge
    /// There are more field lines than `HTTP1Limits.fieldCount` or `trailerCount` (RFC 6585 §5).
    case tooManyFields
    /// An HTTP/1.1 request has no Host (RFC 9112 §3.2).
    case missingHost
    /// A request has more than one Host (RFC 9112 §3.2).
    case duplicateHost
    /// Host or the authority of the target is not `uri-host [":" port]` (RFC 9112 §3.2).
    case invalidHost
    /// Content-Length is not one decimal number below 2⁶³ (RFC 9112 §6.3).
    case invalidContentLength
    /// More than one Content-Length, equal or not (RFC 9112 §6.3 lets a recipient take equal ones; we do not).
    case duplicateContentLength
    /// Both Content-Length and Transfer-Encoding (RFC 9112 §6.1, §11.2).
    case lengthAndTransferEncoding
    /// Transfer-Encoding is repeated or does not end in chunked, or the version has none (RFC 9112 §6.1, §6.3).
    case invalidTransferEncoding
    /// A transfer coding other than chunked (RFC 9112 §6.1).
    case unsupportedTransferCoding
    /// Content is announced where none may be: CONNECT, 1xx, 204 (RFC 9110 §9.3.6, RFC 9112 §6.1).
    case contentNotAllowed
    /// Expect is not 100-continue (RFC 9110 §10.1.1).
    case unsupportedExpectation
    /// Connection is not a list of tokens, has too many, or names a field that decides framing or routing.
    case invalidConnection
    /// A chunk size is not hexadecimal, exceeds 63 bits or `HTTP1Limits.chunkSizeDigits` (RFC 9112 §7.1).
    case invalidChunkSize
    /// What follows a chunk size is neither an extension nor CRLF (RFC 9112 §7.1.1).
    case invalidChunkExtension
    /// The chunk extensions of a message exceed `HTTP1Limits.chunkExtensionBytes` (CVE-2024-22019).
    case chunkExtensionsTooLarge
    /// Chunk data is not followed by CRLF (RFC 9112 §7.1).
    case invalidChunkEnd
    /// The trailer lines exceed `HTTP1Limits.trailerBytes`.
    case trailersTooLarge
    /// A trailer field that decides framing, routing or the connection (RFC 9110 §6.5.1).
    case forbiddenTrailer
    /// The peer closed before the message was complete (RFC 9112 §8).
    case truncated
    /// Bytes arrived from a server while no request was outstanding (RFC 9112 §9.2).
    case unsolicitedResponse
    /// More 1xx responses than `HTTP1Limits.informationalResponses`.
    case tooManyInformationalResponses
    /// 101 Switching Protocols that no Upgrade asked for (RFC 9110 §15.2.2).
    case unexpectedSwitch
    /// What is to be written does not fit the buffer; it is as it was before the message head or the call.
    case bufferFull
    /// The caller wrote in an order that is no message, or after the connection was given up.
    case outOfOrder
    /// The caller wants to write octets that would break the message (CR, LF, NUL, a name that is no token).
    case invalidOutput
    /// The caller wants to send more content than it announced, or content where none may be.
    case contentTooLong
    /// The caller finished before all announced content was sent.
    case contentTooShort

    /// Who is to blame.
    package enum Blame: Sendable {
        /// The other side broke the protocol or a limit.
        case peer
        /// The code that drives the connection.
        case local
    }

    /// Who is to blame; decides between a 4xx and a 502 in what the client is told, and which counter is raised.
    package var blame: Blame {
        switch self {
        case .bufferFull, .outOfOrder, .invalidOutput, .contentTooLong, .contentTooShort: .local
        case .invalidStartLine, .startLineTooLong, .invalidMethod, .invalidTarget, .unsupportedVersion,
            .invalidStatus, .bareCarriageReturn, .bareLineFeed, .controlCharacter, .lineFolding,
            .whitespaceBeforeColon, .invalidFieldName, .headerListTooLarge, .tooManyFields, .missingHost,
            .duplicateHost, .invalidHost, .invalidContentLength, .duplicateContentLength,
            .lengthAndTransferEncoding, .invalidTransferEncoding, .unsupportedTransferCoding,
            .contentNotAllowed, .unsupportedExpectation, .invalidConnection, .invalidChunkSize,
            .invalidChunkExtension, .chunkExtensionsTooLarge, .invalidChunkEnd, .trailersTooLarge,
            .forbiddenTrailer, .truncated, .unsolicitedResponse, .tooManyInformationalResponses,
            .unexpectedSwitch:
            .peer
        }
    }

    /// The status a server answers with before it closes (RFC 9110 §15.5, §15.6).
    ///
    /// Meant for errors of a request; an error of a response becomes 502 Bad Gateway at the proxy whatever it is.
    package var statusForRequest: UInt16 {
        switch self {
        case .invalidStartLine, .invalidMethod, .invalidTarget, .bareCarriageReturn, .bareLineFeed, .controlCharacter,
            .lineFolding, .whitespaceBeforeColon, .invalidFieldName, .missingHost, .duplicateHost,
            .invalidHost, .invalidContentLength, .duplicateContentLength, .lengthAndTransferEncoding,
            .invalidTransferEncoding, .contentNotAllowed, .invalidConnection, .invalidChunkSize,
            .invalidChunkExtension, .chunkExtensionsTooLarge, .invalidChunkEnd, .forbiddenTrailer, .truncated:
            400
        case .startLineTooLong: 414
        case .unsupportedExpectation: 417
        case .headerListTooLarge, .tooManyFields, .trailersTooLarge: 431
        case .bufferFull, .outOfOrder, .invalidOutput, .contentTooLong, .contentTooShort: 500
        case .unsupportedTransferCoding: 501
        case .invalidStatus, .unsolicitedResponse, .tooManyInformationalResponses, .unexpectedSwitch: 502
        case .unsupportedVersion: 505
        }
    }
}

extension HTTP1Error: CustomStringConvertible {
    /// One line for an operator.
    package var description: String {
        switch self {
        case .invalidStartLine:
            "the first line is not HTTP/1: expected \"method target HTTP/1.1\" or \"HTTP/1.1 status\""
        case .startLineTooLong: "the request line is too long (limit startLineBytes)"
        case .invalidMethod: "the method is not a token of RFC 9110 or is too long (limit methodBytes)"
        case .invalidTarget: "the request target is malformed"
        case .unsupportedVersion:
            "the HTTP version is not 1.0 or 1.1; HTTP/2 needs appProtocol http2 or a port that is sniffed"
        case .invalidStatus: "the status code is not a number from 100 to 999"
        case .bareCarriageReturn:
            "a line holds a CR that no LF follows; refused because peers disagree on what it means (request smuggling)"
        case .bareLineFeed:
            "a line ends in LF without CR; refused because peers disagree on what it means (request smuggling)"
        case .controlCharacter: "a line holds a control character"
        case .lineFolding: "a header line starts with white space (obsolete line folding), which is refused"
        case .whitespaceBeforeColon:
            "white space stands between a header name and its colon, which is refused (request smuggling)"
        case .invalidFieldName: "a header name is empty or holds a character that is not allowed"
        case .headerListTooLarge: "the headers are too large (limit headerListBytes)"
        case .tooManyFields: "there are too many headers or trailers (limits fieldCount, trailerCount)"
        case .missingHost: "an HTTP/1.1 request has no Host header"
        case .duplicateHost: "a request has more than one Host header"
        case .invalidHost: "the Host header or the authority of the target is malformed"
        case .invalidContentLength: "the Content-Length is not a single decimal number"
        case .duplicateContentLength: "there is more than one Content-Length, which is refused (request smuggling)"
        case .lengthAndTransferEncoding:
            "there are both Content-Length and Transfer-Encoding, which is refused (request smuggling)"
        case .invalidTransferEncoding:
            "the Transfer-Encoding does not tell where the message ends (request smuggling)"
        case .unsupportedTransferCoding: "a transfer coding other than chunked is in use; only chunked is understood"
        case .contentNotAllowed: "content is announced on a message that may not have any (CONNECT, 1xx or 204)"
        case .unsupportedExpectation: "the Expect header asks for something other than 100-continue"
        case .invalidConnection:
            "the Connection header is malformed, too long (limit connectionOptions) or names a header that must not be dropped"
        case .invalidChunkSize: "a chunk size is not a hexadecimal number or is too large"
        case .invalidChunkExtension: "a chunk extension is malformed"
        case .chunkExtensionsTooLarge: "the chunk extensions of a message are too large (limit chunkExtensionBytes)"
        case .invalidChunkEnd: "chunk data is not followed by CRLF"
        case .trailersTooLarge: "the trailers are too large (limit trailerBytes)"
        case .forbiddenTrailer: "a trailer names a header that must not be a trailer (such as Content-Length or Host)"
        case .truncated: "the peer closed the connection in the middle of a message"
        case .unsolicitedResponse:
            "the server sent bytes that no request asked for; the connection cannot be used again"
        case .tooManyInformationalResponses: "the server sent too many 1xx responses (limit informationalResponses)"
        case .unexpectedSwitch: "the server switched protocols (101) without being asked to"
        case .bufferFull: "the output buffer is full"
        case .outOfOrder: "a message was written out of order"
        case .invalidOutput: "a header that was to be sent holds a character that is not allowed"
        case .contentTooLong: "more content was to be sent than was announced"
        case .contentTooShort: "less content was sent than was announced"
        }
    }
}
