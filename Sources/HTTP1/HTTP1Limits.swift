// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What a peer may make one HTTP/1 connection hold or chew on; each limit has its own error.
package struct HTTP1Limits: Sendable, Equatable {
    /// Octets of a request line or status line without its CRLF.
    ///
    /// RFC 9112 §3 asks for at least 8000; 8192 as nginx's `large_client_header_buffers`. Exceeded: `startLineTooLong`, 414.
    package var startLineBytes = 8192
    /// Octets of all field lines of a head, line ends included.
    ///
    /// 60 KiB as Envoy's `max_request_headers_kb`. Exceeded: `headerListTooLarge`, 431.
    package var headerListBytes = 60 * 1024
    /// Field lines of a head.
    ///
    /// 100 as Envoy's `max_headers_count`. Exceeded: `tooManyFields`, 431.
    package var fieldCount = 100
    /// Octets of all trailer lines of a message, line ends included.
    ///
    /// Our choice: gRPC-Web and digests need less than 1 KiB. Exceeded: `trailersTooLarge`, 431.
    package var trailerBytes = 8192
    /// Trailer lines of a message.
    ///
    /// Our choice. Exceeded: `tooManyFields`, 431.
    package var trailerCount = 32
    /// Octets of all chunk extensions of a message.
    ///
    /// 16 KiB as hyper; CVE-2024-22019 is what happens without one. Exceeded: `chunkExtensionsTooLarge`, 400.
    package var chunkExtensionBytes = 16 * 1024
    /// Hexadecimal digits of a chunk size, leading zeros included.
    ///
    /// 16 cover 64 bits; what is above 2⁶³-1 is refused in any case. Exceeded: `invalidChunkSize`, 400.
    package var chunkSizeDigits = 16
    /// Decimal digits of a Content-Length, leading zeros included.
    ///
    /// 19 cover 63 bits. Exceeded: `invalidContentLength`, 400.
    package var contentLengthDigits = 19
    /// Octets of a method.
    ///
    /// Our choice: the longest in the IANA registry has 17. Exceeded: `invalidMethod`, 400.
    package var methodBytes = 32
    /// Options in the Connection fields of a head.
    ///
    /// Our choice. Exceeded: `invalidConnection`, 400.
    package var connectionOptions = 16
    /// Empty lines in front of a request line.
    ///
    /// RFC 9112 §2.2 asks for at least one. Exceeded: `invalidStartLine`, 400.
    package var leadingEmptyLines = 1
    /// Informational responses in front of a final one.
    ///
    /// Our choice. Exceeded: `tooManyInformationalResponses`, 502.
    package var informationalResponses = 16

    /// The defaults above.
    package init() {}
}
