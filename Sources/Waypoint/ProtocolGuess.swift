// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Mesh

/// What the first octets of a connection say about its protocol.
enum ProtocolGuess {
    /// Too few octets to tell.
    case needsMore
    case http1
    case http2
    /// None that we look into: TLS, or anything else.
    case other

    /// The longest method that is waited for (as HTTP/1's own limit).
    private static let methodBytes = 32

    /// Looks at the first octets of a client.
    ///
    /// HTTP/2 begins with its preface (RFC 9113 §3.4), HTTP/1 with a method, which is a token, a blank and a target that
    /// begins with a slash, a star, a letter (absolute form, or the host of CONNECT) or a bracket.
    init(_ octets: Span<UInt8>, declared: ApplicationProtocol) {
        let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        let expected = preface.bytes
        let common = min(octets.count, expected.count)
        if octets.extracting(first: common).equals(expected.extracting(first: common)) {
            self = common == expected.count ? .http2 : .needsMore
            return
        }
        if declared.isHTTP {
            // Whatever it is, HTTP/1 will say what is wrong with it.
            self = .http1
            return
        }
        self = Self.request(octets)
    }

    private static func request(_ octets: Span<UInt8>) -> ProtocolGuess {
        var index = 0
        while index < octets.count, isMethodOctet(octets[index]) {
            index += 1
            if index > methodBytes { return .other }
        }
        guard index < octets.count else { return .needsMore }
        guard index > 0, octets[index] == UInt8(ascii: " ") else { return .other }
        guard index + 1 < octets.count else { return .needsMore }
        switch octets[index + 1] {
        case UInt8(ascii: "/"), UInt8(ascii: "*"), UInt8(ascii: "["), 0x30...0x39, 0x41...0x5A, 0x61...0x7A:
            return .http1
        default: return .other
        }
    }

    /// Methods in use are upper-case letters and dashes; other tokens are more likely to be another protocol.
    private static func isMethodOctet(_ octet: UInt8) -> Bool {
        (0x41...0x5A).contains(octet) || octet == UInt8(ascii: "-") || octet == UInt8(ascii: "_")
    }
}
