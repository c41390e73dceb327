// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// The `traceparent` header (W3C Trace Context §3.2): which trace a connection belongs to.
package struct TraceParent: Equatable, Sendable {
    /// 16 octets, as two numbers; all zero is invalid.
    package let traceID: (high: UInt64, low: UInt64)
    /// 8 octets; all zero is invalid.
    package let parentID: UInt64

    /// Starts a new trace.
    package init(random: inout RandomSource) {
        traceID = (random.next(), random.next() | 1)
        parentID = random.next() | 1
    }

    /// Reads `00-<32 hex>-<16 hex>-<2 hex>`: exactly 55 octets of version 00, lower case, no zero ids; nil otherwise.
    package init?(parsing bytes: Span<UInt8>) {
        guard bytes.count == 55, bytes[0] == 0x30, bytes[1] == 0x30, bytes[2] == 0x2D, bytes[35] == 0x2D,
            bytes[52] == 0x2D, let high = Self.hex(bytes, 3), let low = Self.hex(bytes, 19),
            let parent = Self.hex(bytes, 36), high | low != 0, parent != 0
        else { return nil }
        traceID = (high, low)
        parentID = parent
    }

    /// The header's value (not sampled: flags 00).
    package var octets: InlineArray<55, UInt8> {
        var octets = InlineArray<55, UInt8>(repeating: UInt8(ascii: "0"))
        octets[2] = UInt8(ascii: "-")
        Self.write(traceID.high, &octets, 3)
        Self.write(traceID.low, &octets, 19)
        octets[35] = UInt8(ascii: "-")
        Self.write(parentID, &octets, 36)
        octets[52] = UInt8(ascii: "-")
        return octets
    }

    package static func == (left: TraceParent, right: TraceParent) -> Bool {
        left.traceID == right.traceID && left.parentID == right.parentID
    }

    private static func write(_ value: UInt64, _ octets: inout InlineArray<55, UInt8>, _ start: Int) {
        for digit in 0..<16 {
            let nibble = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * digit)) & 15
            octets[start + digit] = nibble < 10 ? 0x30 + nibble : 0x57 + nibble
        }
    }

    private static func hex(_ bytes: Span<UInt8>, _ start: Int) -> UInt64? {
        var value: UInt64 = 0
        for index in start..<(start + 16) {
            switch bytes[index] {
            case 0x30...0x39: value = value << 4 | UInt64(bytes[index] - 0x30)
            case 0x61...0x66: value = value << 4 | UInt64(bytes[index] - 0x57)
            default: return nil
            }
        }
        return value
    }
}
