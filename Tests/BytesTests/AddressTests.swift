// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Bytes

@Suite("IPAddress, SocketAddress, CIDR")
struct AddressTests {
    @Test(
        "RFC 4291 §2.2, RFC 5952: text is read and written in its canonical form",
        arguments: [
            ("10.0.0.1", "10.0.0.1"),
            ("::", "::"),
            ("::1", "::1"),
            ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),  // one group of zeros stays
            ("::ffff:10.0.0.1", "10.0.0.1"),  // mapped is IPv4
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ])
    func canonical(text: String, expected: String) {
        #expect(IPAddress(text)?.description == expected)
    }

    @Test(
        "Everything else is refused",
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.4 ", ":", ":::", "1::2::3", "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9", "12345::", "g::", "::1%eth0", "[::1]", "1.2.3.4:80", "1:2:3:4:5:6:7:8::",
        ])
    func refused(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("Address and port go together, IPv6 in brackets")
    func socketAddress() {
        #expect(SocketAddress("1.2.3.4:80")?.description == "1.2.3.4:80")
        #expect(SocketAddress("[2001:db8::1]:443")?.description == "[2001:db8::1]:443")
        for text in ["1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:+1", "::1:80", "[1.2.3.4]:80", "[::1]80"] {
            #expect(SocketAddress(text) == nil, "\(text)")
        }
    }

    @Test("RFC 4632: a block holds what its prefix covers, of its own family only")
    func cidr() throws {
        let block = try #require(CIDR("10.1.2.3/15"))
        #expect(block.description == "10.0.0.0/15")
        for (text, isIn) in [("10.1.255.255", true), ("10.2.0.0", false), ("::ffff:10.0.0.9", true), ("::1", false)] {
            #expect(block.contains(try #require(IPAddress(text))) == isIn, "\(text)")
        }
        let all = try #require(CIDR("::/0"))
        #expect(!all.contains(try #require(IPAddress("1.2.3.4"))))
        #expect(CIDR("10.0.0.0/33") == nil)
        #expect(CIDR("2001:db8::/129") == nil)
    }
}
