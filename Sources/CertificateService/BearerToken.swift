// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// What a caller proves itself with (RFC 6750).
///
/// It has no description on purpose: a token that is printed by accident prints nothing.
package struct BearerToken: Sendable, Hashable {
    /// The longest token that is read, in octets; projected tokens of Kubernetes take about one KiB.
    package static let maximumLength = 16_384

    /// The token, for who reviews it.
    package let text: String

    /// Reads the value of an `authorization` field: the scheme `Bearer` in any case, blanks, and a `b64token`.
    ///
    /// - Returns: nil when it is anything else.
    package init?(authorization value: Span<UInt8>) {
        let scheme: StaticString = "bearer"
        let length = scheme.utf8CodeUnitCount
        guard value.count > length, value.count <= Self.maximumLength + length + 8, value[length] == 0x20 else {
            return nil
        }
        for index in 0..<length where value[index] | 0x20 != scheme.bytes[index] { return nil }
        var start = length
        while start < value.count, value[start] == 0x20 { start += 1 }
        self.init(token: value.extracting(start..<value.count))
    }

    /// Takes the token itself.
    ///
    /// - Returns: nil when it is empty, too long, or has a character that no token has (RFC 6750 §2.1).
    package init?(token: Span<UInt8>) {
        guard !token.isEmpty, token.count <= Self.maximumLength else { return nil }
        var isPadding = false
        for index in 0..<token.count {
            switch token[index] {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                guard !isPadding else { return nil }
            case UInt8(ascii: "="):
                guard index > 0 else { return nil }
                isPadding = true
            default: return nil
            }
        }
        text = String(decoding: token)
    }
}
