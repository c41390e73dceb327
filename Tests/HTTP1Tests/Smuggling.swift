// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

@testable import HTTP1

/// Requests that peers are known to read in different ways, and others that no client sends by honest means.
enum Smuggling {
    private static func fields(_ lines: String, method: String = "POST", rest: String = "") -> String {
        "\(method) / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n\(rest)"
    }

    static let requests: [Refusal] = lengths + codings + lines + names + startLines + hosts + chunks + others

    /// Content-Length (RFC 9112 §6.3 rule 5).
    private static let lengths: [Refusal] = [
        Refusal("two that differ", fields("Content-Length: 5\r\nContent-Length: 6"), .duplicateContentLength),
        Refusal("two that agree", fields("Content-Length: 5\r\nContent-Length: 5"), .duplicateContentLength),
        Refusal("a list", fields("Content-Length: 5, 5"), .invalidContentLength),
        Refusal("a sign", fields("Content-Length: +5"), .invalidContentLength),
        Refusal("negative", fields("Content-Length: -5"), .invalidContentLength),
        Refusal("hexadecimal", fields("Content-Length: 0x5"), .invalidContentLength),
        Refusal("a space within", fields("Content-Length: 1 0"), .invalidContentLength),
        Refusal("a fraction", fields("Content-Length: 5.0"), .invalidContentLength),
        Refusal("an exponent", fields("Content-Length: 1e3"), .invalidContentLength),
        Refusal("an underscore", fields("Content-Length: 1_0"), .invalidContentLength),
        Refusal("empty", fields("Content-Length:"), .invalidContentLength),
        Refusal("2^63", fields("Content-Length: 9223372036854775808"), .invalidContentLength),
        Refusal("2^64 + 5, 5 when it wraps", fields("Content-Length: 18446744073709551621"), .invalidContentLength),
        Refusal("twenty digits", fields("Content-Length: 00000000000000000005"), .invalidContentLength),
        Refusal("quoted", fields("Content-Length: \"5\""), .invalidContentLength),
        Refusal("digits of another script", fields("Content-Length: \u{B2}"), .invalidContentLength),
    ]

