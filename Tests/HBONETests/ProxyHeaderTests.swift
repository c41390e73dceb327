// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Identity
import Testing

@testable import HBONE

@Suite("ProxyHeader")
struct ProxyHeaderTests {
    private func encode(_ source: String, _ destination: String, _ identity: SPIFFEID? = nil) throws -> [UInt8] {
        ProxyHeader.encode(
            source: try #require(SocketAddress(source)), destination: try #require(SocketAddress(destination)),
            identity: identity)
    }

    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10, 0x21]

    @Test("proxy-protocol.txt §2.2: TCP over IPv4 takes twelve octets of addresses and ports")
    func version4() throws {
        #expect(
            try encode("10.0.0.1:258", "10.1.0.2:80") == Self.signature + [
                0x11, 0, 12,  // TCP over IPv4, length
                10, 0, 0, 1, 10, 1, 0, 2,  // addresses
                1, 2, 0, 80,  // ports
            ])
    }

    @Test("proxy-protocol.txt §2.2.1: the identity follows as TLV 0xD0")
    func identity() throws {
        let text = "spiffe://cluster.local/ns/a/sa/b"
        let header = try encode("10.0.0.1:258", "10.1.0.2:80", SPIFFEID(text))
        #expect(header[14...15] == [0, UInt8(12 + 3 + text.utf8.count)])
        #expect(header[28..<31] == [0xD0, 0, UInt8(text.utf8.count)])
        #expect(Array(header[31...]) == Array(text.utf8))
    }

    @Test("proxy-protocol.txt §2.2: one family serves both addresses; IPv4 is mapped beside IPv6")
    func mixed() throws {
        let header = try encode("10.0.0.1:258", "[fd00::2]:80")
        #expect(Array(header[13...15]) == [0x21, 0, 36])
        #expect(Array(header[16..<32]) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1])
        #expect(Array(header[32..<48]) == [0xFD] + [UInt8](repeating: 0, count: 14) + [2])
        #expect(Array(header[48...]) == [1, 2, 0, 80])
    }
}
