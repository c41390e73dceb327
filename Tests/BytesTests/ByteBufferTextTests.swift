// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
import Bytes
import Testing

@Suite("ByteBuffer text")
struct ByteBufferTextTests {
    private func text(capacity: Int = 64, _ write: (inout ByteBuffer) -> Bool) -> String? {
        var buffer = ByteBuffer(capacity: capacity)
        return write(&buffer) ? String(decoding: buffer.readable) : nil
    }

    @Test(
        "RFC 5952: an address is written as its description says",
        arguments: [
            "0.0.0.0", "10.244.0.24", "255.255.255.255", "::", "::1", "1::", "2001:db8::1", "2001:db8:0:1:1:1:1:1",
            "2001:0:0:1::1", "2001:db8:1:2:3:4:5:6", "fe80::1:0:0:1", "1:2:3:4:5:6:7::",
        ])
    func addresses(source: String) throws {
        let address = try #require(IPAddress(source))
        #expect(text { $0.append(address) } == address.description)
        let socket = SocketAddress(ip: address, port: 15008)
        #expect(text { $0.append(socket) } == socket.description)
    }

    @Test(
        "RFC 3339: a time is written in UTC with microseconds",
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1_712_849_922_182_974_999, "2024-04-11T15:38:42.182974Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000000Z"),  // a leap year that 100 divides
            (4_107_542_399_999_999_000, "2100-02-28T23:59:59.999999Z"),  // not a leap year
            (-1, "1969-12-31T23:59:59.999999Z"),
        ] as [(Int64, String)])
    func times(nanoseconds: Int64, expected: String) {
        #expect(text { $0.append(rfc3339: nanoseconds) } == expected)
    }

    @Test("Numbers of every size are written in full")
    func numbers() {
        #expect(text { $0.append(decimal: UInt64.max) } == "18446744073709551615")
        #expect(text { $0.append(decimal: Int64.min) } == "-9223372036854775808")
        #expect(text { $0.append(decimal: UInt64(7), paddedTo: 3) } == "007")
        #expect(text { $0.append(hexadecimal: 0xBEEF) } == "beef")
        #expect(text { $0.append(hexadecimal: 0) } == "0")
    }

    @Test("What does not fit leaves the buffer as it was", arguments: 1..<17)
    func allOrNothing(capacity: Int) throws {
        let address = SocketAddress(ip: try #require(IPAddress("2001:db8::1")), port: 80)  // 16 characters
        var buffer = ByteBuffer(capacity: capacity)
        let fits = buffer.append(address)
        #expect(fits == (capacity >= 16))
        #expect(buffer.count == (fits ? 16 : 0))
        let negative = buffer.append(rfc3339: 0)
        #expect(!negative)
        #expect(buffer.count == (fits ? 16 : 0))
    }
}