    /// Transfer-Encoding (RFC 9112 §6.1, §6.3 rules 3 and 4, §11.2).
    private static let codings: [Refusal] = [
        Refusal(
            "CL.TE", fields("Content-Length: 5\r\nTransfer-Encoding: chunked", rest: "0\r\n\r\n"),
            .lengthAndTransferEncoding),
        Refusal(
            "TE.CL", fields("Transfer-Encoding: chunked\r\nContent-Length: 5", rest: "0\r\n\r\n"),
            .lengthAndTransferEncoding),
        Refusal("twice", fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), .invalidTransferEncoding),
        Refusal(
            "chunked, then identity in a second line",
            fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), .invalidTransferEncoding),
        Refusal("chunked twice in a list", fields("Transfer-Encoding: chunked, chunked"), .invalidTransferEncoding),
        Refusal("chunked not last", fields("Transfer-Encoding: chunked, gzip"), .invalidTransferEncoding),
        Refusal("identity", fields("Transfer-Encoding: identity"), .invalidTransferEncoding),
        Refusal("xchunked", fields("Transfer-Encoding: xchunked"), .invalidTransferEncoding),
        Refusal("chunked with a parameter", fields("Transfer-Encoding: chunked;a=b"), .invalidTransferEncoding),
        Refusal("quoted", fields("Transfer-Encoding: \"chunked\""), .invalidTransferEncoding),
        Refusal("an empty element", fields("Transfer-Encoding: , chunked"), .invalidTransferEncoding),
        Refusal("empty", fields("Transfer-Encoding:"), .invalidTransferEncoding),
        Refusal("vertical tab in front", fields("Transfer-Encoding: \u{B}chunked"), .controlCharacter),
        Refusal("form feed behind", fields("Transfer-Encoding: chunked\u{C}"), .controlCharacter),
        Refusal("no-break space behind", fields("Transfer-Encoding: chunked\u{A0}"), .invalidTransferEncoding),
        Refusal("two words", fields("Transfer-Encoding: chunked chunked"), .invalidTransferEncoding),
        Refusal("gzip, chunked", fields("Transfer-Encoding: gzip, chunked"), .unsupportedTransferCoding),
        Refusal(
            "HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", .invalidTransferEncoding),
        Refusal(
            "CONNECT with chunked", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            .contentNotAllowed),
        Refusal(
            "CONNECT with a length", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", .contentNotAllowed),
    ]

    /// Line ends, folding and control characters (RFC 9112 §2.2, §5.2; RFC 9110 §5.5).
    private static let lines: [Refusal] = [
        Refusal("bare LF behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", .bareLineFeed),
        Refusal("bare LF behind a field", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", .bareLineFeed),
        Refusal("bare LF for the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n", .bareLineFeed),
        Refusal("bare CR in a value", fields("X: a\rTransfer-Encoding: chunked"), .bareCarriageReturn),
        Refusal("CR CR LF", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", .bareCarriageReturn),
        Refusal("bare CR in the request line", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", .bareCarriageReturn),
        Refusal("NUL in a value", fields("X: a\u{0}b"), .controlCharacter),
        Refusal("NUL in a name", fields("X\u{0}: a"), .controlCharacter),
        Refusal("NUL in the target", "GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n", .controlCharacter),
        Refusal("DEL in a value", fields("X: a\u{7F}b"), .controlCharacter),
        Refusal("ESC in a value", fields("X: a\u{1B}b"), .controlCharacter),
        Refusal("obs-fold by a space", fields("X: a\r\n b"), .lineFolding),
        Refusal("obs-fold by a tab", fields("X: a\r\n\tContent-Length: 5"), .lineFolding),
        Refusal("white space in front of the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", .lineFolding),
        Refusal("two empty lines in front", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .invalidStartLine),
    ]

    /// Field names (RFC 9112 §5.1).
    private static let names: [Refusal] = [
        Refusal("space before the colon", fields("Content-Length : 5"), .whitespaceBeforeColon),
        Refusal("tab before the colon", fields("Transfer-Encoding\t: chunked"), .whitespaceBeforeColon),
        Refusal("no colon", fields("Content-Length 5"), .whitespaceBeforeColon),
        Refusal("no colon, no space", fields("nonsense"), .invalidFieldName),
        Refusal("empty name", fields(": 5"), .invalidFieldName),
        Refusal("a bracket", fields("Transfer[Encoding: chunked"), .invalidFieldName),
        Refusal("a quote", fields("\"Content-Length\": 5"), .invalidFieldName),
        Refusal("obs-text", fields("Content\u{AD}Length: 5"), .invalidFieldName),
        Refusal("a slash", fields("X/Y: 5"), .invalidFieldName),
    ]

    /// Request lines (RFC 9112 §3) and their targets (§3.2).
    private static let startLines: [Refusal] = [
        Refusal("HTTP/0.9", "GET /\r\n\r\n", .invalidStartLine),
        Refusal("two spaces behind the method", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .invalidStartLine),
        Refusal("two spaces behind the target", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", .invalidStartLine),
        Refusal("a tab for a space", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", .invalidMethod),
        Refusal("a space in front", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", .invalidMethod),
        Refusal("a space behind", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", .invalidStartLine),
        Refusal("a space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", .invalidStartLine),
        Refusal("a method that is no token", "G@T / HTTP/1.1\r\nHost: a\r\n\r\n", .invalidMethod),
        Refusal("a method of 33 octets", "\(String(repeating: "M", count: 33)) / HTTP/1.1\r\n\r\n", .invalidMethod),
        Refusal("lower-case http", "GET / http/1.1\r\nHost: a\r\n\r\n", .invalidStartLine),
        Refusal("HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", .invalidStartLine),
        Refusal("HTTP/1", "GET / HTTP/1\r\nHost: a\r\n\r\n", .invalidStartLine),
        Refusal("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .unsupportedVersion),
        Refusal("HTTP/0.9 spelled out", "GET / HTTP/0.9\r\n\r\n", .unsupportedVersion),
        Refusal("a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        Refusal("a relative path", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        Refusal("a backslash in the path", "GET /a\\..\\b HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        Refusal("an escaped NUL in the path", "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        Refusal("a broken escape in the path", "GET /a%2 HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        Refusal("an escape that is not hexadecimal", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        Refusal("obs-text in the target", "GET /\u{E4} HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        Refusal("quotes in the target", "GET /\"a\" HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        Refusal("another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        Refusal("user information", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        Refusal("an absolute form without host", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        Refusal("an asterisk for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        Refusal("authority form for GET", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        Refusal("CONNECT without port", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        Refusal("CONNECT to port 0", "CONNECT a:0 HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        Refusal("CONNECT to a path", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        Refusal("a TLS ClientHello", "\u{16}\u{3}\u{1}\u{2}\u{0}", .controlCharacter),
    ]

    /// Host (RFC 9112 §3.2).
    private static let hosts: [Refusal] = [
        Refusal("none", "GET / HTTP/1.1\r\n\r\n", .missingHost),
        Refusal("none beside an absolute form", "GET http://a/ HTTP/1.1\r\n\r\n", .missingHost),
        Refusal("two", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", .duplicateHost),
        Refusal("two that agree", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .duplicateHost),
        Refusal("two in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", .duplicateHost),
        Refusal("a list", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", .invalidHost),
        Refusal("user information", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", .invalidHost),
        Refusal("a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .invalidHost),
        Refusal("a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .invalidHost),
        Refusal("an escape", "GET / HTTP/1.1\r\nHost: a%2eb\r\n\r\n", .invalidHost),
        Refusal("port 65536", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", .invalidHost),
        Refusal("a port that is none", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", .invalidHost),
        Refusal("two ports", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", .invalidHost),
        Refusal("a port alone", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", .invalidHost),
        Refusal("an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", .invalidHost),
        Refusal("an address with a zone", "GET / HTTP/1.1\r\nHost: [fe80::1%eth0]\r\n\r\n", .invalidHost),
    ]

    private static func chunked(_ content: String) -> String {
        fields("Transfer-Encoding: chunked", rest: content)
    }

    /// The chunked coding (RFC 9112 §7.1).
    private static let chunks: [Refusal] = [
        Refusal("no size", chunked("\r\n"), .invalidChunkSize),
        Refusal("a sign", chunked("+5\r\nhello\r\n0\r\n\r\n"), .invalidChunkSize),
        Refusal("0x", chunked("0x5\r\nhello\r\n0\r\n\r\n"), .invalidChunkSize),
        Refusal("a space in front", chunked(" 5\r\nhello\r\n0\r\n\r\n"), .invalidChunkSize),
        Refusal("a space behind", chunked("5 \r\nhello\r\n0\r\n\r\n"), .invalidChunkSize),
        Refusal("a size of 2^63", chunked("8000000000000000\r\n"), .invalidChunkSize),
        Refusal("a size of 2^64 + 1, 1 when it wraps", chunked("10000000000000001\r\n"), .invalidChunkSize),
        Refusal("seventeen digits", chunked("00000000000000005\r\nhello\r\n"), .invalidChunkSize),
        Refusal("bare LF behind the size", chunked("5\nhello\r\n0\r\n\r\n"), .bareLineFeed),
        Refusal("bare LF behind an extension", chunked("5;a\nhello\r\n0\r\n\r\n"), .bareLineFeed),
        Refusal("bare LF in an extension that is not complete", chunked("5;\nxx\r\n4c\r\n"), .bareLineFeed),
        Refusal("bare LF behind the data", chunked("5\r\nhello\n0\r\n\r\n"), .bareLineFeed),
        Refusal("bare CR behind the size", chunked("5\rhello\r\n0\r\n\r\n"), .bareCarriageReturn),
        Refusal("bare CR behind the data", chunked("5\r\nhello\r0\r\n\r\n"), .bareCarriageReturn),
        Refusal("data longer than its size", chunked("5\r\nhello!\r\n0\r\n\r\n"), .invalidChunkEnd),
        Refusal("two octets that are no line end", chunked("5\r\nhelloXX0\r\n\r\n"), .invalidChunkEnd),
        Refusal("CR in an extension", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), .bareCarriageReturn),
        Refusal("NUL in an extension", chunked("5;a=\u{0}\r\nhello\r\n0\r\n\r\n"), .invalidChunkExtension),
        Refusal("an extension without name", chunked("5;\r\nhello\r\n0\r\n\r\n"), .invalidChunkExtension),
        Refusal("a quote that does not end", chunked("5;a=\"b\r\nhello\r\n0\r\n\r\n"), .invalidChunkExtension),
        Refusal("Content-Length as a trailer", chunked("0\r\nContent-Length: 5\r\n\r\n"), .forbiddenTrailer),
        Refusal("Host as a trailer", chunked("0\r\nHost: b\r\n\r\n"), .forbiddenTrailer),
        Refusal(
            "Transfer-Encoding as a trailer", chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n"), .forbiddenTrailer),
        Refusal("a folded trailer", chunked("0\r\nX: a\r\n b\r\n\r\n"), .lineFolding),
        Refusal("a request in place of trailers", chunked("0\r\nGET / HTTP/1.1\r\n\r\n"), .whitespaceBeforeColon),
    ]

    /// Connection and Expect (RFC 9110 §7.6.1, §10.1.1).
    private static let others: [Refusal] = [
        Refusal("Connection names Content-Length", fields("Connection: content-length"), .invalidConnection),
        Refusal("Connection names Host", fields("Connection: close, HOST"), .invalidConnection),
        Refusal("Connection is no list of tokens", fields("Connection: close; x"), .invalidConnection),
        Refusal(
            "seventeen options", fields("Connection: " + Array(repeating: "x", count: 17).joined(separator: ",")),
            .invalidConnection),
        Refusal("an unknown expectation", fields("Expect: 200-ok"), .unsupportedExpectation),
    ]
}
