// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// An IPv4 or IPv6 address; IPv4 is held as its IPv4-mapped form (RFC 4291 §2.5.5.2), so both compare as one type.
package struct IPAddress: Hashable, Sendable, Comparable {
    /// The first eight octets, as a number.
    package let high: UInt64
    /// The last eight octets, as a number.
    package let low: UInt64

    /// An IPv6 address; an IPv4-mapped one becomes the IPv4 address it maps.
    @inlinable
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// An IPv4 address from its 32 bits in host order.
    @inlinable
    package init(v4 bits: UInt32) {
        high = 0
        low = 0xFFFF_0000_0000 | UInt64(bits)
    }

    /// Whether this is an IPv4 address.
    @inlinable
    package var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// The 32 bits of an IPv4 address in host order; meaningless for IPv6.
    @inlinable
    package var v4: UInt32 { UInt32(truncatingIfNeeded: low) }

    /// 127.0.0.0/8 or ::1.
    package var isLoopback: Bool { isIPv4 ? v4 >> 24 == 127 : high == 0 && low == 1 }

    /// 0.0.0.0 or ::.
    package var isUnspecified: Bool { isIPv4 ? v4 == 0 : high == 0 && low == 0 }

    /// 127.0.0.1.
    package static var loopbackV4: IPAddress { IPAddress(v4: 0x7F00_0001) }

    /// ::1.
    package static var loopbackV6: IPAddress { IPAddress(high: 0, low: 1) }

    /// Octet `index` (0 ..< 16) of the 16-octet form.
    @inlinable
    package func octet(_ index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: index < 8 ? high >> (56 - 8 * UInt64(index)) : low >> (120 - 8 * UInt64(index)))
    }

    package static func < (left: IPAddress, right: IPAddress) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension IPAddress: LosslessStringConvertible {
    /// Parses dotted-quad IPv4 (no leading zeros) or RFC 4291 §2.2 IPv6 text; no zone, no brackets.
    package init?(_ text: String) {
        let octets = Array(text.utf8)
        guard octets.count <= 45 else { return nil }  // the longest: eight groups with an embedded IPv4 address
        if !octets.contains(UInt8(ascii: ":")) {
            guard let bits = Self.parseIPv4(octets[...]) else { return nil }
            self.init(v4: bits)
            return
        }
        guard let groups = Self.parseIPv6(octets[...]) else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for index in 0..<4 {
            words.0 = words.0 << 16 | UInt64(groups[index])
            words.1 = words.1 << 16 | UInt64(groups[index + 4])
        }
        self.init(high: words.0, low: words.1)
    }

    private static func parseIPv4(_ octets: ArraySlice<UInt8>) -> UInt32? {
        var bits: UInt32 = 0
        let parts = octets.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var value: UInt32 = 0
            for digit in part {
                guard digit >= 0x30, digit <= 0x39 else { return nil }
                value = value * 10 + UInt32(digit - 0x30)
            }
            guard value <= 255 else { return nil }
            bits = bits << 8 | value
        }
        return bits
    }

    private static func parseIPv6(_ octets: ArraySlice<UInt8>) -> [UInt16]? {
        var before: [UInt16] = []
        var after: [UInt16]?
        var rest = octets
        if rest.starts(with: [0x3A, 0x3A]) {
            after = []
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 0x3A) ?? rest.endIndex
            let group = rest[rest.startIndex..<end]
            if end == rest.endIndex, group.contains(UInt8(ascii: ".")) {
                guard let bits = parseIPv4(group) else { return nil }
                let pair = [UInt16(bits >> 16), UInt16(truncatingIfNeeded: bits)]
                if after == nil { before += pair } else { after? += pair }
                rest = []
                break
            }
            guard (1...4).contains(group.count) else { return nil }
            var value: UInt16 = 0
            for digit in group {
                guard let nibble = hexValue(digit) else { return nil }
                value = value << 4 | UInt16(nibble)
            }
            if after == nil { before.append(value) } else { after?.append(value) }
            if end == rest.endIndex { break }
            rest = rest[(end + 1)...]
            if rest.first == 0x3A {
                guard after == nil else { return nil }
                after = []
                rest = rest.dropFirst()
            } else if rest.isEmpty {
                return nil
            }
        }
        guard let after else { return before.count == 8 ? before : nil }
        guard before.count + after.count < 8 else { return nil }
        return before + Array(repeating: 0, count: 8 - before.count - after.count) + after
    }

    private static func hexValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }

    /// Dotted-quad for IPv4, RFC 5952 text for IPv6.
    package var description: String {
        if isIPv4 {
            return "\(v4 >> 24).\(v4 >> 16 & 255).\(v4 >> 8 & 255).\(v4 & 255)"
        }
        let groups = (0..<8).map {
            UInt16(truncatingIfNeeded: $0 < 4 ? high >> (48 - 16 * $0) : low >> (112 - 16 * $0))
        }
        var longest = 0..<0
        var start = 0
        while start < 8 {
            guard groups[start] == 0 else {
                start += 1
                continue
            }
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > 1, end - start > longest.count { longest = start..<end }
            start = end
        }
        func join(_ slice: ArraySlice<UInt16>) -> String {
            slice.map { String($0, radix: 16) }.joined(separator: ":")
        }
        if longest.isEmpty { return join(groups[...]) }
        return join(groups[..<longest.lowerBound]) + "::" + join(groups[longest.upperBound...])
    }
}
