// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// An address block: an address and how many of its leading bits count (RFC 4632, RFC 4291 §2.3).
package struct CIDR: Hashable, Sendable {
    /// The network address, host bits zero.
    package let network: IPAddress
    /// Leading bits of the family's own length (0...32 for IPv4, 0...128 for IPv6).
    package let prefixLength: Int

    /// The block that holds `address`; nil when `prefixLength` is too long for its family.
    package init?(_ address: IPAddress, prefixLength: Int) {
        guard prefixLength >= 0, prefixLength <= (address.isIPv4 ? 32 : 128) else { return nil }
        self.prefixLength = prefixLength
        let bits = address.isIPv4 ? prefixLength + 96 : prefixLength
        network = IPAddress(high: address.high & Self.mask(bits), low: address.low & Self.mask(bits - 64))
    }

    /// The block of one address.
    package init(only address: IPAddress) {
        network = address
        prefixLength = address.isIPv4 ? 32 : 128
    }

    /// The address, when the block is of one address.
    package var onlyAddress: IPAddress? { prefixLength == (network.isIPv4 ? 32 : 128) ? network : nil }

    /// Whether `address` lies in the block; families never match each other.
    @inlinable
    package func contains(_ address: IPAddress) -> Bool {
        guard address.isIPv4 == network.isIPv4 else { return false }
        let bits = network.isIPv4 ? prefixLength + 96 : prefixLength
        return address.high & Self.mask(bits) == network.high && address.low & Self.mask(bits - 64) == network.low
    }

    @usableFromInline
    static func mask(_ bits: Int) -> UInt64 {
        bits <= 0 ? 0 : bits >= 64 ? .max : ~(.max >> UInt64(bits))
    }
}

extension CIDR: LosslessStringConvertible {
    /// Parses `10.0.0.0/8`, `2001:db8::/32`, or a bare address (a block of one).
    package init?(_ text: String) {
        guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) else {
            guard let address = IPAddress(text) else { return nil }
            self.init(address, prefixLength: address.isIPv4 ? 32 : 128)
            return
        }
        let digits = text[text.index(after: slash)...]
        guard let address = IPAddress(String(text[..<slash])), (1...3).contains(digits.utf8.count),
            digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(digits)
        else { return nil }
        self.init(address, prefixLength: length)
    }

    /// `10.0.0.0/8`; a block of one address is written with its full length too.
    package var description: String { "\(network)/\(prefixLength)" }
}
