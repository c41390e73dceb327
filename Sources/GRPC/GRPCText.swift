// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// The small notations of gRPC's header fields: percent-encoded messages, time-outs, media types.
package enum GRPCText {
    /// The longest `grpc-message` that is sent or read, in octets: a header, not a document.
    package static let maximumMessageLength = 1_024

    /// Percent-encodes all but printable ASCII other than `%` (gRPC over HTTP/2, "Percent-Encoded").
    package static func percentEncoded(_ text: String) -> [UInt8] {
        var result: [UInt8] = []
        for byte in text.utf8 {
            let isPlain = byte >= 0x20 && byte <= 0x7E && byte != UInt8(ascii: "%")
            guard result.count + (isPlain ? 1 : 3) <= maximumMessageLength else { break }
            if isPlain {
                result.append(byte)
            } else {
                result += [UInt8(ascii: "%"), digit(byte >> 4), digit(byte & 15)]
            }
        }
        // A header value has no blanks at its ends (RFC 9113 §8.2.1).
        if result.first == 0x20 { result.replaceSubrange(0..<1, with: [UInt8(ascii: "%"), 0x32, 0x30]) }
        if result.last == 0x20, result.count > 1 {
            result.removeLast()
            result += [UInt8(ascii: "%"), 0x32, 0x30]
        }
        return result
    }

    /// Decodes what `percentEncoded` makes; what is not valid stays as it is, as the specification asks.
    package static func percentDecoded(_ text: Span<UInt8>) -> String {
        var result: [UInt8] = []
        var index = 0
        let end = min(text.count, 3 * maximumMessageLength)
        while index < end {
            if text[index] == UInt8(ascii: "%"), index + 2 < end, let high = value(text[index + 1]),
                let low = value(text[index + 2])
            {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(text[index])
                index += 1
            }
        }
        return String(decoding: result.span)
    }

    /// Reads a `grpc-timeout`: one to eight digits and a unit of H, M, S, m, u or n.
    ///
    /// - Returns: nil when it is malformed.
    package static func timeout(_ text: Span<UInt8>) -> Nanoseconds? {
        guard text.count >= 2, text.count <= 9 else { return nil }
        var number: Int64 = 0
        for index in 0..<(text.count - 1) {
            guard text[index] >= UInt8(ascii: "0"), text[index] <= UInt8(ascii: "9") else { return nil }
            number = number * 10 + Int64(text[index] - UInt8(ascii: "0"))
        }
        // 99,999,999 hours are 3.6e20 ns, which an Int64 cannot hold: saturate.
        let unit: Int64
        switch text[text.count - 1] {
        case UInt8(ascii: "H"): unit = 3_600_000_000_000
        case UInt8(ascii: "M"): unit = 60_000_000_000
        case UInt8(ascii: "S"): unit = 1_000_000_000
        case UInt8(ascii: "m"): unit = 1_000_000
        case UInt8(ascii: "u"): unit = 1_000
        case UInt8(ascii: "n"): unit = 1
        default: return nil
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit)
        return Nanoseconds(overflow ? .max : product)
    }

    /// Writes a time-out in milliseconds, at least one, at most eight digits.
    package static func timeout(_ duration: Nanoseconds) -> [UInt8] {
        Array("\(min(99_999_999, max(1, duration.milliseconds)))m".utf8)
    }

    /// Whether a content-type is `application/grpc`, with or without `+format` or parameters.
    package static func isGRPC(contentType: Span<UInt8>) -> Bool {
        let name: StaticString = "application/grpc"
        guard contentType.count >= name.utf8CodeUnitCount,
            contentType.extracting(first: name.utf8CodeUnitCount).equals(name)
        else { return false }
        guard contentType.count > name.utf8CodeUnitCount else { return true }
        let next = contentType[name.utf8CodeUnitCount]
        return next == UInt8(ascii: "+") || next == UInt8(ascii: ";")
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
