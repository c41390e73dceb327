// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// The hash of something that a connection has and a rule may ask for (FNV-1a, 64 bits).
///
/// Collisions cost an evaluation of a rule, never a wrong answer; peers cannot choose the names in their certificates.
package struct BucketKey: Sendable {
    private static let offset: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a offset basis, draft-eastlake-fnv §5
    private static let prime: UInt64 = 0x0000_0100_0000_01B3  // FNV-1a prime, draft-eastlake-fnv §5

    private static let slash = UInt8(ascii: "/")

    private var state: UInt64

    private init(kind: UInt8) {
        state = Self.offset
        add(kind)
    }

    private mutating func add(_ octet: UInt8) {
        state = (state ^ UInt64(octet)) &* Self.prime
    }

    private mutating func add(_ number: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { add(UInt8(truncatingIfNeeded: number >> UInt64(shift))) }
    }

    private mutating func add(_ text: Span<UInt8>) {
        for index in text.indices { add(text[index]) }
    }

    /// Of a SPIFFE ID without `spiffe://`.
    package static func principal(_ text: Span<UInt8>) -> UInt64 {
        var key = BucketKey(kind: 1)
        key.add(text)
        return key.state
    }

    /// Of the namespace in a SPIFFE ID without `spiffe://` that begins `<trust domain>/ns/<namespace>/`, whatever
    /// follows; nil for others.
    ///
    /// A pattern `…/ns/a/*` has the same key as every ID that it matches.
    package static func principalNamespace(_ text: Span<UInt8>) -> UInt64? {
        var slash = 0
        while slash < text.count, text[slash] != Self.slash { slash += 1 }
        let start = slash + 4
        guard start < text.count, text[slash + 1] == UInt8(ascii: "n"), text[slash + 2] == UInt8(ascii: "s"),
            text[slash + 3] == Self.slash
        else { return nil }
        var end = start
        while end < text.count, text[end] != Self.slash { end += 1 }
        guard end < text.count else { return nil }
        var key = BucketKey(kind: 7)
        key.add(text.extracting(start..<end))
        return key.state
    }

    /// Of the last three segments of a SPIFFE ID; nil when there are fewer.
    ///
    /// A pattern `*/ns/a/sa/b` has the same key as every ID that it matches.
    package static func principalTail(_ text: Span<UInt8>) -> UInt64? {
        var start = text.count
        var slashes = 0
        while slashes < 3 {
            guard start > 0 else { return nil }
            start -= 1
            if text[start] == Self.slash { slashes += 1 }
        }
        var key = BucketKey(kind: 8)
        key.add(text.extracting(start..<text.count))
        return key.state
    }

    /// Of a namespace.
    package static func namespace(_ text: Span<UInt8>) -> UInt64 {
        var key = BucketKey(kind: 2)
        key.add(text)
        return key.state
    }

    /// Of a service account, `namespace/name`.
    package static func serviceAccount(_ text: Span<UInt8>) -> UInt64 {
        var key = BucketKey(kind: 3)
        key.add(text)
        return key.state
    }

    /// As `serviceAccount(_:)` of the two joined by `/`.
    package static func serviceAccount(namespace: Span<UInt8>, name: Span<UInt8>) -> UInt64 {
        var key = BucketKey(kind: 3)
        key.add(namespace)
        key.add(Self.slash)
        key.add(name)
        return key.state
    }

    /// Of a port.
    package static func destinationPort(_ port: UInt16) -> UInt64 {
        var key = BucketKey(kind: 4)
        key.add(UInt8(truncatingIfNeeded: port))
        key.add(UInt8(truncatingIfNeeded: port >> 8))
        return key.state
    }

    /// Of a block of addresses.
    package static func block(_ block: CIDR, isSource: Bool) -> UInt64 {
        var key = BucketKey(kind: isSource ? 5 : 6)
        key.add(UInt8(truncatingIfNeeded: block.prefixLength))
        key.add(block.network.high)
        key.add(block.network.low)
        return key.state
    }

    /// Spreads a hash over a table of a power of two.
    @inlinable
    package static func slot(_ hash: UInt64, size: Int) -> Int {
        Int(truncatingIfNeeded: hash ^ hash >> 32) & (size - 1)
    }
}
