// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// What a server is called in its certificate and by its clients (RFC 9525): a DNS name or an IP address.
package enum ServerName: Hashable, Sendable, CustomStringConvertible {
    /// A DNS name in lower case.
    case dns(String)
    /// An address.
    case address(IPAddress)

    /// The longest DNS name in octets (RFC 1035 §2.3.4).
    package static let maximumLength = 253

    /// Reads a DNS name (letters, digits, dashes and underscores between dots) or an address.
    ///
    /// - Returns: nil when it is neither; wildcards are not accepted.
    package init?(_ text: String) {
        if let address = IPAddress(text) {
            self = .address(address)
            return
        }
        let name = text.lowercased()
        guard !name.isEmpty, name.utf8.count <= Self.maximumLength else { return nil }
        for label in name.split(separator: ".", omittingEmptySubsequences: false) {
            guard !label.isEmpty, label.utf8.count <= 63, label.utf8.first != UInt8(ascii: "-"),
                label.utf8.last != UInt8(ascii: "-"), label.utf8.allSatisfy(Self.isNameCharacter)
            else { return nil }
        }
        self = .dns(name)
    }

    package var description: String {
        switch self {
        case .dns(let name): name
        case .address(let address): address.description
        }
    }

    /// The octets of the address, four or sixteen, for an iPAddress name (RFC 5280 §4.2.1.6).
    static func octets(of address: IPAddress) -> [UInt8] {
        (address.isIPv4 ? 12..<16 : 0..<16).map { index in
            UInt8(truncatingIfNeeded: (index < 8 ? address.high : address.low) >> UInt64(56 - 8 * (index % 8)))
        }
    }

    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
