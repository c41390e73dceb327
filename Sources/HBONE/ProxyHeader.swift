// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes
package import Identity

/// The header of the PROXY protocol, version 2 (haproxy `doc/proxy-protocol.txt` §2.2), which tells a proxy behind the tunnel
/// who connects to where.
package enum ProxyHeader {
    /// The TLV in which ztunnel tells the client's SPIFFE ID.
    package static let identityType: UInt8 = 0xD0

    /// Octets before the addresses.
    private static let prefix: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,  // the signature
        0x21,  // version 2, command PROXY
    ]

    /// The header of a TCP connection.
    ///
    /// When one address is IPv4 and the other IPv6, the former is written as the IPv4-mapped address, because the header has one
    /// family for both.
    ///
    /// - Parameters:
    ///   - source: the client.
    ///   - destination: what the client connected to.
    ///   - identity: who the client has proved to be.
    /// - Returns: 28 octets or more, 2.2 KiB at most (SPIFFE IDs have 2,048 octets at most).
    package static func encode(source: SocketAddress, destination: SocketAddress, identity: SPIFFEID?) -> [UInt8] {
        var body: [UInt8] = []
        let isIPv4 = source.ip.isIPv4 && destination.ip.isIPv4
        for ip in [source.ip, destination.ip] {
            for index in (isIPv4 ? 12 : 0)..<16 { body.append(ip.octet(index)) }
        }
        append(source.port, to: &body)
        append(destination.port, to: &body)
        if let identity {
            let text = Array(identity.description.utf8)
            body.append(identityType)
            append(UInt16(truncatingIfNeeded: text.count), to: &body)
            body += text
        }
        var header = prefix
        header.append(isIPv4 ? 0x11 : 0x21)  // TCP over IPv4, TCP over IPv6
        append(UInt16(truncatingIfNeeded: body.count), to: &header)
        return header + body
    }

    private static func append(_ value: UInt16, to octets: inout [UInt8]) {
        octets.append(UInt8(truncatingIfNeeded: value >> 8))
        octets.append(UInt8(truncatingIfNeeded: value))
    }
}
