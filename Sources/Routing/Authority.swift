// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// The `:authority` of a CONNECT request: a host and a port, both required (RFC 9113 §8.5, RFC 9110 §9.3.6).
package enum Authority: Equatable, Sendable {
    /// The longest taken, in octets: a DNS name of 253 (RFC 1035 §2.3.4), a colon and five digits.
    package static let maximumLength = 259

    /// An IP address and a port.
    case address(SocketAddress)
    /// A DNS name and a port.
    case host(String, port: UInt16)

    /// Reads `1.2.3.4:80`, `[2001:db8::1]:80` or `name:80`.
    ///
    /// - Returns: nil when it is none of these, the port is 0, or the name holds what no DNS name does.
    package init?(_ octets: Span<UInt8>) {
        guard octets.count <= Self.maximumLength, let colon = octets.lastIndex(of: UInt8(ascii: ":")),
            let port = Self.port(octets.extracting((colon + 1)..<octets.count)), colon > 0
        else { return nil }
        let host = octets.extracting(first: colon)
        let text = String(decoding: host)
        if host[0] == UInt8(ascii: "[") {
            guard text.utf8.last == UInt8(ascii: "]"), let ip = IPAddress(String(text.dropFirst().dropLast())),
                text.utf8.contains(UInt8(ascii: ":"))
            else { return nil }
            self = .address(SocketAddress(ip: ip, port: port))
        } else if let ip = IPAddress(text) {
            guard !text.utf8.contains(UInt8(ascii: ":")) else { return nil }
            self = .address(SocketAddress(ip: ip, port: port))
        } else {
            guard text.utf8.allSatisfy(Self.isNameOctet), !Self.isNumeric(text) else { return nil }
            self = .host(text, port: port)
        }
    }

    private static func port(_ digits: Span<UInt8>) -> UInt16? {
        guard digits.count >= 1, digits.count <= 5 else { return nil }
        var port: UInt32 = 0
        for index in digits.indices {
            guard digits[index] >= 0x30, digits[index] <= 0x39 else { return nil }
            port = port * 10 + UInt32(digits[index] - 0x30)
        }
        return port == 0 ? nil : UInt16(exactly: port)
    }

    /// Letters, digits, `-`, `.`, and `_`, which Kubernetes does not use but others do.
    private static func isNameOctet(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        default: false
        }
    }

    /// A name of digits and dots only is a broken IPv4 address, not a name.
    private static func isNumeric(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
    }
}

extension Span<UInt8> {
    fileprivate func lastIndex(of octet: UInt8) -> Int? {
        var index = count
        while index > 0 {
            index -= 1
            if self[index] == octet { return index }
        }
        return nil
    }
}
